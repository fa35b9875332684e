"""``holigrail doctor``: which tools are found, and what to type for the missing ones."""

import sys
from typing import TYPE_CHECKING, Any

from holigrail_hw.flow import tools
from holigrail_hw.ui.tables import table

from .arguments import read_options
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["main"]


def main(words: list[str], session: Session) -> int:
    """Print every tool and every verb; exit status 3 if a tool is missing or too old."""
    read_options(words, session)
    with session.progress() as progress:
        progress("asking every tool for its version")
        rows: list[Any] = tools.report()
    bad = [row for row in rows if row["status"] != "ok"]
    verbs = sorted({verb for row in rows for verb in row["verbs"]})
    ready = [
        {"verb": verb, "missing": [row["name"] for row in bad if verb in row["verbs"]]}
        for verb in verbs
    ]
    result = {"python": sys.version.split()[0], "tools": rows, "verbs": ready}
    return session.show(result, lambda console: _text(console, rows, ready), status=3 * bool(bad))


def _text(console: "Console", rows: list[dict[str, Any]], ready: list[dict[str, Any]]) -> None:
    keys = ("name", "purpose", "version", "minimum", "origin", "status")
    header = ("tool", "purpose", "version", "minimum", "found", "status")
    table(console, header, [[row[key] for key in keys] for row in rows])
    console.file.write("\n")
    lines = [(row["verb"], ", ".join(row["missing"]) or "ready") for row in ready]
    table(console, ("verb", "missing"), lines)
    for line in dict.fromkeys(row["install"] for row in rows if row["status"] != "ok"):
        console.file.write(f"\nto install what is missing: {line}\n")
