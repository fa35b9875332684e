"""The run of an exploration, and what it ends with."""

from dataclasses import replace
from pathlib import Path

from holigrail_hw.core.errors import RequestError, ToolError
from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow.explore.explore import Sweep
from holigrail_hw.flow.explore.sweep import objectives
from holigrail_hw.flow.explore.sweep.kept import KeptPoints
from holigrail_hw.flow.explore.sweep.point import Point
from holigrail_hw.flow.explore.sweep.space import spread

from ..arguments import read_request
from ..session import INTERRUPTED, Session
from .request import configure, sweep_of
from .result import DESIGN, Result, text, write

__all__ = ["main"]

# After how many designs a figure that none of them has is taken for a mistake.
_SURE = 20


def main(words: list[str], session: Session) -> int:
    """Print one row for every combination of ``--parameter value,value`` that is looked at.

    Several operators or recipes are looked at one after the other, and judged together.
    """
    requests = [read_request(own, session, configure, spread) for own in _each(words)]
    options = requests[0].options
    asked = [sweep_of(request, session) for request in requests]
    sweeps = [sweep for sweep, _, _ in asked]
    device = ", ".join(dict.fromkeys(name for _, _, name in asked))
    labels = _labels([request.options.operator for request in requests])
    points: list[Point] = []
    stopped: KeyboardInterrupt | None = None
    for label, (sweep, base, _) in zip(labels, asked, strict=True):
        own, stopped = _run(sweep, session, again=options.again)
        _say(own, sweep, base, session)
        points += own if len(asked) == 1 else [_labelled(point, label) for point in own]
        if stopped:
            break
    if stopped and not points:
        raise stopped
    result = Result(sweeps, points, device, complete=stopped is None)
    files = write(result, session, plot=options.plot, page=options.page)
    status = ToolError.exit_code if any(map(_tool_failed, points)) else 0
    session.show(
        {**result.as_dict(), **files},
        lambda console: text(console, result, files, whole=options.all),
        status=getattr(stopped, "status", INTERRUPTED) if stopped else status,
    )
    if stopped:
        raise stopped
    return status


def _each(words: list[str]) -> list[list[str]]:
    """The words of each operator that is named before the options, with the options."""
    count = next((n for n, word in enumerate(words) if word.startswith("-")), len(words))
    if count < 2:
        return [words]
    return [[name, *words[count:]] for name in words[:count]]


def _labels(names: list[str]) -> list[str]:
    """What the rows of each operator or recipe are called."""
    labels = [Path(name).stem if name.endswith(".toml") else name for name in names]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise RequestError(
            f"explore: each operator or recipe must be named once, not {', '.join(twice)} twice",
            hint="a range or a list is one exploration: --a int4,int8",
        )
    return labels


def _labelled(point: Point, label: str) -> Point:
    return replace(point, values={DESIGN: label, **point.values})


def _run(
    sweep: Sweep, session: Session, *, again: bool
) -> tuple[list[Point], KeyboardInterrupt | None]:
    """The points in the order of the lists, as many as there are when Ctrl-C comes."""
    points: list[Point] = []
    stopped: KeyboardInterrupt | None = None
    good: list[Point] = []
    with session.progress() as progress, KeptPoints(sweep.how, again=again) as kept:
        sweep.kept = kept
        sweep.progress = progress if sweep.how.device is not None else None
        try:
            for point in sweep.points():
                points.append(point)
                if point.error is None and len(good) < _SURE:
                    good.append(point)
                    if len(good) == _SURE:
                        objectives.resolve(sweep.objectives, objectives.names(good))
                progress(f"{len(points)} of {sweep.most} combinations, {sweep.found} known before")
        except KeyboardInterrupt as interrupt:
            # What was found so far is worth having.
            stopped = interrupt
    for loss in cache_kinds.losses():
        session.warn(f"{sweep.how.cls.name}: {loss}")
    return sorted(points, key=lambda point: point.index), stopped


def _say(points: list[Point], sweep: Sweep, base: Timing, session: Session) -> None:
    name = sweep.how.cls.name
    many = sum(point.figures.get("interleave", 1) > 1 for point in points)
    if many:
        session.note(
            f"{name}: {many} of {len(points)} combinations hold interleaved sums; item t"
            " belongs to sum t mod interleave"
        )
    unknown = sum(not p.error and p.figures["promised_fmax_mhz"] is None for p in points)
    if unknown and base.period_ns is not None:
        session.note(f"{name}: has no model of its clock")


def _tool_failed(point: Point) -> bool:
    return point.failure is not None and issubclass(point.failure, ToolError)
