"""Energy before any tool runs: what is counted, what is looked up, and the levels of arrays."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.arith.multiply import Multiply
from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.shared.tiling import Tiling
from holigrail_hw.arrays.systolic_array.operator import DATAFLOWS, SystolicArray
from holigrail_hw.arrays.tensor_array.operator import TensorArray
from holigrail_hw.cli.main import main
from holigrail_hw.core import Timing, operators
from holigrail_hw.estimate.energy.memories import read_memories
from holigrail_hw.estimate.energy.model import energy_model
from holigrail_hw.flow.energy.activity import LANES, Simulation, changes
from holigrail_hw.flow.energy.estimate import estimate, levels
from holigrail_hw.flow.energy.words import Uncovered, read
from holigrail_hw.flow.simulate.gate_streams import run_streams
from holigrail_hw.flow.simulate.gates import codes_of_lanes, words_of_bits
from holigrail_hw.flow.synth.asic.calibration import Calibration, Row
from holigrail_hw.flow.synth.netlist_gates import Machine
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import workloads

PLANNED = sorted(name for name, cls in operators().items() if cls.has_plan)


@pytest.mark.sampled
@pytest.mark.parametrize("name", PLANNED)
def test_words_equal_golden(name):
    """What is counted is what the design does: every planned operator, in NumPy, cycle by cycle."""
    spec = operators()[name]()
    top = Top(spec, Timing())
    run = Simulation(read(top.rtlil))
    cycles = 6 + top.latency
    codes = spec.stimulus(np.random.default_rng(3), cycles * LANES)
    given = {key: np.asarray(values).reshape(cycles, LANES) for key, values in codes.items()}
    results: dict[str, list] = {port.name: [] for port in top.outputs()}
    for cycle in range(cycles):
        for key, values in given.items():
            if key in run.design.inputs:
                bits = run.design.inputs[key]
                for bit, word in zip(
                    bits, words_of_bits(values[cycle], len(bits), LANES // 64), strict=True
                ):
                    run.values[bit] = word
        run.cycle(counts=True)
        for port in top.outputs():
            rows = run.before[list(run.design.outputs[port.name])]
            results[port.name].append(codes_of_lanes(rows, LANES))
    expected = spec.reference(given, top.interleave)
    for key, sides in expected.items():
        low, high = sides[:2] if isinstance(sides, tuple) else (sides, sides)
        found = np.stack(results[key])[top.latency :]
        count = cycles - top.latency
        right = (found == np.asarray(low)[:count]) | (found == np.asarray(high)[:count])
        assert right.all(), key
    assert sum(run.sums().values()) > 0


@pytest.mark.sampled
@pytest.mark.parametrize("name", sorted(operators()))
def test_every_operator_has_an_estimate(name):
    found = estimate(operators()[name]())
    assert found.total > 0 and found.node_nm == 45
    assert found.per == ("item" if found.counted == "changes" else "cycle")
    assert (found.counted == "changes") == (name in PLANNED)


def test_operands_that_stay_change_nothing():
    top = Top(Multiply(), Timing(latency=2))
    found = changes(top, {"a": 0x3A, "b": 0x41})
    assert found.pop("register") > 8
    assert set(found.values()) == {0.0}
    assert sum(changes(top).values()) > 50


def test_zero_weights_take_less_and_registers_cost_their_clock():
    spec = Mac()
    busy = estimate(spec, held={"enable": 1, "clear": 0})
    assert estimate(spec, held={"enable": 1, "clear": 0, "b": 0}).logic < 0.5 * busy.logic
    assert estimate(Multiply()).registers == 0
    assert estimate(Multiply(), Timing(latency=3)).registers > 8 * energy_model().register


def test_equal_bits_count_once():
    """The sign of a narrow sum, extended, is one bit; so is a bit and its opposite."""

    def text(cell: str) -> str:
        return f"module \\m\n  wire width 1 input 0 \\a\n  wire width 4 output 1 \\y\n{cell}end\n"

    extended = "  connect \\y { \\a [0] \\a [0] \\a [0] \\a [0] }\n"
    inverted = (
        "  cell $not $1\n    parameter \\A_SIGNED 1\n    parameter \\A_WIDTH 1\n"
        "    parameter \\Y_WIDTH 4\n    connect \\A \\a\n    connect \\Y \\y\n  end\n"
    )
    for cell in (extended, inverted):
        run = Simulation(read(text(cell)))
        for word in (0, 1, 0, 1):
            run.values[list(run.design.inputs["a"])] = word
            run.cycle(counts=True)
        # Three changes in one of the lanes of each word.
        assert run.sums() == {"in": 3 * LANES // 64}


def test_what_is_not_known_is_said():
    for text in ("module \\m\nend\nmodule \\n\nend\n", "memory width 4 size 8 \\m\n"):
        with pytest.raises(Uncovered):
            read(text)
    cell = (
        "module \\m\n  wire width 1 output 0 \\y\n  cell $pow $1\n    connect \\Y \\y\n  end\nend\n"
    )
    with pytest.raises(Uncovered, match="pow"):
        Simulation(read(cell))


def test_energies_of_memories():
    memories = read_memories()
    for size, energy in ((8192, 10), (32768, 20), (1 << 20, 100)):
        assert memories.on_chip_pj(64, size) == pytest.approx(energy)
    # Half a word takes half; between two sizes and below them the power of the neighbours goes on.
    assert memories.on_chip_pj(32, 16384) == pytest.approx(5 * 2**0.5)
    assert memories.on_chip_pj(64, 2048) == pytest.approx(5)
    assert memories.on_chip_pj(64, 4 << 20) == pytest.approx(100 * 4 ** (np.log(5) / np.log(32)))
    assert memories.off_chip_pj(128) == (2600, 5200)


GOOD = {
    "word_bits": 32,
    "source": "a test",
    "on_chip": [{"bytes": 1024, "pj": 2}, {"bytes": 4096, "pj": 4}],
    "off_chip": {"low_pj": 100, "high_pj": 100},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on_chip": []}, "on_chip must be two sizes or more that rise"),
        ({"on_chip": GOOD["on_chip"][::-1]}, "on_chip must be two sizes or more that rise"),
        ({"word_bits": "wide"}, "'wide' where a positive number must be"),
        ({"word_bits": True}, "True where a positive number must be"),
        ({"word_bits": 0.5}, "0.5 where word_bits must be a whole number"),
        ({"word_bits": 10**400}, "inf where a positive number must be"),
        ({"word_bits": -16}, "-16.0 where a positive number must be"),
        ({"off_chip": {"low_pj": 2, "high_pj": 1}}, "low_pj must be at most high_pj"),
        ({"off_chip": {}}, "no table of memories ('low_pj')"),
        ({"on_chip": 3}, "no table of memories"),
    ],
)
def test_a_wrong_table_of_memories(change, message, tmp_path, capsys):
    file = tmp_path / "memories.json"
    file.write_text(json.dumps(GOOD | change))
    assert main(["info", "multiply", "--memories", str(file)]) == 2
    error = capsys.readouterr().err
    assert "--memories: the file must be a table of memories, not" in error and message in error


def test_a_table_that_cannot_be_read(tmp_path, capsys):
    file = tmp_path / "memories.json"
    for text in (None, "{", "\xff"):
        if text is not None:
            file.write_bytes(text.encode("latin-1"))
        assert main(["info", "multiply", "--memories", str(file)]) == 2
        error = capsys.readouterr().err
        assert ("No such file" if text is None else "no JSON") in error


def test_a_table_of_ones_own(tmp_path, capsys):
    file = tmp_path / "memories.json"
    file.write_text(json.dumps(GOOD))
    words = ["info", "systolic-array", "--m", "8", "--k", "8", "--n", "8", "--json"]
    assert main(words) == 0
    ours = json.loads(capsys.readouterr().out)["energy"]
    assert main([*words, "--memories", str(file)]) == 0
    theirs = json.loads(capsys.readouterr().out)["energy"]
    assert ours["job"] == theirs["job"] == "8 x 8 x 8, buffers of 8 KiB"
    for one, other in zip(ours["levels"], theirs["levels"], strict=True):
        share = one["accesses"] * (8 if one["what"].startswith(("activ", "weight")) else 18)
        if one["level"] == "off-chip":
            assert other["low_pj"] == other["high_pj"] == pytest.approx(share / 32 * 100)
            assert one["high_pj"] == 2 * one["low_pj"] == pytest.approx(share / 64 * 2600)
        elif one["level"] != "buffer":
            assert one == other


class Counting(Machine):
    """Counts the items that pass each stream."""

    def watch(self, streams):
        self.streams, self.given = streams, {}
        self.passed = dict.fromkeys((stream.name for stream in streams), 0)

    def put(self, port, codes):
        super().put(port, codes)
        getattr(self, "given", {})[port] = codes[0]

    def edge(self):
        for stream in getattr(self, "streams", ()):
            mine, theirs = stream.valid, stream.ready
            if stream.direction == "out":
                mine, theirs = theirs, mine
            self.passed[stream.name] += bool(self.given.get(mine) and self.get(theirs)[0])
        super().edge()


@pytest.mark.parametrize("flow", DATAFLOWS)
def test_words_counted_in_simulation_are_the_closed_forms(flow):
    """R x C = 2 x 3; the words of every stream, as the array takes and gives them."""
    m, k, n, rows, columns = 6, 6, 6, 2, 3
    spec = SystolicArray(
        rows=rows, columns=columns, dataflow=flow, activation="int3", weight="int2", m=m, k=k, n=n
    )
    tiling = Tiling(flow, rows, columns, m, k, n)
    top, rng = Top(spec, Timing()), np.random.default_rng(1)
    moving = "weight" if flow == "input-stationary" else "activation"
    items: dict = {}
    for name, stream in spec.streams().items():
        if stream.direction == "out":
            continue
        length = tiling.length if name == moving or not spec.is_stationary else rows
        last = np.tile(np.arange(length) == length - 1, tiling.tiles)
        items[name] = {
            field: last.astype(np.uint64)
            if field == "last"
            else rng.integers(0, 1 << format.width, len(last), np.uint64)
            for field, format in stream.fields.items()
        }
    chosen = workloads.given(top.spec, items, top.timing)
    machine = Counting(top.rtlil, top.name, 1)
    machine.watch(top.handshakes())
    never = {stream.name: np.zeros(1, bool) for stream in top.handshakes()}
    (found,) = run_streams(
        machine, top.handshakes(), items, chosen.counts, [never], quiet=spec.quiet_cycles
    )
    assert not workloads.differences(chosen, found)
    words = {
        name: count * sum(field != "last" for field in spec.streams()[name].fields)
        for name, count in machine.passed.items()
    }
    across, down = -(-n // columns), -(-k // rows)
    forms = {
        "weight-stationary": (m * k * across, k * n, m * n * down),
        "input-stationary": (m * k, k * n * -(-m // columns), m * n * down),
        "output-stationary": (m * k * across, k * n * -(-m // rows), m * n),
    }
    assert words == dict(zip(("activation", "weight", "result"), forms[flow], strict=True))
    assert words == tiling.words
    moved = spec.accesses()
    assert moved is not None and moved.products == m * k * n
    at_border = {one.what: one.words for one in moved.moved if one.memory_bytes is not None}
    read_back = at_border.pop("partial sums read back", 0)
    assert at_border == {f"{name}s": count for name, count in words.items()}
    assert read_back == words["result"] - m * n


@pytest.mark.parametrize(
    "spec",
    [
        SystolicArray(m=16, k=16, n=16),
        TensorArray(m=16, k=16, n=16),
        TensorArray(m=16, k=16, n=16, depth=4, group=4, kept=2),
        Gemm(m=16, k=16, n=16),
    ],
    ids=lambda spec: spec.name,
)
def test_levels_of_a_product(spec):
    job, found = levels(spec)
    assert job.startswith("16 x 16 x 16")
    names = [level.level for level in found]
    assert sorted(set(names), key=names.index) == ["MAC", "register", "buffer", "off-chip"]
    assert all(0 < level.low_pj <= level.high_pj and level.accesses > 0 for level in found)
    mac = found[0].low_pj
    assert 0.05 < mac < 1
    outside = sum(level.low_pj for level in found if level.level == "off-chip")
    assert outside > sum(level.low_pj for level in found if level.level == "buffer")


def test_larger_products_use_what_they_fetch_more_often():
    def outside(size: int) -> float:
        _, found = levels(replace(SystolicArray(), m=size, k=size, n=size))
        return sum(level.low_pj for level in found if level.level == "off-chip")

    assert outside(64) == pytest.approx(outside(16) / 4)


def test_no_job_no_levels():
    assert levels(SystolicArray()) == ("", [])
    assert levels(Multiply()) == ("", [])


SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def test_a_design_keeps_the_side_it_had_when_the_model_was_fitted():
    """By name: what comes later, wherever it stands in the list, was not fitted to."""
    script = runpy.run_path(str(SCRIPTS / "energy_designs.py"))
    names = json.loads(script["FITTED"].read_text())
    assert len({*names}) == len(names)
    assert f"to {len(names)} designs" in energy_model().fitted

    def point(name: str, logic: float):
        return script["Point"](name, {"xor": logic}, logic, 0.0, 0, 20)

    rows = (Row("INT8 add", 0.03, 2.0, True), Row("INT32 add", 0.1, 5.0, True))
    scale = Calibration("cells", "a test", 45, 0.5, rows)
    first = [point("one", 4.0), point("two", 8.0), point("small", 1.0), point("three", 2.0)]
    fitted = script["sides"](first, scale)
    assert [one.name for one in fitted.fitted] == ["one", "three"]
    later = script["sides"]([point("new", 3.0), *first], scale, {"one", "three"})
    assert [one.name for one in later.fitted] == ["one", "three"]
    assert [one.name for one in later.others] == ["new", "two"]
    assert [one.name for one in later.small] == ["small"]
    # Energies in proportion to changes are fitted without an error: half a pJ of each change.
    assert script["fit"](later.others, scale) == pytest.approx({"xor": 0.5})
