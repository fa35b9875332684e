"""The exact search for the fewest adders: closure enumeration over sets of fundamentals.

An adder graph with the fewest adders is a set R of odd factors that contains 1 and the targets, and
can be ordered so that one adder makes each factor from two earlier ones. With S = everything one
adder makes from R:

1. A target in S joins R at once; R must contain it anyway.
2. For k = 0, 1, 2, ... extra factors (iterative deepening), every x in S is tried. Afterwards x is
   banned for its siblings: its own branch has covered every set with x.
3. The last extra factor is found without a loop. For every remaining target t, V(t) is the set of
   x that make t reachable, directly (by the symmetry of the relation, x in A(t, r)) or through
   other targets; the intersection of all V(t) holds the answers.

With a depth limit, a set counts if every factor is within that many adders of the input. The sets
that can be built then still form an antimatroid, so steps 1 and 2 hold with S taken from the
factors that may be used; the answers of step 3 are checked one by one.

Exhausting levels 0 to k - 1 proves that every graph has at least (targets + k) adders.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from .forms import Costs
from .relations import Relations, bit, members

__all__ = ["WIDEST_INPUT", "Answer", "Closure", "OutOfTime", "lower_bound", "nonzero_digits"]

Answer = tuple[list[int], int]
WIDEST_INPUT = 64
"""Widest input for which sets are skipped because of their cost."""


class OutOfTime(Exception):
    """The time limit was reached before the search was complete."""


class Closure:
    """Enumeration of sets of fundamentals that contain given odd targets.

    Parameters
    ----------
    targets : odd factors above 1, each once
    depth : limit on the adders of a path from the input, or None
    deadline : when to give up, in seconds of :func:`time.monotonic`, or None

    ``work`` counts branches and candidates whose cost was computed: a measure of effort that
    does not depend on a clock.
    """

    def __init__(
        self,
        targets: Sequence[int],
        *,
        depth: int | None = None,
        deadline: float | None = None,
        bits: int | None = None,
    ):
        self.targets = sorted(targets)
        self.depth = depth
        self.deadline = deadline
        self.relations = Relations(bits or max((t.bit_length() for t in targets), default=1))
        self.work = 0
        self._branches = 0
        self._twice = {t: self.relations.dividers(t) for t in self.targets}
        self._pairs: dict[int, list[tuple[int, int]]] = {t: [] for t in self.targets}
        for u, v in combinations(self.targets, 2):
            made = self.relations.of(u, v)
            for t in self.targets:
                if made >> (t >> 1) & 1 and t not in (u, v):
                    self._pairs[t].append((u, v))

    def sets(
        self,
        extra: int,
        *,
        idle: bool = False,
        costs: Costs | None = None,
        below: Callable[[], int | None] | None = None,
    ) -> Iterator[Answer]:
        """Every set with ``extra`` factors beside 1 and the targets, as (common, last).

        ``common`` lists factors and ``last`` is a bit set: each of its members completes ``common``
        to one set; 0 means that ``common`` is complete. With ``idle``, extra factors that no target
        needs are allowed too. ``costs`` and ``below`` allow skipping sets whose cheapest one-bit
        adders are not fewer than ``below()``; without them the enumeration has every set.

        Raises
        ------
        OutOfTime
        """
        for answer in self.walk(extra, idle=idle, costs=costs, below=below):
            assert answer is not None
            yield answer

    def walk(
        self,
        extra: int,
        *,
        idle: bool = False,
        costs: Costs | None = None,
        below: Callable[[], int | None] | None = None,
        pause: int | None = None,
    ) -> Iterator[Answer | None]:
        """:meth:`sets`, with a ``None`` in between after every ``pause`` of work."""
        self._idle = idle
        self._pause = pause
        self._pause_at = self.work + pause if pause is not None else None
        reached = self.relations.of(1, 1)
        related = {t: self.relations.of(t, 1) | self._twice[t] for t in self.targets}
        looked_at = costs is not None and costs.input_width <= WIDEST_INPUT
        for answer in self._visit([1], 1, reached, list(self.targets), related, extra, 0):
            if answer is not None and looked_at and below is not None and below():
                self.work += answer[1].bit_count()
            yield answer

    def _visit(
        self,
        chosen: list[int],
        present: int,
        reached: int,
        waiting: list[int],
        related: dict[int, int],
        extra: int,
        banned: int,
    ) -> Iterator[Answer | None]:
        if self._pause is not None and self._pause_at is not None and self.work >= self._pause_at:
            yield None
            self._pause_at = self.work + self._pause
        self.work += 1
        self._branches += 1
        if not self._branches & 127 and self.deadline is not None:
            if time.monotonic() > self.deadline:
                raise OutOfTime
        grown = self.relations.grown
        if self.depth is not None:
            reached = self._shallow(chosen)
        again = True
        while again:
            again = False
            for t in waiting:
                if reached >> (t >> 1) & 1:
                    reached = grown(reached, chosen, t)
                    chosen = [*chosen, t]
                    present |= bit(t)
                    waiting = [other for other in waiting if other != t]
                    related = {
                        other: related[other] | self.relations.of(other, t) for other in waiting
                    }
                    again = True
                    if self.depth is not None:
                        reached = self._shallow(chosen)
                    break
        if not waiting and (extra == 0 or not self._idle):
            if extra == 0:
                yield chosen, 0
            return
        if extra == 0:
            return
        candidates = reached & ~present & ~banned
        if extra == 1:
            last = self._last(candidates, waiting, related) if waiting else candidates
            if last and self.depth is not None:
                last = self._deep_enough(chosen, waiting, last)
            if last:
                yield [*chosen, *waiting], last
            return
        for x in members(candidates):
            place = bit(x)
            yield from self._visit(
                [*chosen, x],
                present | place,
                reached if self.depth is not None else grown(reached, chosen, x),
                waiting,
                {t: related[t] | self.relations.of(t, x) for t in waiting},
                extra - 1,
                banned,
            )
            banned |= place

    def _last(self, candidates: int, waiting: list[int], related: dict[int, int]) -> int:
        """Every candidate that makes all waiting targets reachable."""
        answers = {t: candidates & related[t] for t in waiting}
        if len(waiting) == 1:
            return answers[waiting[0]]
        if not any(answers.values()):
            return 0
        changed = True
        while changed:
            changed = False
            for t in waiting:
                found = answers[t]
                for u in waiting:
                    if u != t and answers[u]:
                        if related[t] >> (u >> 1) & 1:
                            found |= answers[u]
                        else:
                            found |= answers[u] & self.relations.of(t, u)
                for u, v in self._pairs[t]:
                    if u in answers and v in answers:
                        found |= answers[u] & answers[v]
                if found != answers[t]:
                    answers[t] = found
                    changed = True
        common = candidates
        for found in answers.values():
            common &= found
        return common

    def _shallow(self, chosen: list[int]) -> int:
        """Everything one adder makes within the depth limit."""
        assert self.depth is not None
        levels = self.levels(chosen)
        usable = [factor for factor in chosen if levels[factor] < self.depth]
        reached = 0
        for index, u in enumerate(usable):
            for v in usable[: index + 1]:
                reached |= self.relations.of(u, v)
        return reached

    def levels(self, factors: Sequence[int]) -> dict[int, int]:
        """Least adder depth of every factor of the set that can be built from the others."""
        levels = {1: 0}
        rest = [factor for factor in factors if factor != 1]
        while rest:
            now = list(levels)
            reached = 0
            for index, u in enumerate(now):
                for v in now[: index + 1]:
                    reached |= self.relations.of(u, v)
            new = [factor for factor in rest if reached >> (factor >> 1) & 1]
            if not new:
                break
            depth = 1 + max(levels.values())
            levels |= dict.fromkeys(new, depth)
            rest = [factor for factor in rest if factor not in levels]
        return levels

    def _deep_enough(self, chosen: list[int], waiting: list[int], last: int) -> int:
        assert self.depth is not None
        found = 0
        for x in members(last):
            levels = self.levels([*chosen, x, *waiting])
            if len(levels) == len(chosen) + 1 + len(waiting):
                if max(levels.values()) <= self.depth:
                    found |= bit(x)
        return found


def nonzero_digits(value: int) -> int:
    """Non-zero digits of the canonical signed digit form."""
    return ((3 * value) ^ value).bit_count()


def lower_bound(targets: Sequence[int]) -> int:
    """A lower bound on the adders of any graph (Gustafsson, "Lower Bounds for Constant
    Multiplication Problems", IEEE TCAS-II, 2007), from the non-zero digits of the targets.
    """
    digits = sorted(nonzero_digits(t) for t in targets)
    if not digits:
        return 0
    total = (digits[0] - 1).bit_length()
    for smaller, larger in zip(digits, digits[1:], strict=False):
        total += max(1, (-(-larger // smaller) - 1).bit_length())
    return max(total, len(digits))
