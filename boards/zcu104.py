# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""ZCU104: AMD Zynq UltraScale+ XCZU7EV. Its tool is proprietary, so only a project is written.

Clock and serial pins from the board's user guide UG1267: the 125 MHz differential clock on bank 28
and channel 2 of the FT4232H on bank 28.
"""

from typing import Any

from holigrail_hw.flow.board.board import Board

__all__ = ["BOARD"]


def _platform() -> Any:
    from amaranth.build import Attrs, Clock, DiffPairs, Resource
    from amaranth.vendor import XilinxPlatform
    from amaranth_boards.resources import UARTResource

    class Zcu104Platform(XilinxPlatform):
        device = "xczu7ev"
        package = "ffvc1156"
        speed = "2-e"
        default_clk = "clk125"
        resources = [
            Resource(
                "clk125",
                0,
                DiffPairs("F23", "E23", dir="i"),
                Clock(125e6),
                Attrs(IOSTANDARD="LVDS"),
            ),
            UARTResource(0, rx="A20", tx="C19", attrs=Attrs(IOSTANDARD="LVCMOS18")),
        ]
        connectors = []

    return Zcu104Platform()


BOARD = Board(
    name="zcu104",
    summary="AMD ZCU104, Zynq UltraScale+ XCZU7EV, 125 MHz; project only, built by Vivado",
    target=None,
    model="generic",
    clock_hz=125e6,
    platform=_platform,
    vendor_tool="Vivado",
)
