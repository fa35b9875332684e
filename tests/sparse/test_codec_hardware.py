"""Decoders in hardware: wrong frames end in an error and leave no trace; a symbol per cycle."""

from dataclasses import replace

import numpy as np
import pytest
from hardware import make

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.streams import joined
from holigrail_hw.flow.simulate.compiled import compile_all
from holigrail_hw.flow.verify import workloads
from holigrail_hw.sparse.bitmask_decoder import BitmaskDecoder
from holigrail_hw.sparse.bitmask_encoder import BitmaskEncoder
from holigrail_hw.sparse.codecs.engine import marked
from holigrail_hw.sparse.csc_decoder.operator import CscDecoder
from holigrail_hw.sparse.huffman_decoder import HuffmanDecoder
from holigrail_hw.sparse.run_length_decoder import RunLengthDecoder
from holigrail_hw.sparse.run_length_encoder import RunLengthEncoder

SIXTEEN_BITS = (*range(1, 17), 16)
SPECS = {
    "run length": make(RunLengthDecoder, symbol="int5", run_width=2),
    "bit mask": make(BitmaskDecoder, symbol="uint3", block=4),
    "huffman": make(HuffmanDecoder, lengths=SIXTEEN_BITS, word_width=16),
    "huffman, loaded": make(HuffmanDecoder, lengths="none", symbol="uint3", word_width=9),
    "relative columns": make(CscDecoder, symbol="int4", rows=13, columns=9, index_width=2),
    "absolute columns": make(CscDecoder, symbol="int4", rows=13, columns=9, index_width="none"),
}


@pytest.fixture(scope="module")
def designs():
    compiled = compile_all([(spec, Timing()) for spec in SPECS.values()], short=True)
    return dict(zip(SPECS, compiled, strict=True))


@pytest.fixture(params=SPECS)
def design(request, designs):
    return designs[request.param]


def frame(spec, symbols: int = 40, density: float = 0.6, seed: int = 4) -> dict:
    """A right frame that needs all its items."""
    return spec.frame(np.random.default_rng(seed), symbols, density)


def errors(design, frames: list[dict]) -> list[int]:
    """Run the frames with random pauses, each with a right one behind; which had an error?"""
    spec = design.top.spec
    right = frame(spec, 9, 0.4, seed=8)
    items = joined([one for given in frames for one in (given, right)])
    chosen = workloads.given(spec, items)
    rng = np.random.default_rng(5)
    pauses = {stream.name: rng.random(97) < 0.3 for stream in design.top.handshakes()}
    run = design.run_streams(items, chosen.counts, pauses=pauses, quiet=spec.quiet_cycles)
    assert workloads.differences(chosen, run.results) == []
    (result,) = run.results.values()
    flags = result["error"][result["last"] == 1].tolist()
    assert len(flags) == 2 * len(frames) and not any(flags[1::2])
    return flags[::2]


def test_every_cut_is_an_error(design):
    spec = design.top.spec
    whole = frame(spec)
    cuts = []
    for name, fields in whole.items():
        if "last" not in fields:
            continue
        for count in range(1, len(fields["last"])):
            kept = {field: codes[:count] for field, codes in fields.items() if field != "last"}
            cuts.append({**whole, name: marked(kept)})
    assert len(cuts) > 4
    assert all(errors(design, cuts))


def test_whatever_bit_is_flipped_the_next_frame_is_right(design):
    spec = design.top.spec
    whole = frame(spec)
    wrong = []
    for name, fields in whole.items():
        for field, codes in fields.items():
            if field in ("last", "load"):
                continue
            for place in range(len(codes)):
                for bit in range(spec.streams()[name].fields[field].width):
                    other = codes.copy()
                    other[place] ^= np.uint64(1 << bit)
                    wrong.append({**whole, name: {**fields, field: other}})
    found = errors(design, wrong)
    assert any(found)


def test_garbage_is_survived(design):
    spec = design.top.spec
    rng = np.random.default_rng(9)
    frames = []
    for _ in range(120):
        one = {}
        for name, stream in spec.streams().items():
            if stream.direction == "out":
                continue
            count = 1 if name == "frame" else int(rng.integers(1, 12))
            one[name] = {
                field: rng.integers(0, 1 << format.width, count, np.uint64)
                for field, format in stream.fields.items()
                if field != "last"
            }
            if "last" in stream.fields:
                one[name] = marked(one[name])
            if "load" in one[name]:
                one[name]["load"][:] = 1
            if "count" in one[name]:
                one[name]["count"] %= np.uint64(50)
        frames.append(one)
    assert sum(errors(design, frames)) > 60


