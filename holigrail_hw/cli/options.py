"""Options that every verb understands; imports nothing but argparse."""

import argparse
from collections.abc import Callable, Iterable

__all__ = ["common_options", "complaint", "integer", "one_of"]


def common_options() -> argparse.ArgumentParser:
    """A parent parser with the options of every verb."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("everywhere")
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    group.add_argument("-v", "--verbose", action="store_true", help="print every line of progress")
    group.add_argument("-q", "--quiet", action="store_true", help="print no progress")
    group.add_argument("--no-color", action="store_true", help="no colour (also: NO_COLOR)")
    group.add_argument(
        "--seed", type=integer(0), default=1, metavar="N", help="seed of every random choice (1)"
    )
    group.add_argument("-o", "--output", metavar="DIR", help="folder for files (out/<design>)")
    group.add_argument(
        "-j", "--jobs", type=integer(1), default=1, metavar="N", help="processes (1)"
    )
    group.add_argument(
        "--traceback", action="store_true", help="with an error, also show where it happened"
    )
    return parser


def complaint(message: str) -> str:
    """What argparse says about an option, in the words of our other messages."""
    text = message.removeprefix("argument ")
    if text.startswith("unrecognized arguments: "):
        return f"no option named {text.split(': ', 1)[1]!r}"
    return text.replace("expected one argument", "must be given a value, not none")


def integer(low: int, high: int | None = None) -> Callable[[str], int]:
    """An argparse type: a whole number of at least ``low`` and at most ``high``."""

    def convert(text: str) -> int:
        bound = f"{low} or more" if high is None else f"between {low} and {high}"
        try:
            value = int(text, 0)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be an integer, not {text!r}") from None
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"must be {bound}, not {value}")
        return value

    return convert


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """An argparse type: one of some names, which are its attribute ``known``."""
    known = tuple(names)

    def convert(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(known)}, not {text!r}")
        return text

    convert.known = known  # type: ignore[attr-defined]
    return convert
