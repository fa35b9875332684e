"""``holigrail explore``: sweep parameters given as lists, print cost and latency of each point."""

import argparse
from dataclasses import replace
from typing import Any

from holigrail_hw.core.errors import RequestError, ToolError
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow.explore.explore import Point, combinations, explore
from holigrail_hw.flow.folders import staging
from holigrail_hw.ui.tables import table

from .arguments import read_request, say_part, timing_of
from .options import integer
from .session import INTERRUPTED, Session, shown

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Print one row for every combination of ``--parameter value,value``."""
    request = read_request(words, session, configure)
    options, cls = request.options, request.cls
    if cls is None or request.recipe is not None:
        raise RequestError(
            "explore: the design must be an operator with lists of values, not a recipe",
            hint="holigrail explore OPERATOR --parameter value,value",
        )
    base, device = timing_of(options, None, Timing())
    if base.name is not None:
        raise RequestError(
            "explore: --name must be given for one design, not for many",
            hint="`holigrail generate` and `holigrail synth` work on one",
        )
    if session.output is not None and not (options.synth or options.plot):
        raise RequestError(
            "explore: -o must be given where files are written, not without --synth and --plot",
            hint="--plot writes a picture, --synth the files of every design",
        )
    say_part(session, options.device, device)
    swept, rows = combinations(cls, request.texts)
    timings = [base]
    if options.latencies:
        timings = [replace(base, period_ns=None, latency=cycles) for cycles in options.latencies]
    folder = session.folder(f"explore_{cls.name}")
    points: list[Point] = []
    stopped: KeyboardInterrupt | None = None
    with session.progress() as progress:
        try:
            for point in explore(
                cls,
                request.texts,
                timings,
                device=device if options.synth else None,
                out_dir=folder if options.synth else None,
                jobs=session.jobs,
                seed=session.seed,
                best_effort=options.best_effort,
                progress=progress if options.synth else None,
            ):
                points.append(point)
                progress(f"{len(points)} of {len(rows) * len(timings)} combinations")
        except KeyboardInterrupt as interrupt:
            # What was found so far is worth having.
            stopped = interrupt
    if stopped and not points:
        raise stopped
    many = sum(point.figures.get("interleave", 1) > 1 for point in points)
    if many:
        session.note(
            f"{cls.name}: {many} of {len(points)} combinations hold interleaved sums; item t"
            " belongs to sum t mod interleave"
        )
    unknown = sum(not p.error and p.figures["promised_fmax_mhz"] is None for p in points)
    if unknown and base.period_ns is not None:
        session.note(f"{cls.name}: has no model of its clock")
    drawn = options.plot and any(point.error is None for point in points)
    svg = _plot(points, options, cls.name) if drawn else None
    result: dict[str, Any] = {
        "operator": cls.name,
        "device": device,
        "complete": stopped is None,
        "points": [point.as_dict() for point in points],
    }
    if svg is not None:
        with staging(folder, "explore") as work:
            (work / "pareto.svg").write_text(svg, encoding="utf-8")
        result["plot"] = str(folder / "pareto.svg")
    status = ToolError.exit_code if any(_tool_failed(point) for point in points) else 0
    names = [name for name in points[0].values if name in swept or name not in request.texts]
    session.show(
        result,
        lambda console: _text(console, points, names, result.get("plot")),
        status=getattr(stopped, "status", INTERRUPTED) if stopped else status,
    )
    if stopped:
        raise stopped
    return status


def _tool_failed(point: Point) -> bool:
    return point.failure is not None and issubclass(point.failure, ToolError)


def _text(console: Any, points: list[Point], names: list[str], plot: str | None) -> None:
    figures = [*dict.fromkeys(key for point in points for key in point.figures)]
    units = {"latency": "cycles", "promised_fmax_mhz": "MHz", "measured_fmax_mhz": "MHz"}
    header = [name.replace("_", " ").removesuffix(" mhz") for name in figures]
    header = [
        f"{h} ({units[n]})" if n in units else h for h, n in zip(header, figures, strict=True)
    ]
    faulty = any(point.error for point in points)
    table(
        console,
        [*names, *header, *(["not possible because"] if faulty else [])],
        [
            [
                *(point.values.get(name) for name in names),
                *(point.figures.get(name) for name in figures),
                *([(point.error or "").split("\n")[0]] if faulty else []),
            ]
            for point in points
        ],
    )
    if plot is not None:
        console.file.write(f"\nplot  {shown(plot)}\n")


def _plot(points: list[Point], options: argparse.Namespace, operator: str) -> str:
    from holigrail_hw.ui.plots import scatter_svg

    good = [point for point in points if point.error is None]
    measured = options.synth
    return scatter_svg(
        [
            (
                point.figures["measured_luts" if measured else "luts"],
                max(point.figures["latency"], 1)
                * 1000
                / (
                    (measured and point.figures["measured_fmax_mhz"])
                    or point.figures["promised_fmax_mhz"]
                ),
            )
            for point in good
        ],
        [", ".join(point.values.values()) for point in good],
        x_label="LUTs" if measured else "LUTs, estimate",
        y_label="delay from operands to result (ns)",
        title=operator,
    )


def _latencies(text: str) -> list[int]:
    return [integer(0, 64)(item) for item in text.split(",")]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.description = (
        "Every parameter may be a list: --a int4,int8, or with colons where each value is a list"
        " of integers itself: 7,19:3,5. Estimates take milliseconds; --synth measures."
    )
    parser.add_argument("--synth", action="store_true", help="also synthesise, place and route")
    parser.add_argument("--plot", action="store_true", help="write pareto.svg: LUTs against delay")
    parser.add_argument(
        "--latencies", type=_latencies, metavar="LIST", help="try each of these latencies"
    )
