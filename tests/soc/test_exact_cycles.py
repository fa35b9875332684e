"""What is told of a network on an accelerator: exact cycles, memory map, bounds, words moved."""

from pathlib import Path

import pytest
from random_networks import Builder

from holigrail_hw.cli.main import main
from holigrail_hw.core import Timing
from holigrail_hw.core.target import Target
from holigrail_hw.models.reading import read
from holigrail_hw.soc.accelerator.cycles import exact_cycles
from holigrail_hw.soc.accelerator.tables import (
    layer_table,
    memory_table,
    network_accesses,
    network_roofline,
)
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.cycles import descriptor_cycles
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.compiler.traffic import traffic_of
from holigrail_hw.soc.descriptors.kinds import Add, Copy, Fill, Matmul, Maximum
from holigrail_hw.soc.machine import Machine

MODELS = Path(__file__).parents[3] / "shared" / "models"


def small() -> Program:
    made = Builder(7, (6, 6, 8))
    made.convolution((3, 3), (1, 1), 32)
    made.convolution((3, 3), (1, 1), 32, depthwise=True)
    made.dense(5, once=True)
    machine = Machine(rows=8, columns=8, scratchpad=1 << 15, loader=False)
    return compiled(made.graph(), machine, cycles=exact_cycles(machine, None, Timing()))


@pytest.mark.parametrize(
    ("name", "side", "scratchpad", "cycles"),
    [
        ("tiny_kws_int8", 4, 1 << 16, 232_099),
        ("tiny_kws_int8", 8, 1 << 16, 84_008),
        ("tiny_ad01_int8", 8, 1 << 19, 35_912),
    ],
)
def test_networks_take_what_was_counted_in_simulation(name, side, scratchpad, cycles):
    """Counted by scripts/bench_accelerator, which compares descriptor by descriptor."""
    path = MODELS / f"{name}.tflite"
    if not path.exists():
        pytest.skip("the reference networks are not there")
    machine = Machine(
        rows=side,
        columns=side,
        accumulator_depth=128,
        scratchpad=scratchpad,
        loader=False,
    )
    exact = exact_cycles(machine, None, Timing())
    program = compiled(read(path), machine, cycles=exact)
    assert program.cycles == cycles
    closed = sum(descriptor_cycles(machine, one) for one in program.descriptors)
    assert abs(closed - cycles) < 0.01 * cycles


def test_a_slower_lane_and_a_deeper_pipeline_take_more_cycles():
    machine = Machine(rows=8, columns=8, scratchpad=1 << 15, loader=False)
    one = Matmul(nx=20, nc=2, column_tiles=3, groups=2)
    plain = exact_cycles(machine, None, Timing())(machine, one)
    assert exact_cycles(machine, 2, Timing())(machine, one) > plain + 2 * 3 * 20
    clocked = Timing(period_ns=8.0, device="ecp5")
    assert exact_cycles(machine, None, clocked)(machine, one) > plain


def test_layers_and_their_bounds():
    program = small()
    table = layer_table(program)
    rows = {row[0]: row for row in table.rows}
    assert rows["all"][3] == program.cycles == sum(program.predicted)
    assert rows["all"][4] == 36 * 9 * 256 + 36 * 9 * 32 + 36 * 32 * 5
    for row in table.rows[:-1]:
        if row[4]:
            assert float(row[6]) <= float(row[7]) * 1.01
    kinds = [row[8] for row in table.rows[:-1] if row[4]]
    assert kinds[0] == "array" and kinds[-1] == "port"


def test_the_memory_map_covers_what_is_used():
    program = small()
    table = memory_table(program)
    ends = [int(at, 16) + size for at, size, *_ in table.rows]
    assert max(ends) <= program.used <= program.machine.scratchpad
    assert {"header", "descriptors", "input codes", "output codes"} <= {r[2] for r in table.rows}
    assert table.caption.startswith(f"{program.machine.scratchpad - program.used} bytes are free")


def test_words_moved_and_roofline():
    program = small()
    found = network_accesses(program, None)
    assert found.cycles == program.cycles
    words = {one.what: one.words for one in found.moved}
    assert words["weights from the scratchpad"] == sum(
        traffic_of(program.machine, d).weights for d in program.descriptors
    )
    assert words["sums read"] == words["activations read"] > words["activations loaded"]
    roof = network_roofline(program, Target())
    for point in roof.points:
        assert point.rate <= roof.attainable(point.intensity, roof.bandwidths[0])


def test_traffic_of_every_kind():
    machine = Machine(rows=4, columns=4, loader=False)
    assert traffic_of(machine, Fill(nx=8, ny=2)).results == 4
    assert traffic_of(machine, Fill(nx=7, ny=2)).results == 14
    assert traffic_of(machine, Copy(nx=3, ny=2, groups=2)).read == 12
    assert traffic_of(machine, Maximum(nx=3, fx=2, fy=2)).activations == 12
    assert traffic_of(machine, Add(nx=3)).parameters == 512
    one = traffic_of(machine, Matmul(nx=3, nc=2, column_tiles=2, groups=5))
    assert (one.weights, one.parameters, one.activations, one.results) == (80, 80, 30, 30)
    assert one.read == 190


def test_info_shows_the_layers_as_on_a_board(capsys):
    path = MODELS / "tiny_kws_int8.tflite"
    if not path.exists():
        pytest.skip("the reference networks are not there")
    words = ["info", "accelerator", "--model", str(path), "--scratchpad", str(1 << 16)]
    words += ["--rows", "8", "--columns", "8", "--activation-depth", "2048"]
    words += ["--accumulator-depth", "128", "--line-buffer", "64", "--board", "ulx3s"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "49471 cycles a frame" in text and "nothing: all weights stay" in text
    assert "\nMemory map\n" in text and "\nLayers on the accelerator\n" in text
    (row,) = [line.split() for line in text.splitlines() if line.startswith("n8_codes ")]
    assert row[:6] == ["n8_codes", "MATMUL", "1", "8306", "512000", "31040"] and row[8] == "array"
    assert "energy of a product, tiny_kws_int8.tflite" in text
