"""From words to a design: options of an operator come from its parameters, timing from a few more.

Every verb on a design takes ``OPERATOR [--parameter value ...]`` or a recipe; what is given on the
command line takes the place of a recipe's own values. All mistakes of one
command line are reported together.
"""

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import (
    construct,
    flattened,
    leaf_parameters,
    old_names,
    parse_parameters,
    renamed_in,
    to_text,
)
from holigrail_hw.core.registry import find
from holigrail_hw.core.site import Site
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.task import Task
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow.board.board import board as find_board
from holigrail_hw.flow.board.board import boards
from holigrail_hw.flow.explore import catalogue
from holigrail_hw.flow.synth import devices

from .options import PARALLEL, SEEDED, WRITERS, Parser, common_options, complaint, integer
from .session import Session

__all__ = [
    "Design",
    "Request",
    "need_board",
    "parser_of",
    "parser_of_task",
    "read_design",
    "read_options",
    "read_request",
    "read_task",
    "say_part",
    "together",
]

# Verbs that only answer a question, where a clock that cannot be met is an answer.
_ANSWERS = ("info",)

Configure = Callable[[argparse.ArgumentParser], None]
Judge = Callable[[type[OperatorSpec], dict[str, str]], Any]


@dataclass(frozen=True)
class Design:
    """What a verb works on.

    ``device`` is a target of ``holigrail list devices``; ``timing.device`` is the delay model that
    goes with it. ``board`` is ``None`` unless asked for.
    """

    spec: OperatorSpec
    timing: Timing
    device: str
    board: str | None
    recipe: str | None

    @property
    def top(self) -> str:
        """Name of the generated module."""
        return self.spec.top_name(self.timing)


@dataclass(frozen=True)
class Request:
    """An operator and its parameters as texts, not yet judged; ``recipe`` has the other values.

    Of a recipe that cannot be read no operator is known.
    """

    options: argparse.Namespace
    cls: type[OperatorSpec] | None
    recipe: Path | None
    texts: dict[str, str]


def read_options(
    words: list[str], session: Session, configure: Configure | None = None
) -> argparse.Namespace:
    """Options of a verb that works on no design."""
    parser = _parser(session, configure)
    options, unknown = parser.parse_known_args(_with_negative_values(words))
    _adopt(session, options)
    if unknown:
        raise _unknown(unknown, parser, session.verb)
    return options


def read_request(
    words: list[str],
    session: Session,
    configure: Configure | None = None,
    judge: Judge | None = None,
) -> Request:
    """Options of a verb on a design, its operator or recipe, and the parameters as texts.

    ``judge`` says what is wrong with the texts, where other things are wrong already; without one
    each is to be a single value.
    """
    words = _with_negative_values(words)
    asks_help = any(word in ("-h", "--help") for word in words)
    base = _parser(session, configure, design=True)
    if asks_help:
        named = [word for word in words if not word.startswith("-")][:1]
        if not named or named[0].endswith(".toml"):
            base.parse_args(["--help"])
    options, _ = base.parse_known_args([word for word in words if word not in ("-h", "--help")])
    _adopt(session, options)
    if options.operator is None:
        raise RequestError(
            f"{session.verb}: an operator or a recipe must be given",
            hint=f"holigrail {session.verb} OPERATOR; `holigrail list` shows all of them",
        )
    is_recipe = options.operator.endswith(".toml")
    cls = _operator_of_recipe(Path(options.operator)) if is_recipe else find(options.operator)
    session.operator = options.operator
    parser, texts = parser_of(session, configure, cls), {}
    options, unknown = parser.parse_known_args(words)
    if cls is not None:
        given = {
            name.removeprefix("parameter_"): text
            for name, text in vars(options).items()
            if name.startswith("parameter_") and text is not None
        }
        for old, today in old_names(cls, given):
            session.note(f"{_as_option(old)} is now {_as_option(today)}")
        texts = flattened(cls, given, who=cls.name)
    if unknown:
        wrong = _unknown(unknown, parser, session.verb)
        together(
            [
                lambda: _fail(wrong),
                lambda: cls and (judge or _single)(cls, texts),
                lambda: timing_of(options, None, Timing()),
            ]
        )
    return Request(options, cls, Path(options.operator) if is_recipe else None, texts)


def _single(cls: type[OperatorSpec], texts: dict[str, str]) -> None:
    parse_parameters(cls, texts, who=cls.name)


