"""Ways in which a command ends that are nobody's error: signals, and output that nobody takes."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "Ended",
    "Output",
    "by_signals",
    "discard_output",
    "output_failure",
    "watched_output",
]

_SIGNALS = {signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}


class Ended(KeyboardInterrupt):
    """SIGTERM or SIGHUP: work goes on with the best so far or stops, as after Ctrl-C.

    Attributes
    ----------
    status : int
        Exit status if it stops.
    what : str
    """

    def __init__(self, number: int):
        self.status, self.what = 128 + number, _SIGNALS[signal.Signals(number)]
        super().__init__(self.what)


@contextlib.contextmanager
def by_signals() -> Iterator[None]:
    """Within this, SIGTERM and SIGHUP raise :class:`Ended`; one that is ignored stays so."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Output:
    """Standard output that remembers why it failed: argparse, for one, keeps that to itself."""

    def __init__(self, stream: Any):
        self._stream, self.failure = stream, None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As a file does."""
        return self._do(self._stream.write, text)

    def flush(self) -> None:
        """As a file does."""
        self._do(self._stream.flush)

    def _do(self, action: Callable[..., Any], *arguments: str) -> Any:
        try:
            return action(*arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            self.failure = error.strerror or str(error)
            raise


@contextlib.contextmanager
def watched_output() -> Iterator[None]:
    """Within this, :func:`output_failure` knows what failed."""
    stream = sys.stdout
    sys.stdout = Output(stream)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout = stream


def output_failure() -> str | None:
    """Why standard output took nothing; None if it takes all.

    Raises
    ------
    BrokenPipeError
        If its reader went away.
    """
    if sys.stdout is None:
        return "it is closed"
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        return error.strerror or str(error)
    return getattr(sys.stdout, "failure", None)


def discard_output() -> None:
    """Let what is still to be written vanish, so that the interpreter does not complain."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        _to_nowhere(sys.stdout.fileno())


def _end(number: int, frame: Any) -> None:
    # A tool of another thread would be waited for. Without its module no tool was started.
    process = sys.modules.get("holigrail_hw.core.run.process")
    if process is not None:
        process.kill_all()
    if number == signal.SIGHUP:
        # The terminal is gone, and writing to it would fail.
        for handle in (1, 2):
            with contextlib.suppress(OSError):
                if os.isatty(handle):
                    _to_nowhere(handle)
    raise Ended(number)


def _to_nowhere(handle: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, handle)
    os.close(nowhere)
