"""From words to a design: options of an operator come from its parameters, timing from a few more.

Every verb on a design takes ``OPERATOR [--parameter value ...]`` or a recipe; what is given on the
command line takes the place of a recipe's own values. All mistakes of one
command line are reported together.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import (
    construct,
    flattened,
    old_names,
    parse_parameters,
)
from holigrail_hw.core.registry import find
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.task import Task
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow.board.board import boards
from holigrail_hw.flow.explore import catalogue

from .options import PARALLEL, SEEDED, WRITERS
from .parsing import (
    Configure,
    as_option,
    parser_of,
    parser_of_task,
    parser_of_verb,
    refuse,
    unknown_words,
    with_negative_values,
)
from .session import Session
from .timing_options import judge_clock, say_part, site_of, timing_of

__all__ = [
    "Design",
    "Request",
    "need_board",
    "read_design",
    "read_options",
    "read_request",
    "read_task",
    "together",
]

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
    parser = parser_of_verb(session, configure)
    options, unknown = parser.parse_known_args(with_negative_values(words))
    _adopt(session, options)
    if unknown:
        raise unknown_words(unknown, parser, session.verb)
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
    words = with_negative_values(words)
    asks_help = any(word in ("-h", "--help") for word in words)
    base = parser_of_verb(session, configure, design=True)
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
            session.note(f"{as_option(old)} is now {as_option(today)}")
        texts = flattened(cls, given, who=cls.name)
    if unknown:
        wrong = unknown_words(unknown, parser, session.verb)
        together(
            [
                lambda: refuse(wrong),
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
    words = with_negative_values(words)
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
        raise unknown_words(unknown, parser, session.verb)
    given = {
        name.removeprefix("parameter_"): text
        for name, text in vars(options).items()
        if name.startswith("parameter_") and text is not None
    }
    return construct(task, given, who=task.name)


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
        spec = spec.on(site_of(timing, device, board))
        _prepare(spec, session)
        judge_clock(spec, timing, options, session)
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
    spec = spec.on(site_of(timing, device, board))
    _prepare(spec, session)
    judge_clock(spec, timing, options, session)
    return options, Design(spec, timing, device, board, None)


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
