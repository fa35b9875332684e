"""What a board file says, and the registry of boards.

A board is a module of the package ``boards`` with one value ``BOARD``. Adding a file adds a board.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from holigrail_hw.core.errors import RequestError

__all__ = ["Board", "board", "boards"]


@dataclass(frozen=True)
class Board:
    """One board.

    Parameters
    ----------
    name : str
        Name on the command line.
    summary : str
        One line: maker, device.
    target : str or None
        Device of :mod:`.devices`; ``None`` if no open tool makes its bitstream.
    model : str
        Delay model the pipeline is planned with.
    clock_hz : float
        Frequency of the board's clock.
    platform : callable
        Makes the Amaranth platform; called only when it is needed.
    placer : tuple of str
        Options of nextpnr that name device and package.
    packer : tuple of str
        Options of the bitstream tool.
    suffix : str
        File name suffix of the bitstream.
    loader : tuple of str
        Options of openFPGALoader that choose board, cable and memory.
    usb_name : str
        Part of the name the serial port has under ``/dev/serial/by-id``.
    baud : int
        Speed of the self-test's serial line.
    vendor_tool : str or None
        The closed tool that builds for this board, if there is no open one.
    has_flash : bool
        Whether designs reach the flash memory, the platform's resource ``spi_flash_4x``.
    """

    name: str
    summary: str
    target: str | None
    model: str
    clock_hz: float
    platform: Callable[[], Any]
    placer: tuple[str, ...] = ()
    packer: tuple[str, ...] = ()
    suffix: str = ""
    loader: tuple[str, ...] = ()
    usb_name: str = ""
    baud: int = 115200
    vendor_tool: str | None = None
    has_flash: bool = False

    @property
    def divisor(self) -> int:
        """Clock cycles per serial bit."""
        return round(self.clock_hz / self.baud)


@cache
def boards() -> dict[str, Board]:
    """Every board, by name; RequestError if two files give one name."""
    from holigrail_hw import boards as package

    found: dict[str, Board] = {}
    places: dict[str, str] = {}
    for module in pkgutil.iter_modules(package.__path__):
        entry = importlib.import_module(f"{package.__name__}.{module.name}").BOARD
        if entry.name in found:
            raise RequestError(
                f"board {entry.name}: the name must be given once, not by {places[entry.name]}.py"
                f" and by {module.name}.py"
            )
        found[entry.name], places[entry.name] = entry, module.name
    return found


def board(name: str, who: str = "build") -> Board:
    """The board called ``name``.

    Raises
    ------
    RequestError
        If there is none.
    """
    known = boards()
    if name not in known:
        raise RequestError(f"{who}: board must be one of {', '.join(sorted(known))}, not {name!r}")
    return known[name]
