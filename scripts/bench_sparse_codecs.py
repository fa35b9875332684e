"""Codecs of sparse data: compression, symbols per cycle, cells.

Section of scripts/bench_sparse: --only codecs [--symbols N] [--cells]

compression  For each share of symbols that are not zero: bits as they are over bits as coded, by
             the Python encoder and, where there is one, by the hardware encoder. The symbols are
             int8, small values more often than large ones. Huffman's bits include its table.
             "entropy" is what no code of single symbols can exceed.
speed        Symbols (columns: entries, fillers included) per cycle of the decoder, in simulation:
             when nobody waits; when the sink refuses in 30 % of all cycles, and then per cycle in
             which it does not (columns: fillers are no result, so there is no such figure); when
             source and sink both pause in 30 %. Huffman's cycles include those to load its table.
cells        LUTs and flip-flops after synthesis, with --cells. LUT equivalents are LUT4 + 2 CCU2C.

Wrong is a decoder that gives anything but the symbols, or less than a symbol in each cycle in which
the sink accepts, and an encoder that makes other words than Python's.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from holigrail_hw.core import Timing
from holigrail_hw.core.parameters import construct
from holigrail_hw.flow.emit import verilog as emit_verilog
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.synth import synth
from holigrail_hw.flow.top import Top
from holigrail_hw.sparse.bitmask_decoder import BitmaskDecoder
from holigrail_hw.sparse.bitmask_encoder import BitmaskEncoder
from holigrail_hw.sparse.codecs.bitmask_engine import mask_items
from holigrail_hw.sparse.codecs.engine import marked
from holigrail_hw.sparse.codecs.huffman import Huffman, limited_lengths
from holigrail_hw.sparse.codecs.run_length_engine import word_items
from holigrail_hw.sparse.csc_decoder.operator import CscDecoder
from holigrail_hw.sparse.huffman_decoder import HuffmanDecoder
from holigrail_hw.sparse.run_length_decoder import RunLengthDecoder
from holigrail_hw.sparse.run_length_encoder import RunLengthEncoder
from holigrail_hw.ui.progress import Progress
from holigrail_hw.ui.tables import table

__all__ = ["codecs", "configure"]

DENSITIES = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
PAUSE = 0.3
WIDTH = 8
Items = dict[str, dict[str, Any]]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--symbols",
        type=int,
        choices=range(512, 4097, 512),
        default=4096,
        metavar="N",
        help="symbols of a frame of the codecs, a multiple of 512, at most 4096",
    )


def make(cls: Any, **texts: Any) -> Any:
    return construct(cls, texts, who=cls.name)


DESIGNS = {
    "run length": make(RunLengthDecoder, symbol="int8", run_width=4),
    "run length, encoder": make(RunLengthEncoder, symbol="int8", run_width=4),
    "bit mask": make(BitmaskDecoder),
    "bit mask, encoder": make(BitmaskEncoder),
    "huffman": make(HuffmanDecoder, symbol="int8", lengths="none"),
    "columns": make(CscDecoder),
}
# Further designs whose cells are counted.
CELLS = {
    **DESIGNS,
    "run length, 64-bit word": make(RunLengthDecoder),
    "run length, 64-bit word, encoder": make(RunLengthEncoder),
    "bit mask, block of 1": make(BitmaskDecoder, block=1),
    "bit mask, block of 4": make(BitmaskDecoder, block=4),
    "huffman, 16 constant words": make(HuffmanDecoder),
    "huffman, constant, up to 16 bits": make(HuffmanDecoder, lengths=[*range(1, 17), 16]),
    "columns, absolute rows": make(CscDecoder, index_width="none"),
}


def symbols_of(rng: np.random.Generator, count: int, density: float) -> Any:
    """Codes of int8; magnitudes are geometric."""
    magnitude = np.minimum(rng.geometric(0.08, count), 127)
    signed = np.where(rng.random(count) < 0.5, magnitude, -magnitude)
    return np.where(rng.random(count) < density, signed, 0).astype(np.uint64) & np.uint64(255)


def entropy_ratio(symbols: Any) -> float | None:
    """Width over the bits of entropy of a symbol."""
    share = np.bincount(symbols.astype(int)) / len(symbols)
    bits = -sum(p * np.log2(p) for p in share if p)
    return WIDTH / bits if bits else None


class Coded:
    """One frame: what goes into the decoder, its bits, and how the symbols come back."""

    def __init__(self, codec: str, symbols: Any):
        self.codec, self.symbols = codec, symbols
        spec = DESIGNS[codec]
        if codec == "huffman":
            lengths = limited_lengths(np.bincount(symbols.astype(int), minlength=256).tolist())
            inner = Huffman(lengths, spec.longest, spec.word_width)
            entries = np.array([*inner.counts, *inner.order], np.uint64)
            coded = inner.encode(symbols)
            self.items: Items = {
                "frame": {"count": np.array([coded["count"]]), "load": np.ones(1, np.uint64)},
                "table": marked({"data": entries}),
                "code": marked({"bits": coded["bits"]}),
            }
            self.bits = inner.bits(coded) + len(entries) * spec.table_format.width
            self.moved = len(symbols)
            return
        inner = spec.codec
        if codec == "columns":
            coded = inner.encode(symbols.reshape(spec.rows, -1))
            entry = {name: coded[name] for name in ("index", "value")}
            self.items = {
                "pointer": marked({"pointer": coded["pointer"]}),
                "entry": marked(entry),
            }
            self.moved = len(coded["index"])
        else:
            coded = inner.encode(symbols)
            one_stream = codec == "run length"
            self.items = {"word": word_items(coded)} if one_stream else mask_items(coded)
            self.moved = len(symbols) if one_stream else len(symbols) // spec.block
        self.bits = inner.bits(coded)

    @property
    def results(self) -> dict[str, int]:
        """How many items the decoder gives."""
        if self.codec == "columns":
            return {"nonzero": int(np.count_nonzero(self.symbols)) + 1}
        return {"block" if self.codec == "bit mask" else "symbol": self.moved}

    def back(self, results: Items) -> Any:
        """The symbols from the decoder's items."""
        if self.codec == "bit mask":
            block = results["block"]
            values = [block[f"v{i}"] for i in range(DESIGNS["bit mask"].block)]
            return np.stack(values, axis=1).ravel()
        if self.codec == "columns":
            found = np.zeros((DESIGNS["columns"].rows, len(self.symbols)), np.uint64)
            one = {name: codes[:-1].astype(int) for name, codes in results["nonzero"].items()}
            found[one["row"], one["column"]] = one["value"]
            return found[:, : len(self.symbols) // len(found)].ravel()
        return results["symbol"]["value"]


def encoded_by_hardware(designs: dict[str, Compiled], one: Coded) -> bool | None:
    """Whether the hardware encoder makes the same words; ``None`` without an encoder."""
    name = f"{one.codec}, encoder"
    if name not in designs:
        return None
    if one.codec == "bit mask":
        rows = one.symbols.reshape(-1, DESIGNS[name].block)
        given = {"block": marked({f"v{i}": rows[:, i] for i in range(rows.shape[1])})}
    else:
        given = {"symbol": marked({"value": one.symbols})}
    counts = {stream: len(fields["last"]) for stream, fields in one.items.items()}
    found = designs[name].run_streams(given, counts).results
    return all(
        np.array_equal(found[stream][field], codes)
        for stream, fields in one.items.items()
        for field, codes in fields.items()
    )


def per_free_cycle(refused: Any, cycles: int, free_cycles: int, count: int) -> float:
    """Items per cycle in which the sink accepts, but for those before the first item."""
    accepted = int((~refused[np.arange(free_cycles - count, cycles) % len(refused)]).sum())
    return count / accepted


def codecs(options: argparse.Namespace, console: Console) -> list[str]:
    """All tables; what is wrong, in words."""
    failures: list[str] = []
    with Progress(Console(stderr=True)) as progress:
        requests = [(spec, Timing()) for spec in DESIGNS.values()]
        compiled = compile_all(requests, short=True, progress=progress)
    designs = dict(zip(DESIGNS, compiled, strict=True))
    rng = np.random.default_rng(1)
    rows: list[list[Any]] = []
    for density in DENSITIES:
        symbols = symbols_of(rng, options.symbols, density)
        refused, kept = rng.random(1021) < PAUSE, rng.random(1021) < PAUSE
        for codec in ("run length", "bit mask", "huffman", "columns"):
            one, label = Coded(codec, symbols), f"{codec}, density {density}"
            count = sum(one.results.values())
            block = DESIGNS[codec].block if codec == "bit mask" else 1
            sink = {next(iter(one.results)): refused}
            both = sink | dict.fromkeys(one.items, kept)
            free, slow, slowest = (
                designs[codec].run_streams(one.items, one.results, pauses=pauses)
                for pauses in ({}, sink, both)
            )
            if any(not np.array_equal(one.back(r.results), symbols) for r in (free, slow, slowest)):
                failures.append(f"{label}: the symbols must come back")
            same = encoded_by_hardware(designs, one)
            if same is False:
                failures.append(f"{label}: the hardware encoder must make Python's words")
            rate = None
            if codec != "columns":
                rate = block * per_free_cycle(refused, slow.cycles, free.cycles, count)
            if rate is not None and rate < block:
                failures.append(f"{label}: {block} in each cycle the sink accepts, not {rate:.3f}")
            ratio = len(symbols) * WIDTH / one.bits
            moved = one.moved * block
            rows.append(
                [density, codec, entropy_ratio(symbols), ratio, ratio if same else None]
                + [moved / free.cycles, moved / slow.cycles, rate]
                + [moved / slowest.cycles]
            )
    header = [
        "density",
        "codec",
        "entropy",
        "ratio, Python",
        "ratio, hardware",
        "symbols per cycle",
    ]
    table(console, [*header, "sink refuses 30 %", "per accepting cycle", "both pause 30 %"], rows)
    options.record["codecs"] = rows
    if options.cells:
        options.record["codec cells"] = cells(console)
    return failures


def cells(console: Console) -> list[list[Any]]:
    """Synthesis of all designs for two families."""
    rows = []
    with Progress(Console(stderr=True)) as progress, tempfile.TemporaryDirectory() as folder:
        for name, spec in CELLS.items():
            row: list[Any] = [name]
            top = Top(spec, Timing())
            file = Path(folder) / f"{top.name}.v"
            file.write_text(emit_verilog.verilog(top))
            for device in ("ecp5-85k", "ice40up5k"):
                found = synth.run(
                    [file],
                    top.name,
                    device,
                    work_dir=Path(folder) / f"{top.name}_{device}",
                    place=False,
                    progress=progress,
                )
                luts = found.luts + 2 * found.carries * device.startswith("ecp5")
                row += [luts, found.flip_flops, found.memories]
            rows.append([*row, spec.cost()["luts"], spec.cost()["flip_flops"]])
    header = ["design", "ECP5 LUT equivalents", "flip-flops", "memories"]
    header += ["iCE40 LUTs", "flip-flops", "memories", "estimated LUTs", "flip-flops"]
    table(console, header, rows)
    return rows
