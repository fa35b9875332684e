"""Jobs for an engine with the golden answer, and what is said about a result that is wrong.

Corner jobs first in a random order, then random jobs of many sizes, one after the other without a
reset, until there are enough results.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Items, joined
from holigrail_hw.core.timing import Timing

from ..top import Handshake

__all__ = [
    "Difference",
    "Workload",
    "agrees",
    "choose",
    "differences",
    "given",
    "of_items",
    "pack",
    "report",
]

Expected = dict[str, dict[str, tuple[Any, Any, int] | None]]
_LARGEST = 256
_EVERY_BIT = -1
_DRAWN = 50


@dataclass(frozen=True)
class Workload:
    """Items of every source stream; expected (low, high, mask) of every sink stream.

    A field is expected to be ``None`` if its value depends on when things happen.
    """

    jobs: int
    items: Items
    expected: Expected
    counts: dict[str, int]

    def __len__(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Difference:
    """A wrong item: its stream and its place there."""

    stream: str
    index: int


def choose(
    spec: OperatorSpec,
    count: int,
    seed: int,
    *,
    timing: Timing | None = None,
    corners: bool = True,
    largest: int = _LARGEST,
    timed: Timing | None = None,
) -> Workload:
    """Jobs with at least ``count`` results in all; the same request gives the same jobs.

    Parameters
    ----------
    timing : Timing or None
        The request to the hardware, where the answers depend on it.
    corners : bool
        Begin with the corner jobs.
    largest : int
        Input items of the largest random job, about.
    timed : Timing or None
        Only jobs of which the engine promises the cycles there, if it does of any.
    """
    rng, timing = np.random.default_rng(seed), timing or Timing()
    given = spec.corner_jobs() if corners else []
    jobs = [given[index] for index in rng.permutation(len(given))]
    if timed is not None:
        jobs = [job for job in jobs if spec.cycles(timed, **job) is not None]
    answers = [spec.answers(job, timing) for job in jobs]

    def results() -> int:
        return sum(_length(stream) for answer in answers for stream in answer.values())

    while results() < count or not jobs:
        size = int(largest ** rng.random())
        job = spec.job(rng, size) if timed is None else _timed_job(spec, timed, rng, size)
        jobs.append(job)
        answers.append(spec.answers(jobs[-1], timing))
    if not spec.jobs_stand_alone:
        answers = [spec.answers(joined(jobs), timing)]
    return _workload(len(jobs), joined(jobs), _joined_answers(answers))


def _timed_job(spec: OperatorSpec, timing: Timing, rng: np.random.Generator, size: int) -> Items:
    """A random job whose cycles are promised, if some of those drawn are."""
    drawn = (spec.job(rng, size) for _ in range(_DRAWN))
    job = next(drawn)
    while spec.cycles(timing, **job) is None and (another := next(drawn, None)) is not None:
        job = another
    return job


def given(spec: OperatorSpec, items: Items, timing: Timing | None = None) -> Workload:
    """A workload of given items."""
    return _workload(1, items, _joined_answers([spec.answers(items, timing or Timing())]))


def of_items(items: Items, expected: Mapping[str, Mapping[str, tuple[Any, Any]]]) -> Workload:
    """A workload of given items and answers, each a pair of low and high codes."""
    answers: Expected = {
        stream: {field: (low, high, _EVERY_BIT) for field, (low, high) in fields.items()}
        for stream, fields in expected.items()
    }
    return _workload(1, items, answers)


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


def report(
    spec: OperatorSpec, workload: Workload, difference: Difference, found: Mapping[str, int | None]
) -> str:
    """One wrong item, field by field and decoded; ``None`` is unknown."""
    name, index = difference.stream, difference.index
    lines = [f"  stream {name}, item {index} of {workload.counts[name]} ({workload.jobs} jobs)"]
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


def pack(streams: Sequence[Handshake], workload: Workload) -> dict[str, list[int]]:
    """Every item of every stream as one number, the first field in the lowest bits.

    An item of a sink is its low codes, then its high codes, then a mask of the bits that count.
    """
    return {stream.name: _packed(stream, workload) for stream in streams}


def _packed(stream: Handshake, workload: Workload) -> list[int]:
    if stream.direction == "in":
        fields = workload.items[stream.name]
        columns = [(port.width, fields[str(port.operand)]) for port in stream.payload]
    else:
        expected, columns, mask = workload.expected[stream.name], [], []
        nothing = np.zeros(workload.counts[stream.name], dtype=object)
        for side in (0, 1):
            for port in stream.payload:
                sides = expected[str(port.operand)]
                columns.append((port.width, nothing if sides is None else sides[side]))
        for port in stream.payload:
            sides = expected[str(port.operand)]
            ones = 0 if sides is None else sides[2] & ((1 << port.width) - 1)
            mask.append((port.width, nothing + ones))
        columns += mask
    packed, shift = np.zeros(len(columns[0][1]), dtype=object), 0
    for width, values in columns:
        packed = packed | (np.asarray(values).astype(object) << shift)
        shift += width
    return packed.tolist()


def _workload(jobs: int, items: Items, expected: Expected) -> Workload:
    counts = {
        name: next(len(sides[0]) for sides in fields.values() if sides is not None)
        for name, fields in expected.items()
    }
    return Workload(jobs, items, expected, counts)


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
