"""Progress of long work: a live line on a terminal, otherwise one line every ten seconds.

The work calls the object with one line of text whenever something happens; how it is drawn is
decided here. A step that reports nothing for minutes still shows its elapsed time.
"""

import threading
import time
from typing import Any

from rich.console import Console
from rich.status import Status

__all__ = ["EVERY_S", "Progress"]

EVERY_S = 10.0


class Progress:
    """A context manager; call it with text inside the ``with`` block.

    Parameters
    ----------
    console : Console
        Where to draw, standard error on the command line.
    quiet : bool
        Draw nothing.
    every_line : bool
        Print every incoming line instead.
    every_s : float
        Seconds between two lines if there is no terminal.
    """

    def __init__(
        self,
        console: Console,
        *,
        quiet: bool = False,
        every_line: bool = False,
        every_s: float = EVERY_S,
    ):
        self._console = console
        self._quiet = quiet
        self._every_line = every_line
        self._live = console.is_terminal and not quiet and not every_line
        self._period_s = 0.5 if self._live else every_s
        self._text = ""
        self._status: Status | None = None
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._start = 0.0

    def __call__(self, text: str) -> None:
        self._text = text
        if self._every_line and not self._quiet:
            self._line(text)

    def __enter__(self) -> "Progress":
        self._start = time.monotonic()
        if self._live:
            self._status = Status("", console=self._console, spinner="line")
            self._status.start()
        if not self._quiet and not self._every_line:
            self._thread = threading.Thread(target=self._draw, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        if self._status is not None:
            self._status.stop()

    def _draw(self) -> None:
        while not self._done.wait(self._period_s):
            line = f"{self._text or 'working'} ({time.monotonic() - self._start:.0f} s)"
            if self._status is not None:
                room = max(20, self._console.width - 4)
                self._status.update(line if len(line) <= room else line[: room - 3] + "...")
            else:
                self._line(line)

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
