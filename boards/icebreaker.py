"""iCEBreaker: Lattice iCE40 UP5K, 12 MHz, serial line and flash programming over one FT2232H.

Schematic: https://github.com/icebreaker-fpga/icebreaker (pins as in amaranth-boards).
"""

from typing import Any

from holigrail_hw.flow.board.board import Board

__all__ = ["BOARD"]


def _platform() -> Any:
    from amaranth_boards.icebreaker import ICEBreakerPlatform

    return ICEBreakerPlatform()


BOARD = Board(
    name="icebreaker",
    summary="1BitSquared iCEBreaker, Lattice iCE40 UP5K, 12 MHz",
    target="ice40up5k",
    model="ice40up5k",
    clock_hz=12e6,
    platform=_platform,
    placer=("--up5k", "--package", "sg48"),
    suffix=".bin",
    loader=("-b", "ice40_generic"),
    usb_name="iCEBreaker",
    has_flash=True,
)