def read_task(
    words: list[str],
    session: Session,
    task_of: Callable[[type[OperatorSpec]], type[Task] | None],
) -> Task:
    """The task that a verb asks an operator for, with its parameters."""
    words = _with_negative_values(words)
    base = parser_of_task(session)
    options, _ = base.parse_known_args([word for word in words if word not in ("-h", "--help")])
    _adopt(session, options)
    if options.operator is None:
        if {"-h", "--help"} & {*words}:
            base.parse_args(["--help"])
        raise RequestError(
            f"{session.verb}: an operator must be given",
            hint=f"holigrail {session.verb} OPERATOR; `holigrail list` shows all of them",
        )
    operator = find(options.operator)
    task = task_of(operator)
    if task is None:
        raise RequestError(f"{session.verb}: {operator.name} must be something to {session.verb}")
    parser = parser_of_task(session, task)
    options, unknown = parser.parse_known_args(words)
    if unknown:
        raise _unknown(unknown, parser, session.verb)
    given = {
        name.removeprefix("parameter_"): text
        for name, text in vars(options).items()
        if name.startswith("parameter_") and text is not None
    }
    return construct(task, given, who=task.name)


def parser_of_task(session: Session, task: type[Task] | None = None) -> argparse.ArgumentParser:
    """All that a verb on a task understands, with the task's parameters if it is known."""
    parser = _parser(session, None, named=True)
    if task is not None:
        _add_parameters(parser, task)
    return parser


def _as_option(name: str) -> str:
    """``name`` or ``name=value`` as on the command line."""
    words = name.split("=")
    return " ".join([f"--{words[0].replace('_', '-')}", *words[1:]])


def _operator_of_recipe(given: Path) -> type[OperatorSpec] | None:
    """The operator whose parameters may be given beside a recipe; ``None`` if that is broken."""
    from holigrail_hw.flow.emit import recipe

    name = recipe.operator_name(catalogue.recipe_path(given))
    try:
        return None if name is None else find(name)
    except RequestError:
        return None


def read_design(
    words: list[str], session: Session, configure: Configure | None = None
) -> tuple[argparse.Namespace, Design]:
    """Options of a verb on a design, and the design itself."""
    request = read_request(words, session, configure)
    options, board = request.options, getattr(request.options, "board", None)
    if request.recipe is not None:
        from holigrail_hw.flow.emit import recipe

        path = catalogue.recipe_path(request.recipe)
        spec, timing, recipe_board = recipe.load(path, request.texts)
        for old, today in recipe.old_keys(path, type(spec)):
            session.note(f"{path}: {old} is now {today}".replace("=", " = "))
        board, part = board or recipe_board, recipe.device(path)
        timing, device = timing_of(options, board, timing, part)
        if board is None:
            say_part(session, options.device or part, device)
        spec = spec.on(_site(timing, device, board))
        _prepare(spec, session)
        _judge_clock(spec, timing, options, session)
        return options, Design(spec, timing, device, board, str(request.recipe))
    cls = request.cls
    assert cls is not None
    spec, (timing, device) = together(
        [
            lambda: construct(cls, request.texts, who=cls.name),
            lambda: timing_of(options, board, Timing()),
        ]
    )
    if options.device is not None:
        say_part(session, options.device, device)
    spec = spec.on(_site(timing, device, board))
    _prepare(spec, session)
    _judge_clock(spec, timing, options, session)
    return options, Design(spec, timing, device, board, None)


def _site(timing: Timing, device: str, board: str | None) -> Site:
    """The clock asked for, else that of the board, and what the device has."""
    clock_hz = None
    if timing.period_ns is not None:
        clock_hz = 1e9 / timing.period_ns
    elif board is not None:
        clock_hz = find_board(board, "timing").clock_hz
    known = devices.TARGETS.get(device)
    return Site(clock_hz, {} if known is None else known.room)


def _judge_clock(
    spec: OperatorSpec, timing: Timing, options: argparse.Namespace, session: Session
) -> None:
    """Say what the clock asked for does to the design; raises DesignError if it cannot be met."""
    if spec.planned and not spec.stateful and timing.period_ns is None and timing.latency is None:
        # Nothing was asked and nothing is interleaved: to build the plan would say no more.
        return
    clock = spec.clock(timing)
    if not (options.best_effort or session.verb in _ANSWERS):
        clock.require()
    for remark in clock.remarks():
        session.note(remark)


def _adopt(session: Session, options: argparse.Namespace) -> None:
    session.adopt(options)
    given = getattr(options, "options_given", set())
    for name, option, verbs, does in (
        ("output", "-o", WRITERS, "writes files"),
        ("seed", "--seed", SEEDED, "makes random choices"),
        ("jobs", "-j", PARALLEL, "runs several processes"),
    ):
        if name in given and session.verb not in verbs:
            raise RequestError(
                f"{session.verb}: {option} must be given to a verb that {does}, not to this one",
                hint=f"one of {', '.join(verbs)}",
            )


