"""ULX3S with the largest device: Lattice ECP5 LFE5U-85F, 25 MHz, serial line and JTAG over FT231X.

Schematic: https://github.com/emard/ulx3s (pins as in amaranth-boards).
"""

from typing import Any

from holigrail_hw.flow.board.board import Board

__all__ = ["BOARD"]


def _platform() -> Any:
    from amaranth.build import Attrs, Pins, PinsN, Resource, Subsignal
    from amaranth_boards.ulx3s import ULX3S_85F_Platform

    platform = ULX3S_85F_Platform()
    # The same pins as the resource spi_flash, with all data lines in both directions.
    flash = Resource(
        "spi_flash_4x",
        0,
        Subsignal("cs", PinsN("R2", dir="o")),
        Subsignal("dq", Pins("W2 V2 Y2 W1", dir="io")),
        Attrs(PULLMODE="NONE", DRIVE="4", IO_TYPE="LVCMOS33"),
    )
    platform.add_resources([flash])
    return platform


BOARD = Board(
    name="ulx3s",
    summary="Radiona ULX3S, Lattice ECP5 LFE5U-85F, 25 MHz",
    target="ecp5-85k",
    model="ecp5",
    clock_hz=25e6,
    platform=_platform,
    placer=("--85k", "--package", "CABGA381", "--speed", "6"),
    packer=("--compress",),
    suffix=".bit",
    loader=("-b", "ulx3s", "-m"),
    usb_name="ULX3S",
    has_flash=True,
)
