"""Items for every stream with the golden answer, and what is said about a result that is wrong.

An operator with a plan takes any items: all operand codes when they total 16 bits or fewer and
there is no state, else corner cases and random codes from a seed. An engine takes jobs: corner jobs
first in a random order, then random ones of many sizes, one after the other without a reset, until
there are enough results.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.engine import Engine
from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Items, joined
from holigrail_hw.core.timing import Timing

from ..simulate.item_words import counted_codes

__all__ = [
    "EXHAUSTIVE_BITS",
    "Difference",
    "Workload",
    "agrees",
    "choose",
    "differences",
    "given",
    "is_exhaustive",
    "report",
    "where",
]

EXHAUSTIVE_BITS = 16

Expected = dict[str, dict[str, tuple[Any, Any, int] | None]]
_LARGEST = 256
_EVERY_BIT = -1
_DRAWN = 50


@dataclass(frozen=True)
class Workload:
    """Items of every source stream; expected (low, high, mask) of every sink stream.

    A field is expected to be ``None`` if its value depends on when things happen; low and high are
    the same unless either one is right. ``exhaustive`` says that all operand codes are there.
    """

    jobs: int
    items: Items
    expected: Expected
    counts: dict[str, int]
    exhaustive: bool = False

    def __len__(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Difference:
    """A wrong item: its stream and its place there."""

    stream: str
    index: int


def is_exhaustive(spec: OperatorSpec) -> bool:
    """Whether all operand codes are few enough to try, and trying them says everything."""
    return not spec.stateful and sum(_widths(spec).values()) <= EXHAUSTIVE_BITS


def choose(
    spec: OperatorSpec,
    count: int | None,
    seed: int,
    *,
    timing: Timing | None = None,
    timed: bool = False,
    corners: bool = True,
    largest: int = _LARGEST,
) -> Workload:
    """Jobs with at least ``count`` results in all; the same request gives the same jobs.

    An operator with a plan has one job, of ``count`` items, some of them corner cases.

    Parameters
    ----------
    count : int or None
        ``None`` for all operand codes of an operator, which must be few enough.
    timing : Timing or None
        The request to the hardware.
    timed : bool
        Only jobs of which the engine promises the cycles, if it does of any; what golden leaves
        open since it depends on time is expected as if nobody ever waits.
    corners : bool
        Begin with the corner jobs of an engine.
    largest : int
        Input items of the largest random job of an engine, about.
    """
    rng, timing = np.random.default_rng(seed), timing or Timing()
    if spec.planned:
        items = _all_items(spec) if count is None else spec.job(rng, count)
        return given(spec, items, timing, exhaustive=count is None)
    assert count is not None
    known = spec.corner_jobs() if corners else []
    jobs = [known[index] for index in rng.permutation(len(known))]
    if timed:
        jobs = [job for job in jobs if spec.cycles(timing, **job) is not None]
    answers = [spec.answers(job, timing) for job in jobs]

    def results() -> int:
        return sum(_length(stream) for answer in answers for stream in answer.values())

    while results() < count or not jobs:
        size = int(largest ** rng.random())
        job = _timed_job(spec, timing, rng, size) if timed else spec.job(rng, size)
        jobs.append(job)
        answers.append(spec.answers(job, timing))
    items = joined(jobs)
    if not spec.jobs_stand_alone:
        answers = [spec.answers(items, timing)]
    expected = _joined_answers(answers)
    if timed and isinstance(spec, Engine):
        for stream, fields in spec.moments(timing, **items).items():
            expected[stream] |= {name: (codes, codes, _EVERY_BIT) for name, codes in fields.items()}
    return _workload(len(jobs), items, expected)


def _all_items(spec: OperatorSpec) -> Items:
    """All combinations of operand codes."""
    widths = _widths(spec)
    return {"i": counted_codes(widths, 0, 1 << sum(widths.values()))}


def _widths(spec: OperatorSpec) -> dict[str, int]:
    return {name: format.width for name, format in spec.inputs().items()}


def _timed_job(spec: OperatorSpec, timing: Timing, rng: np.random.Generator, size: int) -> Items:
    """A random job whose cycles are promised, if some of those drawn are."""
    drawn = (spec.job(rng, size) for _ in range(_DRAWN))
    job = next(drawn)
    while spec.cycles(timing, **job) is None and (another := next(drawn, None)) is not None:
        job = another
    return job


def given(
    spec: OperatorSpec, items: Items, timing: Timing | None = None, *, exhaustive: bool = False
) -> Workload:
    """A workload of given items."""
    answer = spec.answers(items, timing or Timing())
    return _workload(1, items, _joined_answers([answer]), exhaustive)


def differences(workload: Workload, found: Mapping[str, Mapping[str, Any]]) -> list[Difference]:
    """Wrong items of all streams.

    Raises
    ------
    DesignError
        If a stream has not as many items as expected: what is missing was not compared.
    """
    wrong = []
    for name, fields in workload.expected.items():
        lengths = {len(codes) for codes in found[name].values()}
        if lengths != {workload.counts[name]}:
            given = " or ".join(map(str, sorted(lengths)))
            raise DesignError(f"stream {name} must have {workload.counts[name]} items, not {given}")
        bad = None
        for field, sides in fields.items():
            if sides is None:
                continue
            got = np.asarray(found[name][field])
            low, high = (np.asarray(side) for side in sides[:2])
            if sides[2] != _EVERY_BIT:
                got, low, high = (side.astype(object) & sides[2] for side in (got, low, high))
            differs = np.asarray((got != low) & (got != high), dtype=bool)
            bad = differs if bad is None else bad | differs
        if bad is not None:
            wrong += [Difference(name, int(index)) for index in np.flatnonzero(bad)]
    return wrong


def agrees(sides: tuple[Any, Any, int], index: int, found: int | None) -> bool:
    """Whether a code is right; ``None`` is unknown and never right."""
    if found is None:
        return False
    return any((int(found) ^ int(side[index])) & sides[2] == 0 for side in sides[:2])


def where(spec: OperatorSpec, workload: Workload, difference: Difference) -> str:
    """The place of a wrong item, in words."""
    name, index = difference.stream, difference.index
    if spec.planned:
        return f"vector {index} of {workload.counts[name]}"
    return f"item {index} of {workload.counts[name]} of stream {name} ({workload.jobs} jobs)"


def report(
    spec: OperatorSpec, workload: Workload, difference: Difference, found: Mapping[str, int | None]
) -> str:
    """One wrong item, field by field and decoded, ``None`` is unknown; operands where there are."""
    name, index, lines = difference.stream, difference.index, []
    if spec.planned:
        operands = [
            f"{operand} = {format.format_code(int(workload.items['i'][operand][index]))}"
            for operand, format in spec.inputs().items()
        ]
        lines.append("  " + "   ".join(operands))
    for field, format in spec.streams()[name].fields.items():
        sides = workload.expected[name][field]
        got = found[field]
        text = "unknown bits" if got is None else format.format_code(int(got))
        if sides is None:
            lines.append(f"  {field}: got {text}, not judged")
            continue
        low, high = (int(side[index]) for side in sides[:2])
        wanted = format.format_code(low)
        if high != low:
            wanted += f" or {format.format_code(high)}"
        mark = "" if agrees(sides, index, got) else "   WRONG"
        lines.append(f"  {field}: expected {wanted}   got {text}{mark}")
    return "\n".join(lines)


def _workload(jobs: int, items: Items, expected: Expected, exhaustive: bool = False) -> Workload:
    counts = {
        name: next(len(sides[0]) for sides in fields.values() if sides is not None)
        for name, fields in expected.items()
    }
    return Workload(jobs, items, expected, counts, exhaustive)


def _joined_answers(answers: list[Items]) -> Expected:
    """Answers one after the other, as triples (low, high, mask)."""
    whole: Expected = {}
    for stream, fields in answers[0].items():
        whole[stream] = {}
        for field in fields:
            parts = [answer[stream][field] for answer in answers]
            if any(part is None for part in parts):
                whole[stream][field] = None
                continue
            sides = [part if isinstance(part, tuple) else (part, part) for part in parts]
            low, high = (np.concatenate([np.asarray(side[k]) for side in sides]) for k in (0, 1))
            masks = {side[2] if len(side) == 3 else _EVERY_BIT for side in sides}
            if len(masks) > 1:
                raise ValueError(f"{stream} {field}: the same bits must count in every job")
            whole[stream][field] = low, high, masks.pop()
    return whole


def _length(fields: Mapping[str, Any]) -> int:
    for value in fields.values():
        if value is not None:
            return len(value[0] if isinstance(value, tuple) else value)
    raise ValueError("a stream must have at least one field that can be judged")
