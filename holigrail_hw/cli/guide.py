"""``holigrail guide``: the pages that come with the package."""

import argparse
import sys
from pathlib import Path

from holigrail_hw.core.errors import RequestError
from holigrail_hw.ui.tables import table

from .arguments import read_options
from .session import Session

__all__ = ["configure", "main", "topics"]

FOLDER = Path(__file__).resolve().parent.parent / "guide"


def main(words: list[str], session: Session) -> int:
    """List the topics, or print the page of one: as text on a terminal, else as Markdown."""
    options = read_options(words, session, configure)
    known = topics()
    if options.topic is None:
        rows = [*known.items()]
        return session.show(
            {"topics": known}, lambda console: table(console, ("topic", "what it is about"), rows)
        )
    if options.topic not in known:
        raise RequestError(
            f"guide: topic must be one of {', '.join(known)}, not {options.topic!r}",
            hint="`holigrail guide` lists them",
        )
    text = (FOLDER / f"{options.topic}.md").read_text(encoding="utf-8")
    return session.show(
        {"topic": options.topic, "text": text}, lambda console: _print(text, console)
    )


def topics() -> dict[str, str]:
    """Topic to title, from the pages themselves."""
    pages = sorted(FOLDER.glob("*.md"))
    return {p.stem: p.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ") for p in pages}


def _print(text: str, console: object) -> None:
    if not sys.stdout.isatty():
        print(text, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    assert isinstance(console, Console)
    console.print(Markdown(text))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("topic", nargs="?", help="page to print; without one, all are listed")