def test_wrong_tables_are_refused(designs):
    """Too many code words for their lengths or for the symbols, none, or the wrong number."""
    design = designs["huffman, loaded"]
    longest = design.top.spec.longest

    def with_table(counts: list[int], symbols: list[int]) -> dict:
        data = [*counts, *[0] * (longest - len(counts)), *symbols]
        one = {"count": np.ones(1, np.uint64), "load": np.ones(1, np.uint64)}
        code = marked({"bits": np.zeros(1, np.uint64)})
        return {"frame": one, "table": marked({"data": np.array(data, np.uint64)}), "code": code}

    right = [([2], [5, 6]), ([1, 2], [1, 2, 3]), ([0, 0, 8], [*range(8)]), ([1], [7])]
    wrong = [
        ([3], [5, 6, 7]),
        ([1, 3], [1, 2, 3, 4]),
        ([0, 3, 2, 1], [1, 2, 3, 4, 5, 6]),
        ([0, 0, 0, 9], [*range(8), 0]),
        ([0, 0, 0, 4, 5], [*range(8), 0]),
        ([], [1]),
        ([2], [1]),
        ([2], [1, 2, 3]),
        ([2], []),
    ]
    assert not any(errors(design, [with_table(*one) for one in right]))
    assert all(errors(design, [with_table(*one) for one in wrong]))


@pytest.mark.parametrize("name", ["relative columns", "absolute columns"])
def test_a_matrix_that_is_too_large_is_refused(designs, name):
    design = designs[name]

    def matrix(rows: int, columns: int) -> dict:
        codec = replace(design.top.spec.codec, rows=rows, columns=columns)
        if not codec.relative:
            codec = replace(codec, rows=16)
        values = np.zeros((codec.rows, columns), np.uint64)
        values[rows - 1] = 1
        coded = codec.encode(values)
        entries = {field: coded[field] for field in ("index", "value")}
        return {"pointer": marked({"pointer": coded["pointer"]}), "entry": marked(entries)}

    found = errors(design, [matrix(13, 9), matrix(13, 10), matrix(14, 9), matrix(14, 10)])
    assert found == [0, 1, 1, 1]


def ideal(refused: np.ndarray, latency: int, count: int) -> int:
    """Cycles until so many items are accepted, if one is there in every cycle from the first on."""
    taken, cycle = 0, latency
    while taken < count:
        taken += not refused[cycle % len(refused)]
        cycle += 1
    return cycle


def long_frame(spec) -> dict:
    """Many symbols; of columns none is without entries and no entry is a filler."""
    if not isinstance(spec, CscDecoder):
        return frame(spec, 900, 0.4)
    rows = np.ones((spec.rows, spec.columns), np.uint64)
    coded = spec.codec.encode(rows)
    entries = {name: coded[name] for name in ("index", "value")}
    return {"pointer": marked({"pointer": coded["pointer"]}), "entry": marked(entries)}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_a_symbol_per_cycle_however_often_the_sink_refuses(design, share):
    spec = design.top.spec
    items = long_frame(spec)
    chosen = workloads.given(spec, items)
    (count,) = chosen.counts.values()
    (sink,) = chosen.counts
    refused = np.random.default_rng(3).random(251) < share
    run = design.run_streams(items, chosen.counts, pauses={sink: refused})
    # First come the table or the first two pointers.
    before = len(items["table"]["last"]) if "table" in items else 2 * ("pointer" in items)
    latency = spec.latency + before
    assert design.run_streams(items, chosen.counts).cycles == latency + count
    assert run.cycles == ideal(refused, latency, count)


@pytest.mark.parametrize(
    ("cls", "texts", "message"),
    [
        (BitmaskDecoder, {"block": 6}, "block must be a power of two, not 6"),
        (BitmaskEncoder, {"block": 6}, "block must be a power of two, not 6"),
        (BitmaskEncoder, {"symbol": "int17"}, "symbol must have at most 16 bits, not 17"),
        (RunLengthEncoder, {"symbol": "fp32"}, "symbol must have at most 16 bits, not 32"),
        (RunLengthDecoder, {"symbol": "int17"}, "symbol must have at most 16 bits"),
        (CscDecoder, {"symbol": "int17"}, "symbol must have at most 16 bits"),
        (HuffmanDecoder, {"lengths": "1,1,1"}, "lengths must leave room for all code words"),
        (HuffmanDecoder, {"lengths": "0,0"}, "lengths must be 0 to 1 and not all 0"),
        (HuffmanDecoder, {"lengths": "17"}, "lengths must be 0 to 16"),
        (HuffmanDecoder, {"lengths": "-1,1"}, "lengths must be 0 to 1"),
        (HuffmanDecoder, {"lengths": "1,2,3", "symbol": "uint1"}, "lengths must be at most 2, one"),
        (HuffmanDecoder, {"word_width": 8}, "word_width must be at least longest, 9, not 8"),
        (
            HuffmanDecoder,
            {"lengths": "none", "symbol": "int13"},
            "symbol must have at most 12 bits with a loaded table, not 13",
        ),
    ],
)
def test_what_cannot_be_is_refused(cls, texts, message):
    with pytest.raises(RequestError, match=message):
        make(cls, **texts)


def test_facts_and_views():
    assert make(BitmaskDecoder, block=4).facts()["symbols per cycle"] == 4
    assert make(RunLengthDecoder).facts()["bits of a word"] == 64
    spec = make(HuffmanDecoder)
    assert spec.facts()["longest code word (bits)"] == 9
    (view,) = spec.views()
    assert sum(view.panels[0].counts) == 16 == spec.facts()["code words"]
    assert make(HuffmanDecoder, lengths="none").views() == []
