"""Sweep the parameters of an operator: the figures of every legal combination."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from holigrail_hw.core.errors import DesignError, HoligrailError, RequestError, ToolError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from . import runs
from .sweep.kept import KeptPoints
from .sweep.objectives import Objective, names, resolve
from .sweep.point import How, Point, Question
from .sweep.samplers import Sampler, make
from .sweep.space import Space, spread
from .sweep.waiting import Others

__all__ = ["Sweep", "explore"]

# How many points are looked up at once.
_WINDOW = 512


@dataclass
class Sweep:
    """A sweep of a space: what is asked of it, and how far it has come.

    Parameters
    ----------
    space : Space
    how : How
        What is done with every design.
    objectives : sequence of Objective
        What an optimiser looks for; those of :data:`.objectives.DEFAULTS` if there are none.
    sampler, budget, seed
        Which combinations are looked at, see :func:`.samplers.make`.
    kept : KeptPoints or None
        Where points are found and kept.
    jobs : int
        How many designs are looked at at once.
    scheduler : str or None
        Where, see :func:`.cluster.cluster`; ``None`` for this machine without Dask.

    Attributes
    ----------
    found, computed : int
        How many points were there already, of this run or another process, and how many were not.
    most : int
        No more points than that will come.
    """

    space: Space
    how: How
    objectives: Sequence[Objective] = ()
    sampler: str | None = None
    budget: int | None = None
    seed: int = 1
    kept: KeptPoints | None = None
    jobs: int = 1
    scheduler: str | None = None
    progress: Progress | None = None
    found: int = 0
    computed: int = 0
    most: int = 0
    _chosen: Sequence[Objective] = ()

    def points(self) -> Iterator[Point]:
        """Points as soon as they are known, in any order; ``index`` is their place.

        Raises
        ------
        RequestError
            If no combination is legal, none meets the conditions, the space is too large for what
            is asked, or an objective is no figure. A single illegal combination is a point with an
            error, and so is one where a tool fails.
        DesignError
            If all fail, and a legal one as a design, by its clock for instance.
        ToolError
            If a package, a scheduler or a process fails.
        """
        sampler = make(self.space, self.sampler, self.budget, self.seed, self._judge)
        self.most = sampler.most
        last: Point | None = None
        failures = set()
        with self._place() as place:
            for point in self._sampled(sampler, place):
                failures.add(point.failure)
                last = point
                yield point
        if None not in failures:
            self._refuse(last, {failure for failure in failures if failure is not None})

    def _sampled(self, sampler: Sampler, place: runs.Place) -> Iterator[Point]:
        for batch in sampler.batches:
            told = []
            for point in self._batch(iter(batch), place):
                told.append(point)
                yield point
            sampler.tell(sorted(told, key=lambda point: point.index))

    def _batch(self, questions: Iterator[Question], place: runs.Place) -> Iterator[Point]:
        ready: list[Point] = []
        others = Others(self.kept)

        def chunks() -> Iterator[list[Question]]:
            while window := [*islice(questions, _WINDOW)]:
                known = {} if self.kept is None else self.kept.find(window)
                ready.extend(known.values())
                self.found += len(known)
                rest = [question for question in window if question.index not in known]
                for begin in range(0, len(rest), place.chunk):
                    chunk, foreign = rest[begin : begin + place.chunk], []
                    if self.kept is not None:
                        chunk, foreign = self.kept.claim(chunk)
                    others.add(foreign)
                    if chunk:
                        yield chunk

        for asked, points in place.run(chunks()):
            yield from self._answered(asked, points)
            yield from ready
            ready.clear()
        yield from ready
        while others:
            points, orphans = others.wait()
            self.found += len(points)
            yield from points
            for asked, points in place.run(iter([orphans] if orphans else [])):
                yield from self._answered(asked, points)

    def _answered(self, asked: list[Question], points: list[Point]) -> Iterator[Point]:
        if self.kept is not None:
            self.kept.keep(asked, points)
        self.computed += len(points)
        yield from points

    def _refuse(self, last: Point | None, failures: set[type[HoligrailError]]) -> None:
        """Say that there is no design at all; a tool that failed is said with its points."""
        name, asked = self.how.cls.name, self.found + self.computed
        if any(issubclass(failure, ToolError) for failure in failures):
            return
        if last is None:
            raise RequestError(
                f"{name}: at least one combination must meet the conditions,"
                f" not none of {self.space.size}",
                hint="a condition less, or longer lists: "
                + ", ".join(f"--where {one.text!r}" for one in self.space.conditions),
            )
        rest = f"not none of {asked}\n{last.error}"
        if any(issubclass(failure, DesignError) for failure in failures):
            clocked = any(timing.period_ns for timing in self.space.timings)
            raise DesignError(
                f"{name}: at least one combination must succeed, {rest}",
                hint="--best-effort also shows those whose clock is not met"
                if clocked and not self.how.best_effort
                else None,
            )
        raise RequestError(f"{name}: at least one combination must be legal, {rest}")

    def _judge(self, points: Sequence[Point]) -> list[list[float] | None]:
        good = [point for point in points if point.error is None]
        if good and not self._chosen:
            self._chosen = resolve(self.objectives, names(good))
        rows = [[objective.of(point.figures) for objective in self._chosen] for point in points]
        return [
            row if point.error is None and max(row, default=math.inf) < math.inf else None
            for point, row in zip(points, rows, strict=True)
        ]

    def _place(self) -> contextlib.AbstractContextManager[runs.Place]:
        if self.scheduler is not None:
            from .runs.cluster import cluster

            return cluster(self.how, self.scheduler, self.jobs)
        if self.jobs == 1:
            return runs.here(self.how, self.progress)
        if self.how.device is not None:
            return runs.threads(self.how, self.jobs, self.progress)
        return runs.processes(self.how, self.jobs)


def explore(
    cls: type[OperatorSpec],
    texts: Mapping[str, str],
    timings: Sequence[Timing] = (Timing(),),
    *,
    where: Sequence[str] = (),
    best_effort: bool = False,
) -> list[Point]:
    """The points of all combinations of an operator, estimated here and kept nowhere.

    Parameters
    ----------
    texts : mapping
        Parameter names to values; several values are separated by commas, several lists of
        integers by colons. A range, ``int2..int8``, stands for all values between.
    timings : sequence of Timing
        Every combination is tried with each of them.
    where : sequence of str
        Conditions that a combination must meet, such as ``a.width >= b.width``.
    best_effort : bool
        Also keep combinations whose device model cannot promise the period.

    Raises
    ------
    RequestError, DesignError
        As :meth:`Sweep.points` does, or if a range or a condition is none.
    """
    space = Space(cls, spread(cls, texts), timings, where)
    sweep = Sweep(space, How(cls, best_effort=best_effort))
    return sorted(sweep.points(), key=lambda point: point.index)
