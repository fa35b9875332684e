"""One call of the command line: where results go, how they look, and the common options."""

import json as json_module
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from holigrail_hw.ui.progress import Progress

__all__ = ["INTERRUPTED", "Session", "shown"]

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

# A pipe has no width: rows must not wrap there, since other programs read them.
_PIPE_WIDTH = 10_000


@dataclass
class Session:
    """What the verbs share.

    Results go to standard output, as text or as one JSON object; everything else goes to standard
    error.
    """

    command: str
    json: bool = False
    verb: str = ""
    operator: str = ""
    verbose: bool = False
    quiet: bool = False
    no_color: bool = False
    seed: int = 1
    output: str | None = None
    jobs: int = 1
    notes: list[str] = field(default_factory=list)

    def adopt(self, options: Any) -> None:
        """Take over the common options of a parsed command line."""
        for name in ("json", "verbose", "quiet", "no_color", "seed", "output", "jobs"):
            setattr(self, name, getattr(options, name))

    def folder(self, design: str) -> Path:
        """The folder for the files of a design."""
        return Path(self.output) if self.output else Path("out") / design

    def console(self, *, error: bool = False) -> "Console":
        """A console on standard output or standard error."""
        from rich.console import Console

        stream = sys.stderr if error else sys.stdout
        return Console(
            file=stream,
            no_color=self.no_color or "NO_COLOR" in os.environ,
            highlight=False,
            width=None if stream.isatty() else _PIPE_WIDTH,
        )

    def progress(self) -> "Progress":
        """A context manager; call it with a line of text about what is happening."""
        from holigrail_hw.ui.progress import Progress

        return Progress(self.console(error=True), quiet=self.quiet, every_line=self.verbose)

    def note(self, text: str) -> None:
        """Say what is worth knowing and no failure, once: on standard error, and in JSON.

        Nothing on standard error with ``--quiet``.
        """
        if text not in self.notes:
            self.notes.append(text)
            if not self.quiet:
                print(f"note: {text}", file=sys.stderr)

    def warn(self, text: str) -> None:
        """Say what went wrong without harm to the result, on standard error."""
        print(f"warning: {text}", file=sys.stderr)

    def show(
        self, result: Mapping[str, Any], text: "Callable[[Console], None]", *, status: int = 0
    ) -> int:
        """Print a result as JSON if that was asked for, else as text; returns ``status``."""
        if self.json:
            self.print_json(result, status=status)
        else:
            text(self.console())
        return status

    def print_json(self, result: Mapping[str, Any], *, status: int = 0) -> None:
        """Print one JSON object: schema, verb, status, remarks, then the result."""
        head = {"schema": 1, "verb": self.verb, "status": int(status), "remarks": self.notes}
        print(json_module.dumps({**head, **result}, indent=2, default=_plain))


def shown(path: str | Path) -> str:
    """A path as people read it: relative where it lies below the working folder."""
    absolute = Path(path).absolute()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path)


def _plain(value: Any) -> Any:
    """What JSON does not know: paths, formats, NumPy numbers."""
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
