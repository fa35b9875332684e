"""Load a bitstream into a board, and check the board.

Loading is openFPGALoader's work, over USB or, for tests, over Xilinx Virtual Cable to a network
address. The check goes over the serial line: an operator tests itself and its signature is compared
with the golden model's; an engine is given jobs and its results are.
"""

import contextlib
import re
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError, HoligrailError, RequestError, ToolError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.run.process import run as run_tool
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.work_folder import scratch

from .. import tools
from ..folders import is_there, output_folder
from .board import Board, board
from .choice import board_design
from .serial_port import SerialPort, find_port

__all__ = ["Check", "FlashResult", "ready", "run"]

_TIME_LIMIT_S = 300
_CONNECTION_S = 10.0

_NO_BOARD = (
    "unable to open ftdi device",
    "device not found",
    "Failed to claim cable",
    "JTAG init failed",
    "fail to connect",
    "no device found",
)


@dataclass(frozen=True)
class Check:
    """What the board is asked: the operator it was built with, first generator state, items."""

    spec: OperatorSpec
    timing: Timing = Timing()
    seed: int = 1
    count: int | None = None

    @property
    def items(self) -> int:
        """How many there are: what is usual for the design unless it is said."""
        return self.count or board_design(self.spec).flash_items


@dataclass(frozen=True)
class FlashResult:
    """What was loaded, and how many items were checked.

    ``answer`` is the signature of a self-test in hexadecimal, empty for an engine.
    """

    board: str
    bitstream: str
    seconds: float
    log: str
    items: int | None = None
    answer: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return asdict(self)


def ready(
    board_name: str,
    *,
    check: Check | None = None,
    virtual_cable: str | None = None,
    serial: str | Path | None = None,
) -> None:
    """Whether a board could be loaded and checked now: worth knowing before minutes of building.

    Parameters are those of :func:`run`.

    Raises
    ------
    RequestError
        Unknown board, a bad address, a check that cannot be asked for, or a serial port that does
        not open.
    ToolError
        The loader is missing, no board is attached, nobody answers at the address, or the serial
        port is missing.
    """
    goal = _loadable(board_name)
    _cable_options(goal, virtual_cable)
    if check is not None:
        board_design(check.spec).check_request(check.seed, check.items)
    loader = tools.require("openFPGALoader", who="flash")["openFPGALoader"]
    if virtual_cable is not None:
        _knock(virtual_cable)
    else:
        _look_for_cables([*loader.command, "--scan-usb"], goal)
    if check is not None:
        port = Path(serial) if serial is not None else find_port(goal.usb_name, goal.name)
        SerialPort(port, goal.baud).close()


def run(
    bitstream: str | Path,
    board_name: str,
    *,
    check: Check | None = None,
    virtual_cable: str | None = None,
    serial: str | Path | None = None,
    log_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> FlashResult:
    """Load ``bitstream``; with ``check``, compare the board with golden.

    Parameters
    ----------
    virtual_cable : str or None
        ``ADDRESS:PORT`` of a Xilinx Virtual Cable server instead of USB.
    serial : path or None
        The board's serial port; found by its USB name without it.
    log_dir : path or None
        Where the log goes; beside the bitstream without it.

    Raises
    ------
    RequestError
        Unknown board, no such file, a file for another board, or a bad address.
    ToolError
        The loader is missing, no board is attached, or the serial port is missing.
    DesignError
        The board holds another device, or its answer is wrong.
    """
    goal = _loadable(board_name)
    image = Path(bitstream)
    if not is_there(image) or image.is_dir():
        raise RequestError(
            f"flash: the bitstream must exist, not {image}", hint="make it with `holigrail build`"
        )
    if image.suffix != goal.suffix:
        raise RequestError(
            f"flash: a bitstream for {goal.name} must be a {goal.suffix} file, not {image.name}"
        )
    if check is not None:
        board_design(check.spec).check_request(check.seed, check.items)
    loader = tools.require("openFPGALoader", who="flash")["openFPGALoader"]
    place = Path(log_dir) if log_dir is not None else image.parent
    with output_folder(place, "flash") as folder:
        if progress is not None:
            progress(f"flash: loading {image.name} into {goal.name}")
        finished = run_tool(
            [*loader.command, *_cable_options(goal, virtual_cable), image.absolute()],
            who="openFPGALoader",
            log=folder / f"{image.stem}_flash.log",
            environment=tools.environment(),
            time_limit=_TIME_LIMIT_S,
            progress=progress,
            explain=lambda output: _explain(output, goal, virtual_cable),
        )
    items, got = None, None
    if check is not None:
        if progress is not None:
            progress(f"flash: {goal.name} is checked with {check.items} items")
        port = Path(serial) if serial is not None else find_port(goal.usb_name, goal.name)
        items, got = board_design(check.spec).check(
            goal, port, check.timing, check.seed, check.items
        )
    return FlashResult(goal.name, str(image), finished.seconds, str(finished.log), items, got)


def _loadable(board_name: str) -> Board:
    goal = board(board_name, "flash")
    if goal.target is None:
        raise RequestError(
            f"flash: the board must be one this project builds for, not {goal.name}",
            hint=f"load it with {goal.vendor_tool}",
        )
    return goal


def _look_for_cables(command: list[str], goal: Board) -> None:
    """Raises ToolError if there is no programming cable on USB; whose it is shows when loading."""
    with scratch() as folder:
        finished = run_tool(
            command,
            who="openFPGALoader",
            log=folder / "scan.log",
            environment=tools.environment(),
            time_limit=_TIME_LIMIT_S,
        )
    if re.search(r"^found 0 USB device", finished.output, re.M):
        raise _no_board(goal, "on USB")


def _knock(virtual_cable: str) -> None:
    address, _, port = virtual_cable.rpartition(":")
    try:
        with contextlib.closing(
            socket.create_connection((address, int(port)), timeout=_CONNECTION_S)
        ):
            pass
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ToolError(
            f"flash: a virtual cable must answer at {virtual_cable}, not fail ({reason})",
            hint="start its server first",
        ) from None


def _no_board(goal: Board, where: str) -> ToolError:
    return ToolError(
        f"flash: the board {goal.name} must be attached, but none was found {where}",
        hint="plug the board in and switch it on; on Linux the USB device must be writable",
    )


def _cable_options(goal: Board, virtual_cable: str | None) -> list[str]:
    if virtual_cable is None:
        return list(goal.loader)
    address, _, port = virtual_cable.rpartition(":")
    if not address or not port.isdecimal():
        raise RequestError(
            f"flash: a virtual cable must be ADDRESS:PORT, not {virtual_cable!r}",
            hint="for example 127.0.0.1:3721",
        )
    memory = [option for option in goal.loader if option == "-m"]
    return ["-c", "xvc-client", "--ip", address, "--port", port, *memory]


def _explain(output: str, goal: Board, virtual_cable: str | None) -> HoligrailError | None:
    """Better words for the loader's common complaints."""
    if re.search(r"mismatch between target's idcode", output):
        return DesignError(
            f"flash: the attached device must be that of {goal.name}, not another one "
            "(its IDCODE differs from the bitstream's)"
        )
    if any(words.lower() in output.lower() for words in _NO_BOARD):
        where = f"at {virtual_cable}" if virtual_cable else "on USB"
        return _no_board(goal, where)
    return None
