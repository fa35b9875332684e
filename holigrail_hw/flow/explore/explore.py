"""Sweep the parameters of an operator: cost and latency of every legal combination."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError, HoligrailError, RequestError, ToolError
from holigrail_hw.core.parameters import construct, leaf_parameters
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

__all__ = ["Point", "combinations", "explore"]

Measure = Callable[[OperatorSpec, Timing], Mapping[str, Any]]


@dataclass(frozen=True)
class Point:
    """One combination: the swept values, and its figures or the reason why there are none.

    ``failure`` is the class of the error: a tool that could not run is a ToolError.
    """

    values: dict[str, str]
    figures: dict[str, Any]
    error: str | None = None
    failure: type[HoligrailError] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return {"values": self.values, **self.figures, "error": self.error}


def combinations(
    cls: type[OperatorSpec], texts: Mapping[str, str]
) -> tuple[list[str], list[dict[str, str]]]:
    """Names that have several values, and every combination of all values, in order."""
    known = leaf_parameters(cls)
    lists = {name: text.split(known[name].separator) for name, text in texts.items()}
    swept = [name for name, values in lists.items() if len(values) > 1]
    rows = itertools.product(*lists.values())
    return swept, [dict(zip(lists, row, strict=True)) for row in rows]


def explore(
    cls: type[OperatorSpec],
    texts: Mapping[str, str],
    timings: Sequence[Timing],
    *,
    device: str | None = None,
    out_dir: Path | None = None,
    jobs: int = 1,
    seed: int = 1,
    best_effort: bool = False,
    progress: Progress | None = None,
) -> Iterator[Point]:
    """Points in the order of the lists, each as soon as it is known.

    Parameters
    ----------
    texts : mapping
        Parameter names to values; several values are separated by commas, several lists of
        integers by colons.
    timings : sequence of Timing
        Every combination is tried with each of them.
    device, out_dir
        Also synthesise, place and route for this device, in a folder of its own below ``out_dir``.
    jobs : int
        How many designs are synthesised at once.
    seed : int
        Of every placement.
    best_effort : bool
        Also keep combinations whose device model cannot promise the period.

    Raises
    ------
    RequestError
        If no combination is legal. A single illegal combination is a point with an error, and so is
        one where a tool fails.
    DesignError
        If all fail, and a legal one as a design, by its clock for instance.
    """
    _, rows = combinations(cls, texts)
    tasks = [(row, timing) for row in rows for timing in timings]
    how = _How(device, out_dir, seed, best_effort, progress)
    legal = 0
    with ThreadPoolExecutor(jobs) as pool:
        last = None
        failures: set[Any] = set()
        for point in pool.map(lambda task: _point(cls, task[0], task[1], how), tasks):
            legal += point.error is None
            failures.add(point.failure)
            last = point
            yield point
    if legal or any(issubclass(one, ToolError) for one in failures if one):
        return
    rest = f"\n{last.error}" if last else ""
    none = f"not none of {len(tasks)}"
    if any(issubclass(one, DesignError) for one in failures if one):
        clocked = not best_effort and any(timing.period_ns for timing in timings)
        raise DesignError(
            f"{cls.name}: at least one combination must succeed, {none}{rest}",
            hint="--best-effort also shows those whose clock is not met" if clocked else None,
        )
    raise RequestError(f"{cls.name}: at least one combination must be legal, {none}{rest}")


@dataclass(frozen=True)
class _How:
    """What is done with every combination."""

    device: str | None
    out_dir: Path | None
    seed: int
    best_effort: bool
    progress: Progress | None


def _point(
    cls: type[OperatorSpec],
    row: dict[str, str],
    timing: Timing,
    how: _How,
) -> Point:
    values = dict(row)
    if timing.period_ns is not None:
        values["period_ns"] = f"{timing.period_ns:g}"
    if timing.latency is not None:
        values["latency"] = str(timing.latency)
    try:
        spec = construct(cls, row, who=cls.name)
        if not how.best_effort:
            spec.clock(timing).require()
        cost, promise_ns = spec.cost(timing), spec.promise_ns(timing)
        figures: dict[str, Any] = {}
        if spec.has_plan:
            plan = spec.plan(timing)
            figures |= {"latency": plan.latency, "interleave": plan.interleave}
        figures |= {
            "luts": cost["luts"],
            "flip_flops": cost["flip_flops"],
            "dsps": cost["dsps"],
            "promised_fmax_mhz": None if promise_ns is None else round(1000 / promise_ns, 1),
        }
        if how.device is not None and how.out_dir is not None:
            from ..synth.measure import measure

            top = spec.top_name(timing)
            folder = Path(how.out_dir) / top
            progress = how.progress
            measured = measure(spec, timing, how.device, folder, seed=how.seed, progress=progress)
            result = measured.result
            figures |= {
                "measured_luts": result.luts,
                "measured_flip_flops": result.flip_flops,
                "measured_dsps": result.dsps,
                "measured_fmax_mhz": max(result.fmax_mhz, default=None),
            }
    except HoligrailError as error:
        return Point(values, {}, str(error), type(error))
    return Point(values, figures)
