"""``holigrail list``: what there is to choose from."""

import argparse

from holigrail_hw.flow.explore import catalogue
from holigrail_hw.ui.tables import table

from .arguments import read_options
from .options import one_of
from .session import Session

__all__ = ["configure", "main"]

_KINDS = ("operators", "formats", "recipes", "boards", "devices")


def main(words: list[str], session: Session) -> int:
    """List operators, formats, recipes, boards or devices."""
    options = read_options(words, session, configure)
    # Parameters are shown as JSON only, and are all that needs the operators themselves.
    short = options.kind == "operators" and not session.json
    rows = catalogue.summaries() if short else getattr(catalogue, options.kind)()
    header = list(rows[0]) if rows else ["name"]
    return session.show(
        {options.kind: rows},
        lambda console: table(console, header, [[row[key] for key in header] for row in rows]),
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "kind", nargs="?", type=one_of(_KINDS), default="operators", help=", ".join(_KINDS)
    )
