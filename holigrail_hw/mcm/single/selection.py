"""The cheapest adders for a given set of fundamentals.

Every fundamental has one or more options (related pairs of other fundamentals, with the cheapest
form). Branch and bound picks one option each, without a cycle, at least total cost. A fundamental
whose cheapest option is available is built at once, since that can only help. If there is none,
some fundamental must be built at a higher cost, and the search branches over those.
"""

import time
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from ..graph.adder_graph import Adder, AdderGraph, Target, decompose
from .closure import OutOfTime
from .forms import Costs, Form
from .relations import WIDEST, Relations, bit, members, neighbours

__all__ = [
    "Option",
    "Selection",
    "cheapest_adders",
    "graph_of",
    "improved_adders",
    "options_of",
    "quick_order",
    "targets_of",
]


class Option(NamedTuple):
    """A form with its cost."""

    cost: int
    form: Form


# Pairs considered for each factor when there are many.
_TRIED = 12

Options = dict[int, list[Option]]


def options_of(factors: Sequence[int], costs: Costs, relations: Relations | None = None) -> Options:
    """Options of every factor but 1, cheapest first."""
    options: dict[int, dict[tuple[int, int], Option]] = {f: {} for f in factors if f != 1}
    bits = max(f.bit_length() for f in factors)
    if relations is None and bits <= WIDEST:
        relations = Relations(bits)
    present = sum(bit(f) for f in set(factors)) if relations is not None else 0
    names = set(factors)
    for index, u in enumerate(factors):
        for v in factors[: index + 1]:
            if relations is None:
                hits = sorted(names & neighbours(u, v, bits))
            else:
                hits = members(relations.of(u, v) & present)
            for w in hits:
                if w not in (u, v, 1):
                    options[w][u, v] = Option(*costs.cheapest(u, v, w))
    return {w: sorted(found.values()) for w, found in options.items()}


def cheapest_adders(
    options: Options,
    *,
    below: int | None = None,
    depth: int | None = None,
    deadline: float | None = None,
    steps: int | None = None,
) -> tuple[int, list[tuple[int, Form]]] | None:
    """Least total cost, and (fundamental, form) in an order in which they can be built.

    Only results that cost less than ``below`` count; ``None`` is returned if there is none.
    ``depth`` limits the adders on a path.

    Raises
    ------
    OutOfTime
        If ``deadline`` (of :func:`time.monotonic`) or ``steps`` branches are reached before the
        proof; its ``answer`` is the best result found, or None.
    """
    if any(not found for found in options.values()):
        return None
    return Selection(options, below, depth, deadline, steps).run()


def quick_order(
    factors: Sequence[int], costs: Costs, depth: int | None = None
) -> list[tuple[int, Form]]:
    """Forms for many factors, in an order in which they can be built, each cheap by itself.

    Every factor takes the cheapest of a few pairs among those before it; with a depth limit, the
    shallowest come first.
    """
    bits = max(f.bit_length() for f in factors)
    levels, order = {1: 0}, []
    for w in factors:
        if w == 1:
            continue
        best, tried = None, 0
        for u in levels:
            twice = {u} if w in neighbours(u, u, bits) else set()
            for v in sorted(twice | (neighbours(u, w, bits) & levels.keys())):
                if w in neighbours(u, v, bits):
                    cost, form = costs.cheapest(min(u, v), max(u, v), w)
                    level = 1 + max(levels[u], levels[v])
                    key = (level if depth is not None else 0, cost, form, level)
                    best = key if best is None else min(best, key)
                    tried += 1
            if tried >= _TRIED and depth is None:
                break
        if best is None:
            raise ValueError(f"{w} must be made from the factors before it")
        levels[w] = best[3]
        order.append((w, best[2]))
    return order


def improved_adders(
    options: Options,
    order: list[tuple[int, Form]],
    *,
    rounds: int,
    seed: int = 1,
    free: int = 14,
    deadline: float | None = None,
) -> tuple[int, list[tuple[int, Form]]]:
    """Large-neighbourhood search from a valid choice: some adders are free, the others fixed."""
    random = Random(seed)
    chosen = {w: next(o for o in options[w] if o.form == form) for w, form in order}
    best, names = sum(o.cost for o in chosen.values()), sorted(options)
    for _ in range(rounds):
        if deadline is not None and time.monotonic() > deadline:
            break
        centre = random.choice(names)
        near = sorted(names, key=lambda w: (w not in _around(options, centre), random.random()))
        loose = set(near[:free])
        part = {w: options[w] if w in loose else [chosen[w]] for w in names}
        try:
            found = cheapest_adders(part, below=best + 1, steps=400)
        except OutOfTime as stopped:
            found = stopped.args[0]
        if found is not None:
            best, order = found
            chosen = {w: next(o for o in options[w] if o.form == form) for w, form in order}
    return best, order


def _around(options: Options, centre: int) -> set[int]:
    users = {w for w, found in options.items() if any(centre in (o.form[:2]) for o in found[:6])}
    return users | {centre} | {f for o in options[centre] for f in o.form[:2]}


