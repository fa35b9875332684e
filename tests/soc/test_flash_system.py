"""Streamed weights from the pins of a flash memory to the answer of the firmware."""

import re
from dataclasses import replace
from importlib.util import find_spec

import pytest
from amaranth import Elaboratable, Module
from amaranth.lib import io
from hardware import make
from random_networks import Builder

from holigrail_hw.core import DesignError, RequestError, Timing
from holigrail_hw.flow.board.board import board
from holigrail_hw.flow.board.choice import board_design
from holigrail_hw.flow.board.flash_pins import connect_flash
from holigrail_hw.flow.simulate import system_run
from holigrail_hw.flow.synth.devices import target
from holigrail_hw.flow.synth.mapping import map_design
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.soc.accelerator.operator import Accelerator
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.hardware.flash import FlashReader
from holigrail_hw.soc.system.served import ServedAccelerator

SPEC = make(
    Accelerator,
    rows=2,
    columns=4,
    activation_depth=128,
    accumulator_depth=4,
    scratchpad=4096,
    maximum=False,
    loader=True,
    processor="picorv32",
)


def network() -> tuple[IntegerGraph, Program]:
    made = Builder(5, (60,))
    for results in (60, 20, 6):
        made.dense(results, once=results == 6)
    graph = made.graph()
    program = compiled(graph, SPEC.machine)
    assert program.loads
    return graph, program


@pytest.mark.slow
def test_a_network_with_streamed_weights_is_answered_from_a_flash_memory():
    """The firmware loads the image by itself; a spoilt one is refused, block or resident part."""
    if find_spec("pythondata_cpu_picorv32") is None:
        pytest.skip("the extra soc is not installed")
    whole = ServedAccelerator(SPEC.machine, "fast", None, network())
    component, sources = whole.component(Timing()), whole.sources()
    made = system_run.program_of(component, sources, flash=True)
    with system_run.SimulatedSystem(made, flash=whole.flash()) as line:
        assert whole.check(line, seed=1, count=2).results == 2
    address, image = whole.flash()
    resident = whole.network[1].resident
    for place in (resident - 70, resident + 40):
        spoilt = bytearray(image)
        spoilt[place] ^= 4
        with system_run.SimulatedSystem(made, flash=(address, bytes(spoilt))) as line:
            with pytest.raises(DesignError, match="the CRC-32 of a block of the flash memory"):
                whole.check(line, seed=1, count=1)


def test_a_board_without_the_pins_is_refused():
    if find_spec("pythondata_cpu_picorv32") is None:
        pytest.skip("the extra soc is not installed")
    goal = replace(board("icebreaker"), has_flash=False)
    with pytest.raises(RequestError) as caught:
        board_design(SPEC).timing(Timing(), goal)
    assert str(caught.value) == (
        "accelerator: a system on icebreaker must do without the pins of a flash memory"
    )


class Alone(Elaboratable):
    """A reader of a flash memory at a board's pins, and a serial line that shows a bit of it."""

    def __init__(self, family: str):
        self._family = family

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = FlashReader(half_rate=self._family == "ecp5")
        connect_flash(m, platform, self._family, reader.pins)
        lines = {line.name: "-" for line in platform.lookup("uart").ios}
        uart = platform.request("uart", dir=lines)
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        port = reader.port
        m.d.comb += [
            port.fetch.valid.eq(rx.i),
            port.fetch.payload.address.eq(1 << 20),
            port.block.ready.eq(1),
            tx.o.eq(port.block.payload.xor()),
        ]
        return m


@pytest.mark.parametrize(
    ("name", "family", "clock", "kept"),
    [("icebreaker", "ice40", "SB_IO", 8), ("ulx3s", "ecp5", "USRMCLK", 1)],
)
def test_a_memory_at_the_pins_of_a_board(name, family, clock, kept, tmp_path):
    """Chip select and four lines at the board's pins, and what drives the clock is kept."""
    goal = board(name)
    plan = goal.platform().build(Alone(family), name="top", do_build=False, emit_src=False)
    plan.extract(tmp_path)
    pins = next(tmp_path.glob("top.[pl]?f")).read_text()
    for site in {"ice40": "16 14 17 12 13 15", "ecp5": "R2 W2 V2 Y2 W1"}[family].split():
        assert re.search(rf'spi_flash_4x_0__\S+ (SITE ")?{site}\b', pins)
    mapped = map_design(
        ["read_rtlil top.il"],
        "top",
        target(goal.target),
        dsp=False,
        pads=True,
        netlist=tmp_path / "top.json",
        log=tmp_path / "log",
        who="build",
    )
    cells = [cell for cell in mapped.module["cells"].values() if cell["type"] == clock]
    # Pads of the serial line, of the memory and of the clock; or the one cell for its clock.
    assert len(cells) == kept
    if family == "ice40":
        (pad,) = (cell for cell in cells if cell["parameters"]["PIN_TYPE"] == "010001")
        assert pad["connections"]["D_OUT_0"] == ["0"] and pad["connections"]["OUTPUT_CLK"]
