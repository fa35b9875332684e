"""The fewest one-bit adders over all graphs with the fewest adders, or with up to e more.

For every set of fundamentals that the closure enumeration reports, the cheapest acyclic choice of
adders is found. A set is skipped as soon as the cheapest options of its members together cost as
much as the best graph so far; a branch, as soon as its members and the cheapest conceivable others
do.

A local search takes turns with the enumeration, by work done. If the number of adders is left open,
graphs with one adder more than the fewest are tried too, and with two more where one was quick, up
to a given amount of work.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ..native.closure import enumeration
from .closure import Closure, OutOfTime
from .forms import Costs, Form
from .relations import bit, members
from .selection import Option, Options, Selection, cheapest_adders, improved_adders, options_of
from .turns import PAUSE, take_turns

__all__ = ["OneBit", "Order", "cheaper_set", "minimum_one_bit"]

Order = tuple[tuple[int, Form], ...]

# Branches of one selection, and rounds of local search where those did not suffice; fewer of both
# where a cheaper graph is welcome but not required.
_STEPS, _ROUNDS = 30_000, 300
_FEW_STEPS, _FEW_ROUNDS = 2000, 0
# Work that a set, and the preparation of a neighbourhood, count as, in the enumeration's units; a
# branch of a selection counts as one unit per adder.
_OFFERED, _ROUND_COST = 100, 2000
# Work of the enumeration before local search begins, and in one neighbourhood.
_AHEAD, _ROUND_WORK = 200_000, 1_000_000
# Work for graphs with more adders than the fewest, if their number was left open; and the most work
# that one more adder may have taken for two more to be tried.
_OPEN_WORK, _QUICK = 2_000_000, 200_000
_MOST_OPEN = 2


@dataclass(frozen=True)
class OneBit:
    """What was found.

    ``searched``: no graph with at most this many adders is cheaper; 0 if nothing is known.
    ``ended``: "complete", "time limit" or "interrupt".
    """

    order: Order
    searched: int
    ended: str


class _Search:
    """Sets with as many adders as ``order``, which is known to have the fewest, or more."""

    def __init__(
        self,
        targets: Sequence[int],
        order: Order,
        costs: Costs,
        depth: int | None,
        deadline: float | None,
        report: Callable[[Order], None] | None = None,
    ):
        self.targets = sorted(targets)
        self.costs = costs
        self.depth = depth
        self.deadline = deadline
        self.report = report
        self.random = Random(1)
        self.closure = enumeration(targets, depth=depth, deadline=deadline)
        self.best = sum(costs.of(w, form) for w, form in order)
        self.order = order
        self.fewest = len(order) - len(targets)
        self.steps, self.rounds = _STEPS, _ROUNDS
        self.sets = self.more = 0
        self.searched = 0
        self.unfinished: list[Options] = []

    @property
    def work(self) -> int:
        """Work of the enumeration, and of selections among its sets."""
        return self.closure.work + self.more

    def prove(self, extra: int | None) -> Iterator[int]:
        """All sets, by their number of adders; yields the work done so far."""
        beyond, end = 0, None
        while extra is None or beyond <= extra:
            begin = self.work
            for work in self.walk(beyond):
                yield work
                if end is not None and work > end:
                    return
            if self.unfinished and end is not None:
                return
            self.finish()
            self.searched = len(self.targets) + self.fewest + beyond
            if extra is None:
                if beyond == _MOST_OPEN or (beyond == 1 and self.work - begin > _QUICK):
                    return
                end = end or self.work + _OPEN_WORK
            beyond += 1

    def walk(self, beyond: int) -> Iterator[int]:
        """All sets with ``beyond`` factors more than the fewest."""
        for answer in self.closure.walk(
            self.fewest + beyond,
            idle=beyond > 0,
            costs=self.costs,
            below=lambda: self.best,
            pause=PAUSE,
        ):
            before = self.more
            for work in self.offer(*answer) if answer is not None else ():
                self.more = before + work
                yield self.work
            yield self.work

    def offer(self, common: list[int], last: int) -> Iterator[int]:
        """Try the set, or sets, of one answer of the enumeration; yields the work done so far."""
        work = 0
        base = options_of(common, self.costs, self.closure.relations)
        if not last:
            self.sets += 1
            yield self.select(base)
            return
        present = sum(bit(f) for f in common)
        for x in members(last):
            self.sets += 1
            if not self.sets & 31 and self.deadline is not None:
                if time.monotonic() > self.deadline:
                    raise OutOfTime
            work += self.select(self.with_factor(base, common, present | bit(x), x))
            yield work

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

    def select(self, options: Options) -> int:
        """Keep the cheapest graph of a set if it is the best so far; returns the work."""
        if not all(options.values()):
            return _OFFERED
        if _least(options) >= self.best:
            return _OFFERED
        selection = Selection(options, self.best, self.depth, self.deadline, self.steps)
        try:
            found = selection.run()
        except OutOfTime as stopped:
            found = stopped.args[0]
            self.unfinished.append(options)
            if found is not None and self.depth is None:
                found = improved_adders(
                    options, found[1], rounds=self.rounds, deadline=self.deadline
                )
        self.keep(found)
        return _OFFERED + selection.count * len(options)

    def keep(self, found: tuple[int, list[tuple[int, Form]]] | None) -> None:
        if found is not None and found[0] < self.best:
            self.best, self.order = found[0], tuple(found[1])
            if self.report is not None:
                self.report(self.order)

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
        self.unfinished.clear()

    def wander(self, extra: int) -> Iterator[int]:
        """Local search among sets of few adders: drop extra factors, add others.

        The factors that stay are the targets of a small closure enumeration.
        """
        random, work = self.random, 0
        wanted = set(self.targets)
        bits = self.closure.relations.bits
        tried: set[tuple[tuple[int, ...], int]] = set()
        size, idle = len(self.targets) + self.fewest + extra, 0
        while idle < 200:
            extras = sorted({w for w, _ in self.order} - wanted)
            dropped = random.sample(extras, min(len(extras), random.choice((0, 1, 1, 2, 2, 3))))
            kept = tuple(sorted(wanted | (set(extras) - set(dropped))))
            count = min(2, size - len(kept))
            if count < 1 or (kept, count) in tried:
                idle += 1
                continue
            idle = 0
            tried.add((kept, count))
            closure = enumeration(kept, depth=self.depth, deadline=self.deadline, bits=bits)
            before = work + _ROUND_COST
            for spent in self.near(closure, count):
                work = before + spent
                yield work

    def near(self, closure: Closure, count: int) -> Iterator[int]:
        """The sets of one neighbourhood, until one is better; yields the work done so far."""
        before, spent = self.best, 0
        for answer in closure.walk(
            count, idle=True, costs=self.costs, below=lambda: self.best, pause=PAUSE
        ):
            known, done = spent, closure.work
            for work in self.offer(*answer) if answer is not None else ():
                spent = known + work
                yield done + spent
            if self.best != before or closure.work + spent > _ROUND_WORK:
                break
            yield closure.work + spent
        yield closure.work + spent


def _least(options: Options) -> int:
    return sum(found[0].cost for found in options.values())


def minimum_one_bit(
    targets: Sequence[int],
    order: Order,
    costs: Costs,
    *,
    extra: int | None = 0,
    depth: int | None = None,
    deadline: float | None = None,
    report: Callable[[Order], None] | None = None,
) -> OneBit:
    """Search all sets with up to ``extra`` adders more than the fewest; None leaves that open.

    ``order`` is any graph with the fewest adders; ``report`` is called with every better one.
    """
    search = _Search(targets, order, costs, depth, deadline, report)
    ended = "complete"
    try:
        take_turns(
            search.prove(extra),
            search.wander(1 if extra is None else extra),
            ahead=_AHEAD,
            is_done=lambda: False,
        )
    except OutOfTime:
        ended = "time limit"
    except KeyboardInterrupt:
        ended = "interrupt"
    return OneBit(search.order, search.searched, ended)


def cheaper_set(
    targets: Sequence[int],
    order: Order,
    costs: Costs,
    *,
    depth: int | None,
    deadline: float | None,
    most: int,
) -> Order:
    """A graph with as many adders and fewer one-bit adders, or else the given graph.

    ``most`` is the work after which the search ends.

    Raises
    ------
    OutOfTime
        When the deadline is reached; its argument is the best so far.
    """
    search = _Search(targets, order, costs, depth, deadline)
    search.steps, search.rounds = _FEW_STEPS, _FEW_ROUNDS
    try:
        for work in search.walk(0):
            if work > most:
                break
    except OutOfTime:
        raise OutOfTime(search.order) from None
    return search.order
