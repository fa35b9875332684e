"""The pins of a board's flash memory: where they are, and when its clock rises."""

import re
import subprocess
from pathlib import Path

import needs
import pyosys
import pytest
from amaranth import Elaboratable, Module
from amaranth.lib import io

from holigrail_hw.flow.board.board import board
from holigrail_hw.flow.board.flash_pins import BOTH_EDGES, connect_flash
from holigrail_hw.flow.synth.devices import target
from holigrail_hw.flow.synth.mapping import map_design
from holigrail_hw.soc.hardware.flash import FlashReader


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
        target(goal.target or ""),
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


BENCH = """
module bench;
  reg clk = 1, gate = 0;
  wire pin;
  SB_IO #(.PIN_TYPE(6'd{kind})) io (
    .PACKAGE_PIN(pin), .OUTPUT_CLK(clk), .CLOCK_ENABLE(1'b1), .D_OUT_0(1'b0), .D_OUT_1(gate));
  integer cycle;
  reg [0:11] pattern = 12'b011010011100;
  initial begin
    for (cycle = 0; cycle < 12; cycle = cycle + 1) begin
      #1 gate = pattern[cycle];
      #4 $display("%b", cycle < 1 ? 1'b0 : pin);
      #5 clk = 0;
      #5 $display("%b", pin);
      #5 clk = 1;
    end
    $finish;
  end
endmodule
"""


@needs.iverilog
def test_the_clock_of_a_memory_rises_in_the_middle_of_a_cycle(tmp_path):
    """In the cell's simulation model: 0 in the first half, what the cycle says in the second."""
    cells = Path(pyosys.__file__).parent / "share/ice40/cells_sim.v"
    (tmp_path / "bench.v").write_text(BENCH.replace("{kind}", str(BOTH_EDGES)))
    command = [
        "iverilog",
        "-g2012",
        "-DNO_ICE40_DEFAULT_ASSIGNMENTS",
        "-s",
        "bench",
        "-o",
        "bench",
        "bench.v",
        str(cells),
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    made = subprocess.run(["vvp", "bench"], cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    levels = made.stdout.decode().split()[:24]
    assert levels[::2] == ["0"] * 12
    # The cell knows nothing of its clock before the first edge.
    assert "".join(levels[3::2]) == "11010011100"
