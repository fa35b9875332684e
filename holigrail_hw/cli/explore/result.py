"""What an exploration shows: a table, JSON, pictures and a page."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from holigrail_hw.flow.explore.explore import Sweep
from holigrail_hw.flow.explore.sweep import objectives, page
from holigrail_hw.flow.explore.sweep.objectives import Objective
from holigrail_hw.flow.explore.sweep.point import Point
from holigrail_hw.flow.folders import staging
from holigrail_hw.ui.tables import table

from ..session import Session, shown

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["DESIGN", "Result", "text", "write"]

DESIGN = "design"
"""The column that says which operator or recipe a row belongs to, where there are several."""

_SHOWN = ("latency", "interleave", "luts", "flip_flops", "dsps", "promised_fmax_mhz", "energy_pj")
# A table with more rows shows the front alone, unless all of it is asked for.
_ROWS = 100


class Result:
    """The points of one or more sweeps with their common front.

    Raises
    ------
    RequestError
        If an objective is no figure of any point.
    """

    def __init__(
        self, sweeps: Sequence[Sweep], points: list[Point], device: str, *, complete: bool
    ):
        self.sweeps, self.points, self.device, self.complete = sweeps, points, device, complete
        good = [point for point in points if point.error is None]
        self.objectives: list[Objective] = (
            objectives.resolve(sweeps[0].objectives, objectives.names(good)) if good else []
        )
        rows = [[one.of(point.figures) for one in self.objectives] for point in points]
        self.front = objectives.front(rows) if self.objectives else [False] * len(points)

    @property
    def operator(self) -> str:
        """Name of the operator, or names of several."""
        return ", ".join(dict.fromkeys(sweep.how.cls.name for sweep in self.sweeps))

    @cached_property
    def swept(self) -> list[str]:
        """Names of the values that differ, and of the timing requests."""
        spaces = [sweep.space for sweep in self.sweeps]
        swept = {name for space in spaces for name in space.swept}
        fixed = {name for space in spaces for name in space.lists} - swept
        keys = dict.fromkeys(key for point in self.points for key in point.values)
        return [key for key in keys if key not in fixed]

    @cached_property
    def figures(self) -> list[str]:
        """The figures that a table shows."""
        known = objectives.names(self.points)
        chosen = [one.figure for one in self.objectives]
        return [
            name
            for name in known
            if name in _SHOWN or name.startswith("measured_") or name in chosen
        ]

    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return {
            "operator": self.operator,
            "device": self.device,
            "complete": self.complete,
            "combinations": sum(sweep.space.size for sweep in self.sweeps),
            "known": sum(sweep.found for sweep in self.sweeps),
            "computed": sum(sweep.computed for sweep in self.sweeps),
            "objectives": [one.title for one in self.objectives],
            "points": [
                {**point.as_dict(), "front": inside}
                for point, inside in zip(self.points, self.front, strict=True)
            ],
        }


def write(result: Result, session: Session, *, plot: bool, page: bool) -> dict[str, str]:
    """The files that were asked for; their paths, by what they are."""
    good = [point for point in result.points if point.error is None]
    folder = session.folder("explore_" + result.operator.replace(", ", "_"))
    texts: dict[str, str | bytes] = {}
    if plot and good and result.objectives:
        texts["pareto.svg"], texts["pareto.png"] = _pictures(result)
    if page and good:
        texts["explore.html"] = _page(result, session.command)
    if not texts:
        return {}
    with staging(folder, "explore") as work:
        for name, content in texts.items():
            is_text = isinstance(content, str)
            (work / name).write_bytes(content.encode() if is_text else content)
    kinds = {"pareto.svg": "plot", "pareto.png": "picture", "explore.html": "page"}
    return {kinds[name]: str(folder / name) for name in texts}


def text(console: "Console", result: Result, files: dict[str, str], *, whole: bool) -> None:
    """Print the points as a table, the front alone if there are many."""
    faulty = any(point.error for point in result.points)
    rows = [*zip(result.points, result.front, strict=True)]
    shows_all = whole or len(rows) <= _ROWS or not any(result.front)
    chosen = [(point, inside) for point, inside in rows if shows_all or inside]
    faulty = any(point.error for point, _ in chosen)
    table(
        console,
        [
            *result.swept,
            *map(page.heading, result.figures),
            "front",
            *(["not possible because"] if faulty else []),
        ],
        [
            [
                *(point.values.get(name) for name in result.swept),
                *(point.figures.get(name) for name in result.figures),
                True if inside else None,
                *([(point.error or "").split("\n")[0]] if faulty else []),
            ]
            for point, inside in chosen
        ],
        greyed=[not inside for _, inside in chosen],
    )
    if len(chosen) < len(rows):
        console.file.write(
            f"\n{len(chosen)} of {len(rows)} combinations are in the front"
            f" ({', '.join(one.title for one in result.objectives)}); --all prints the others\n"
        )
    if files:
        lines = [f"{kind:7}  {shown(place)}\n" for kind, place in files.items()]
        console.file.write("\n" + "".join(lines))


def _pictures(result: Result) -> tuple[str, bytes]:
    """The first two objectives; with one alone, LUTs beside it."""
    from holigrail_hw.ui.plots import scatter

    first, *more = result.objectives
    second = more[0] if more else first
    rows = [
        (point, inside)
        for point, inside in zip(result.points, result.front, strict=True)
        if all(point.figures.get(one.figure) is not None for one in (first, second))
    ]
    return scatter(
        [(point.figures[first.figure], point.figures[second.figure]) for point, _ in rows],
        [
            ", ".join(point.values[name] for name in result.swept if name in point.values)
            for point, _ in rows
        ],
        [inside for _, inside in rows],
        x_label=page.heading(first.figure),
        y_label=page.heading(second.figure),
        title=result.operator,
        large=(bool(first.large), bool(second.large)),
        line=_draws_border(result),
    )


def _draws_border(result: Result) -> bool:
    """Whether two objectives alone decide: the others are the same for all points."""
    rest = result.objectives[2:]
    return all(
        len({p.figures.get(one.figure) for p in result.points if not p.error}) == 1 for one in rest
    )


def _page(result: Result, command: str) -> str:
    return page.html(
        result.operator,
        command,
        result.swept,
        result.points,
        result.front,
        result.objectives,
    )
