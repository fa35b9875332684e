"""Options that every verb understands; imports nothing but argparse."""

import argparse
from collections.abc import Callable, Iterable
from typing import Any

__all__ = [
    "PARALLEL",
    "SEEDED",
    "WRITERS",
    "Parser",
    "common_options",
    "complaint",
    "integer",
    "one_of",
]

WRITERS = ("generate", "train", "certify", "synth", "build", "flash", "explore", "report")
"""The verbs that write files into a folder."""
SEEDED = (*WRITERS, "simulate", "verify", "mutate")
"""Those that choose something at random."""
PARALLEL = ("explore",)
"""Those that can run several processes."""


class Parser(argparse.ArgumentParser):
    """A parser that takes every option once, unless its values make a list.

    Of two values one would have to be forgotten.
    """

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)
        self.register("action", None, _Once)
        self.register("action", "store", _Once)
        self.register("action", "store_true", _OnceTrue)


class _Once(argparse._StoreAction):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        _take(self, namespace, option_string)
        super().__call__(parser, namespace, values, option_string)


class _OnceTrue(argparse._StoreTrueAction):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        _take(self, namespace, option_string)
        super().__call__(parser, namespace, values, option_string)


def _take(action: argparse.Action, namespace: argparse.Namespace, option: str | None) -> None:
    """Note that an option was given; raises ArgumentError if it was before."""
    given = namespace.__dict__.setdefault("options_given", set())
    if option is not None and action.dest in given:
        raise argparse.ArgumentError(action, "must be given once, not twice")
    given.add(action.dest)


def common_options(verb: str = "") -> argparse.ArgumentParser:
    """A parent parser with the options of every verb; help for one hides what it refuses."""
    parser = Parser(add_help=False)
    group = parser.add_argument_group("everywhere")
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    group.add_argument("-v", "--verbose", action="store_true", help="print every line of progress")
    group.add_argument("-q", "--quiet", action="store_true", help="print no progress")
    group.add_argument("--no-color", action="store_true", help="no colour (also: NO_COLOR)")

    def help_of(text: str, verbs: tuple[str, ...]) -> str:
        return text if verb in ("", *verbs) else argparse.SUPPRESS

    seed = help_of("seed of every random choice (1)", SEEDED)
    group.add_argument("--seed", type=integer(0), default=1, metavar="N", help=seed)
    folder = help_of("folder for files (out/<design>)", WRITERS)
    group.add_argument("-o", "--output", metavar="DIR", help=folder)
    jobs = help_of("processes (1)", PARALLEL)
    group.add_argument("-j", "--jobs", type=integer(1), default=1, metavar="N", help=jobs)
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
