"""What a verb understands: its options, and those that the parameters of an operator are."""

import argparse
import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import leaf_parameters, renamed_in, to_text
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.task import Task

from .options import Parser, common_options, complaint, integer
from .session import Session

__all__ = [
    "Configure",
    "as_option",
    "parser_of",
    "parser_of_task",
    "parser_of_verb",
    "refuse",
    "unknown_words",
    "with_negative_values",
]

Configure = Callable[[argparse.ArgumentParser], None]


def parser_of_verb(
    session: Session, configure: Configure | None, *, design: bool = False, named: bool = False
) -> argparse.ArgumentParser:
    parser = Parser(
        prog=f"holigrail {session.verb}",
        usage=f"holigrail {session.verb} {'OPERATOR ' if design or named else ''}[options]",
        parents=[common_options(session.verb)],
    )
    parser.error = lambda message: refuse(  # type: ignore[method-assign]
        RequestError(
            f"{session.verb}: {complaint(message)}",
            hint=f"`holigrail {session.verb} --help` shows the options",
        )
    )
    if configure is not None:
        configure(parser)
    if named:
        parser.add_argument("operator", nargs="?", metavar="OPERATOR", help="an operator")
    if design:
        parser.add_argument(
            "operator", nargs="?", metavar="OPERATOR", help="an operator, or generators/NAME.toml"
        )
        timing = parser.add_argument_group("timing")
        timing.add_argument("--period", type=_period, metavar="NS", help="clock period aimed at")
        timing.add_argument(
            "--latency", type=integer(0), metavar="N", help="cycles, instead of a period"
        )
        timing.add_argument(
            "--best-effort",
            action="store_true",
            help="go on though the period cannot be promised, or the device is too small",
        )
        timing.add_argument("--device", metavar="NAME", help="device whose delays count (generic)")
        timing.add_argument(
            "--shell",
            metavar="KIND",
            help="plain (fixed latency), stream (valid and ready), axi-stream or wishbone",
        )
        timing.add_argument(
            "--wait-cycles",
            type=integer(0),
            metavar="N",
            help="the most cycles a Wishbone slave waits before it answers with err",
        )
        timing.add_argument("--name", metavar="NAME", help="name of the module and of its files")
    return parser


def parser_of(
    session: Session,
    configure: Configure | None,
    cls: type[OperatorSpec] | None = None,
    *,
    design: bool = True,
) -> argparse.ArgumentParser:
    """All that a verb understands; with an operator, its parameters as well."""
    parser = parser_of_verb(session, configure, design=design)
    if cls is not None and design:
        _add_parameters(parser, cls)
    return parser


def parser_of_task(session: Session, task: type[Task] | None = None) -> argparse.ArgumentParser:
    """All that a verb on a task understands, with the task's parameters if it is known."""
    parser = parser_of_verb(session, None, named=True)
    if task is not None:
        _add_parameters(parser, task)
    return parser


def _add_parameters(parser: argparse.ArgumentParser, cls: type[OperatorSpec] | type[Task]) -> None:
    group = parser.add_argument_group(f"parameters of {cls.name}")
    known = leaf_parameters(cls)
    for name, parameter in known.items():
        default = "derived" if parameter.default is None else to_text(parameter.default)
        extra: dict[str, Any] = {"nargs": "?", "const": "true"} if parameter.type is bool else {}
        group.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"parameter_{name}",
            metavar="VALUE",
            help=f"{parameter.help}: {parameter.legal} ({default})".replace("%", "%%"),
            **extra,
        )
    jointly: Mapping[str, tuple[str, ...]] = getattr(cls, "jointly", {})
    for joint, names in jointly.items():
        group.add_argument(
            f"--{joint.replace('_', '-')}",
            dest=f"parameter_{joint}",
            metavar="VALUE",
            help=f"the same for {' and '.join(names)}",
        )
    for old in dict.fromkeys(name.partition("=")[0] for name in renamed_in(cls)):
        if old not in known:
            option = f"--{old.replace('_', '-')}"
            group.add_argument(option, dest=f"parameter_{old}", help=argparse.SUPPRESS)


def _period(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of ns, not {text!r}") from None


def as_option(name: str) -> str:
    """``name`` or ``name=value`` as on the command line."""
    words = name.split("=")
    return " ".join([f"--{words[0].replace('_', '-')}", *words[1:]])


def with_negative_values(words: list[str]) -> list[str]:
    """``--name -7,19`` as ``--name=-7,19``: no option begins with a digit, but argparse asks."""
    found: list[str] = []
    for word in words:
        after_option = bool(found) and re.fullmatch(r"--[a-z][a-z.-]*", found[-1])
        if after_option and re.match(r"-\.?\d", word):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def unknown_words(unknown: list[str], parser: argparse.ArgumentParser, verb: str) -> RequestError:
    known = [option for action in parser._actions for option in action.option_strings]
    wrong, hints, after_option = [], [], False
    for word in unknown:
        if word.startswith("--"):
            name = word.split("=")[0]
            wrong.append(f"{verb}: no option named {name!r}")
            near = difflib.get_close_matches(name, known, n=1)
            hints += [f"did you mean {near[0]}?"] if near else []
        elif not after_option:
            wrong.append(f"{verb}: every word must belong to an option, not {word!r}")
        after_option = word.startswith("--") and "=" not in word
    hints.append("--help shows the options")
    return RequestError(wrong, hint=" ".join(hints))


def refuse(error: RequestError) -> Any:
    """Raise an error, where only an expression may stand."""
    raise error
