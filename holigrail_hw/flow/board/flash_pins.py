# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The pins of a board's serial flash memory with four data lines, as a system has them.

An iCE40's pin has registers for both edges: the second one is loaded in the middle of a cycle, so
that its clock rises there. An ECP5's memory shares the clock of configuration, which the cell
USRMCLK drives, once a cycle (Lattice, ECP5 sysCONFIG User Guide, FPGA-TN-02039).
"""

from typing import Any

from amaranth import ClockSignal, Const, Instance, Module
from amaranth.lib import io

__all__ = ["BOTH_EDGES", "connect_flash"]

_RESOURCE = "spi_flash_4x"
BOTH_EDGES = 0b0100_01
"""The type of an iCE40's pin: an output that both edges of the clock load, and a plain input."""


def connect_flash(m: Module, platform: Any, family: str, pins: Any) -> None:
    """Connect a system's ``pins``: chip select, two levels of the clock, four data lines."""
    has_clock = family == "ice40"
    sides = dict.fromkeys(("cs", "clk", "dq") if has_clock else ("cs", "dq"), "-")
    port = platform.request(_RESOURCE, dir=sides)
    m.submodules.flash_select = select = io.Buffer("o", port.cs)
    m.d.comb += select.o.eq(pins.chip_select)
    for line in range(4):
        m.submodules[f"flash_line_{line}"] = lane = io.Buffer("io", port.dq[line])
        m.d.comb += [
            lane.o.eq(pins.output[line]),
            lane.oe.eq(pins.enable[line]),
            pins.input[line].eq(lane.i),
        ]
    if has_clock:
        m.submodules.flash_clock = Instance(
            "SB_IO",
            p_IO_STANDARD="SB_LVCMOS",
            p_PIN_TYPE=Const(BOTH_EDGES, 6),
            i_OUTPUT_CLK=ClockSignal(),
            i_D_OUT_0=pins.clock[0],
            i_D_OUT_1=pins.clock[1],
            io_PACKAGE_PIN=port.clk.io,
        )
    else:
        # No output: it stays only because it is told to.
        m.submodules.flash_clock = Instance(
            "USRMCLK", a_keep=1, i_USRMCLKI=pins.clock[0], i_USRMCLKTS=Const(0)
        )
