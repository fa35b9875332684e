"""The host's end of a board's serial line, on POSIX systems, without extra packages."""

import os
import select
import termios
import time
from pathlib import Path
from types import TracebackType

from holigrail_hw.core.errors import RequestError, ToolError

__all__ = ["SerialPort", "find_port"]

_FOLDER = Path("/dev/serial/by-id")


def find_port(usb_name: str, board: str, folder: Path = _FOLDER) -> Path:
    """The serial port whose USB name contains ``usb_name``; the last one if there are several.

    A chip with several channels has its serial line on the last one.

    Raises
    ------
    ToolError
        If there is none.
    """
    found = sorted(folder.glob(f"*{usb_name}*")) if folder.is_dir() else []
    if not found:
        raise ToolError(
            f"flash: the serial port of {board} must be attached, not missing "
            f"(looked for {folder}/*{usb_name}*)",
            hint="plug the board in, or name the port with --serial",
        )
    return found[-1]


class SerialPort:
    """An open serial line: eight data bits, no parity, one stop bit, no flow control.

    Raises
    ------
    RequestError
        If the port cannot be opened or the speed is unknown to the system.
    """

    def __init__(self, path: Path, baud: int):
        speed = getattr(termios, f"B{baud}", None)
        if speed is None:
            raise RequestError(f"flash: the serial speed must be a standard one, not {baud}")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            raw: list = termios.tcgetattr(self._file)
            raw[:6] = [0, 0, termios.CS8 | termios.CREAD | termios.CLOCAL, 0, speed, speed]
            termios.tcsetattr(self._file, termios.TCSANOW, raw)
            termios.tcflush(self._file, termios.TCIOFLUSH)
        except (OSError, termios.error) as error:
            reason = error.args[-1]
            raise RequestError(
                f"flash: the serial port {path} must open, not fail ({reason})"
            ) from None
        self.path = path

    def __enter__(self) -> "SerialPort":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back."""
        os.close(self._file)

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        while data:
            select.select([], [self._file], [])
            try:
                data = data[os.write(self._file, data) :]
            except OSError as error:
                raise self._gone(error.strerror) from None

    def read(self, count: int, seconds: float) -> bytes:
        """Up to ``count`` bytes; fewer if they have not come after ``seconds``."""
        got, end = b"", time.monotonic() + seconds
        while len(got) < count and (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self._file], [], [], left)
            if ready:
                got += self._some(count - len(got))
        return got

    def read_some(self, seconds: float) -> bytes:
        """What has come, at least one byte; none if nothing comes for so long."""
        ready, _, _ = select.select([self._file], [], [], seconds)
        return self._some(4096) if ready else b""

    def _some(self, count: int) -> bytes:
        """What has come; a port that is ready and gives nothing has been unplugged."""
        reason = "it was closed at the other end"
        try:
            if data := os.read(self._file, count):
                return data
        except BlockingIOError:
            return b""
        except OSError as error:
            reason = error.strerror
        raise self._gone(reason)

    def _gone(self, reason: str | None) -> ToolError:
        return ToolError(
            f"flash: the serial port {self.path} must stay open, not fail ({reason})",
            hint="is the board still plugged in?",
        )
