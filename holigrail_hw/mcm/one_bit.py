"""The fewest one-bit adders over all graphs with the fewest adders, or with up to e more.

Every set of fundamentals that the closure enumeration reports gets its cheapest acyclic choice of
adders. A set is skipped as soon as the sum of the cheapest options of its members reaches the best
graph so far; a branch, as soon as its members and the cheapest conceivable others do.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from .closure import OutOfTime, lower_bound
from .forms import Costs, Form
from .native_closure import enumeration
from .relations import bit, members
from .selection import Option, Options, cheapest_adders, improved_adders, options_of

__all__ = ["OneBit", "minimum_one_bit"]

# Branches of one selection, and rounds of local search where they did not suffice.
_STEPS = 30_000
_ROUNDS = 300
# Part of the time left for local search, before sets with extra adders are enumerated.
_LOCAL_SHARE = 0.5
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class OneBit:
    """What was found: cost and order are None without any graph."""

    cost: int | None
    order: tuple[tuple[int, Form], ...]
    proved: bool
    bound: int
    least_adders: int | None
    adders_bound: int


class _Search:
    def __init__(self, targets, costs, depth, deadline, report, seed):
        self.targets = sorted(targets)
        self.costs = costs
        self.depth = depth
        self.deadline = deadline
        self.report = report
        self.random = Random(seed)
        self.least = lower_bound(targets)
        self.closure = enumeration(targets, depth=depth, deadline=deadline)
        self.best: int | None = None
        self.order: tuple[tuple[int, Form], ...] = ()
        self.sets = 0
        self.unfinished: list[Options] = []

    def offer(self, common: list[int], last: int) -> None:
        """Try the set, or sets, of one answer of the enumeration."""
        base = options_of(common, self.costs, self.closure.relations)
        if not last:
            self.sets += 1
            self.select(base)
            return
        present = sum(bit(f) for f in common)
        for x in members(last):
            self.sets += 1
            if not self.sets & 31 and self.deadline is not None:
                if time.monotonic() > self.deadline:
                    raise OutOfTime
            self.select(self.with_factor(base, common, present | bit(x), x))

    def with_factor(self, base: Options, common: list[int], present: int, x: int) -> Options:
        """The options of a set with one more factor."""
        relations, cheapest = self.closure.relations, self.costs.cheapest
        more: dict[int, dict[tuple[int, int], Option]] = {}
        for u in (*common, x):
            hits = relations.of(x, u) & present
            for w in members(hits):
                if w != 1 and w != x and w != u:
                    more.setdefault(w, {})[x, u] = Option(*cheapest(x, u, w))
                if u != x and w != x:
                    pair = (u, w) if u <= w else (w, u)
                    more.setdefault(x, {})[pair] = Option(*cheapest(*pair, x))
        options = dict(base)
        for w, found in more.items():
            options[w] = sorted([*options.get(w, ()), *found.values()])
        return options

    def select(self, options: Options) -> None:
        """Keep the cheapest graph of a set if it is the best so far."""
        if not all(options.values()):
            return
        if self.best is not None and _least(options) >= self.best:
            return
        try:
            found = cheapest_adders(
                options, below=self.best, depth=self.depth, deadline=self.deadline, steps=_STEPS
            )
        except OutOfTime as stopped:
            found = stopped.args[0]
            self.unfinished.append(options)
            if found is not None and self.depth is None:
                found = improved_adders(options, found[1], rounds=_ROUNDS, deadline=self.deadline)
        self.keep(found)

    def keep(self, found: tuple[int, list[tuple[int, Form]]] | None) -> None:
        if found is not None and (self.best is None or found[0] < self.best):
            self.best, self.order = found[0], tuple(found[1])
            if self.report is not None:
                self.report(self.order, self.least)

    def finish(self) -> None:
        """Complete the selections that were stopped, the most promising first."""
        for options in sorted(self.unfinished, key=_least):
            try:
                found = cheapest_adders(
                    options, below=self.best, depth=self.depth, deadline=self.deadline
                )
            except OutOfTime as stopped:
                self.keep(stopped.args[0])
                raise
            self.keep(found)

    def wander(self, size: int, until: float) -> None:
        """Local search among sets of up to ``size`` adders: drop extra factors, add others.

        What stays counts as targets of a small closure enumeration.
        """
        random = self.random
        wanted = set(self.targets)
        exhaustive = self.closure
        tried: set[tuple[tuple[int, ...], int]] = set()
        idle = 0
        while time.monotonic() < until and idle < 200:
            extras = sorted({w for w, _ in self.order} - wanted)
            dropped = random.sample(extras, min(len(extras), random.choice((0, 1, 1, 2, 2, 3))))
            kept = tuple(sorted(wanted | (set(extras) - set(dropped))))
            count = min(2, size - len(kept))
            if count < 1 or (kept, count) in tried:
                idle += 1
                continue
            idle = 0
            tried.add((kept, count))
            limit = min(until, time.monotonic() + (until - time.monotonic()) / 4)
            self.closure = enumeration(
                kept, depth=self.depth, deadline=limit, bits=exhaustive.relations.bits
            )
            before = self.best
            try:
                for common, last in self.closure.sets(
                    count, idle=True, costs=self.costs, below=lambda: self.best
                ):
                    self.offer(common, last)
                    if self.best != before:
                        break
            except OutOfTime:
                pass
        self.closure = exhaustive


def _least(options: Options) -> int:
    return sum(found[0].cost for found in options.values())


def minimum_one_bit(
    targets: Sequence[int],
    input_width: int,
    *,
    signed: bool = True,
    rule: str = "ours",
    extra: int = 0,
    depth: int | None = None,
    deadline: float | None = None,
    part: str = "all",
    report: Callable[[Sequence[tuple[int, Form]], int], None] | None = None,
) -> OneBit:
    """Search all sets with up to ``extra`` adders more than the fewest.

    ``report`` gets every better graph on the way, and how many adders any graph has at least;
    ``part`` as in :func:`holigrail_hw.mcm.solve.solve`.
    """
    costs = Costs(input_width, signed, rule)
    search = _Search(targets, costs, depth, deadline, report, 1 + (part == "local"))
    now = time.monotonic
    level = max(0, lower_bound(targets) - len(targets))
    least = None
    proved = False
    try:
        while least is None or level <= least + extra:
            for common, last in search.closure.sets(
                level, idle=least is not None, costs=costs, below=lambda: search.best
            ):
                least = level if least is None else least
                search.offer(common, last)
                if part == "local" and search.best is not None:
                    break
            if least is not None and level == least and part == "local":
                until = now() + _PATIENCE_S if deadline is None else deadline
                search.wander(len(targets) + least + extra, until)
                raise OutOfTime
            if least is not None and level == least and extra and part == "all":
                share = _PATIENCE_S if deadline is None else (deadline - now()) * _LOCAL_SHARE
                search.wander(len(targets) + least + extra, now() + share)
            level += 1
            if least is None:
                search.least = level + len(targets)
        search.finish()
        proved = True
    except (OutOfTime, KeyboardInterrupt):
        pass
    return OneBit(
        search.best,
        search.order,
        proved,
        search.best if proved and search.best is not None else 0,
        None if least is None else least + len(targets),
        (level if least is None else least) + len(targets),
    )