class Selection:
    """One call of :func:`cheapest_adders` for fundamentals that all have options.

    ``count`` is the number of branches so far.
    """

    def __init__(
        self,
        options: Options,
        below: int | None,
        depth: int | None,
        deadline: float | None,
        steps: int | None,
    ):
        self.names = sorted(options)
        place = {1: 0, **{name: index + 1 for index, name in enumerate(self.names)}}
        self.options = [
            [(o.cost, 1 << place[o.form.left] | 1 << place[o.form.right], o) for o in options[name]]
            for name in self.names
        ]
        self.least = [found[0][0] for found in self.options]
        self.place = place
        self.depth = depth
        self.deadline = deadline
        self.steps = steps
        self.count = 0
        self.best = below
        self.answer: list[tuple[int, Form]] | None = None
        self.seen: dict[tuple, int] = {}
        self.complete = True

    def run(self) -> tuple[int, list[tuple[int, Form]]] | None:
        """The answer of :func:`cheapest_adders`."""
        if self.depth is not None:
            # The limit may leave few choices, hard to reach by trying the cheapest first.
            self.shallowest()
        total = sum(self.least)
        if self.best is None or total < self.best:
            self.visit(1, total, [], list(range(len(self.names))), (0,) * (len(self.names) + 1))
        found = None
        if self.best is not None and self.answer is not None:
            found = self.best, self.answer
        if not self.complete:
            raise OutOfTime(found)
        return found

    def shallowest(self):
        """Start from the choice that builds every fundamental at its least depth."""
        assert self.depth is not None
        built, order, cost = {1}, [], 0
        waiting = list(range(len(self.names)))
        for _ in range(self.depth):
            rest, new = [], []
            for index in waiting:
                ways = (
                    (price, option.form)
                    for price, _, option in self.options[index]
                    if option.form.left in built and option.form.right in built
                )
                way = min(ways, default=None)
                if way is None:
                    rest.append(index)
                else:
                    cost += way[0]
                    new.append((self.names[index], way[1]))
            order += new
            built |= {name for name, _ in new}
            waiting = rest
        if not waiting and (self.best is None or cost < self.best):
            self.best, self.answer = cost, order

    def visit(self, built, bound, order, waiting, levels):
        """``bound``: the cost if all waiting fundamentals were built in the cheapest way."""
        self.count += 1
        if self.steps is not None and self.count > self.steps:
            self.complete = False
        if not self.count & 63 and self.deadline is not None and time.monotonic() > self.deadline:
            self.complete = False
        if not self.complete:
            return
        order = list(order)
        limit = self.depth
        moved = True
        while moved:
            moved = False
            rest = []
            for index in waiting:
                for cost, needs, option in self.options[index]:
                    if cost != self.least[index]:
                        rest.append(index)
                        break
                    if needs & ~built:
                        continue
                    if limit is not None:
                        level = self.level(option, levels)
                        # A dearer way may be shallower: with a depth limit, try that as well.
                        if level > limit or (level > 1 and len(self.options[index]) > 1):
                            continue
                        levels = (*levels[: index + 1], level, *levels[index + 2 :])
                    built |= 2 << index
                    order.append((self.names[index], option.form))
                    moved = True
                    break
                else:
                    rest.append(index)
            waiting = rest
        if not waiting:
            if self.best is None or bound < self.best:
                self.best, self.answer = bound, order
            return
        key = (built, levels) if limit is not None else (built,)
        if self.seen.get(key, 1 << 60) <= bound:
            return
        self.seen[key] = bound
        detours = []
        for index in waiting:
            for cost, needs, option in self.options[index]:
                if needs & ~built:
                    continue
                level = 0
                if limit is not None:
                    level = self.level(option, levels)
                    if level > limit:
                        continue
                detours.append((cost - self.least[index], index, option, level))
                if limit is None:
                    break
        for extra, index, option, level in sorted(detours):
            if self.best is not None and bound + extra >= self.best:
                break
            deeper = levels
            if limit is not None:
                deeper = (*levels[: index + 1], level, *levels[index + 2 :])
            self.visit(
                built | 2 << index,
                bound + extra,
                [*order, (self.names[index], option.form)],
                [other for other in waiting if other != index],
                deeper,
            )

    def level(self, option, levels):
        form = option.form
        return 1 + max(levels[self.place[form.left]], levels[self.place[form.right]])


def targets_of(constants: Sequence[int], nodes: dict[int, int]) -> tuple[Target, ...]:
    """The targets of a graph whose factors have the given node numbers."""
    found = []
    for constant in constants:
        odd, shift, negative = decompose(constant)
        if odd == 0:
            found.append(Target(0, None))
        else:
            found.append(Target(constant, nodes[odd], shift, negative))
    return tuple(found)


def graph_of(order: Sequence[tuple[int, Form]], constants: Sequence[int]) -> AdderGraph:
    """The graph of (fundamental, form) pairs; checked by evaluating its fundamentals."""
    nodes = {1: 0}
    adders: list[Adder] = []
    for fundamental, form in order:
        adders.append(form.adder(fundamental, nodes))
        nodes[fundamental] = len(adders)
    return AdderGraph(tuple(adders), targets_of(constants, nodes)).check(constants)