def _prepare(spec: OperatorSpec, session: Session) -> None:
    """Let the design do its long work, with a live line; say how it ended if that matters."""
    if type(spec).prepare is OperatorSpec.prepare:
        return
    with session.progress() as progress:
        remark = spec.prepare(progress)
    if remark and not session.quiet:
        print(f"{spec.name}: {remark}", file=sys.stderr)
    for loss in cache_kinds.losses():
        print(f"warning: {spec.name}: {loss}", file=sys.stderr)


def need_board(design: Design, session: Session) -> str:
    """The board of a design; raises RequestError if none was named."""
    if design.board is None:
        raise RequestError(
            f"{session.verb}: a board must be given",
            hint=f"--board with one of {', '.join(sorted(boards()))}",
        )
    return design.board


def say_part(session: Session, given: str | None, device: str) -> None:
    """Say which part a short name of a device stands for."""
    if given not in (None, device) and device in devices.TARGETS and not session.quiet:
        part = devices.TARGETS[device].summary
        print(f"timing: device {given} is taken as {device}, {part}", file=sys.stderr)


def timing_of(
    options: argparse.Namespace, board: str | None, base: Timing, part: str | None = None
) -> tuple[Timing, str]:
    """The timing asked for, on top of ``base``, and the device it is for.

    ``part`` is the device a recipe names; its delays are in ``base``.
    """
    changes: dict[str, Any] = {}
    if options.period is not None:
        changes |= {"period_ns": options.period, "latency": options.latency}
    elif options.latency is not None:
        changes |= {"latency": options.latency, "period_ns": None}
    if options.shell is not None:
        changes["shell"] = options.shell
        if options.shell != base.shell:
            changes["wait_cycles"] = None
    if options.wait_cycles is not None:
        changes["wait_cycles"] = options.wait_cycles
    if options.name is not None:
        changes["name"] = options.name
    if options.device is None:
        if board is None:
            return replace(base, **changes), _target_of_model(part or base.device)
        goal = find_board(board, "timing")
        return replace(base, device=goal.model, **changes), goal.target or goal.model
    goal = devices.target(options.device, "timing")
    return replace(base, device=goal.model, **changes), goal.name


def together(steps: Iterable[Callable[[], Any]]) -> list[Any]:
    """Run every step; raises one RequestError with the violations of all of them."""
    results, wrong, hints = [], [], []
    for step in steps:
        try:
            results.append(step())
        except RequestError as error:
            wrong += error.violations
            hints += [error.hint] if error.hint else []
    if wrong:
        raise RequestError(wrong, hint="; ".join(dict.fromkeys(hints)) or None)
    return results


def _parser(
    session: Session, configure: Configure | None, *, design: bool = False, named: bool = False
) -> argparse.ArgumentParser:
    parser = Parser(
        prog=f"holigrail {session.verb}",
        usage=f"holigrail {session.verb} {'OPERATOR ' if design or named else ''}[options]",
        parents=[common_options(session.verb)],
    )
    parser.error = lambda message: _fail(  # type: ignore[method-assign]
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
            help="go on where the device model cannot promise the period",
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
        timing.add_argument(
            "--name", metavar="NAME", help="what the module is called, and files like it"
        )
    return parser


def parser_of(
    session: Session,
    configure: Configure | None,
    cls: type[OperatorSpec] | None = None,
    *,
    design: bool = True,
) -> argparse.ArgumentParser:
    """All that a verb understands; with an operator, its parameters as well."""
    parser = _parser(session, configure, design=design)
    if cls is not None and design:
        _add_parameters(parser, cls)
    return parser


def _period(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of ns, not {text!r}") from None


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
    for old in dict.fromkeys(name.partition("=")[0] for name in renamed_in(cls)):
        if old not in known:
            option = f"--{old.replace('_', '-')}"
            group.add_argument(option, dest=f"parameter_{old}", help=argparse.SUPPRESS)


def _target_of_model(name: str) -> str:
    """The part that a name of a device or of a delay model stands for."""
    return devices.target(name, "timing").name


def _with_negative_values(words: list[str]) -> list[str]:
    """``--name -7,19`` as ``--name=-7,19``: no option begins with a digit, but argparse asks."""
    found: list[str] = []
    for word in words:
        after_option = bool(found) and re.fullmatch(r"--[a-z][a-z.-]*", found[-1])
        if after_option and re.match(r"-\.?\d", word):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def _unknown(unknown: list[str], parser: argparse.ArgumentParser, verb: str) -> RequestError:
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


def _fail(error: RequestError) -> Any:
    raise error
