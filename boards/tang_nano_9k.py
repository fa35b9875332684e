"""Tang Nano 9K: Gowin GW1NR-9C, 27 MHz, serial line and JTAG over a BL702.

Pins as in amaranth-boards.
"""

from typing import Any

from holigrail_hw.flow.board.board import Board

__all__ = ["BOARD"]


def _platform() -> Any:
    from amaranth_boards.tang_nano_9k import TangNano9kPlatform

    return TangNano9kPlatform()


BOARD = Board(
    name="tang_nano_9k",
    summary="Sipeed Tang Nano 9K, Gowin GW1NR-9C, 27 MHz",
    target="gw1n-9c",
    model="generic",
    clock_hz=27e6,
    platform=_platform,
    placer=("--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C"),
    packer=("-d", "GW1N-9C", "--sspi_as_gpio", "--mspi_as_gpio"),
    suffix=".fs",
    loader=("-b", "tangnano9k"),
    usb_name="JTAG_Debugger",
)
