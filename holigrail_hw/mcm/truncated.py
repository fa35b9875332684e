"""The fewest one-bit adders under an error bound: sets, forms and truncations together.

For every set of fundamentals with the fewest adders, every acyclic choice of forms, and every
truncation of it, with bounds that cut most of them off. A local search over forms runs first; its
graph is the one to beat, and the answer when time is up.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from .adder_graph import AdderGraph, decompose, odd_targets
from .closure import Closure, OutOfTime, lower_bound
from .errors import GraphError
from .forms import Costs, Form
from .heuristic import greedy_set, improved_set
from .relations import WIDEST, members
from .selection import Options, cheapest_adders, graph_of, options_of
from .truncate_graph import GraphTruncation, conceivable_cost

if TYPE_CHECKING:
    from .solve import Problem, Solution

__all__ = ["allowed_errors", "minimum_truncated"]

_EXACT_STEPS = 20_000
_BEAM = 6
_UNLIMITED = 1 << 200

Order = list[tuple[int, Form]]
Truncations = list[tuple[int, int]]


def allowed_errors(constants: Sequence[int], error: int) -> dict[int, int]:
    """What each odd target may be off, so that no output is off by more than ``error``."""
    allowed: dict[int, int] = {}
    for constant in constants:
        odd, shift, _ = decompose(constant)
        if odd > 1:
            allowed[odd] = min(allowed.get(odd, _UNLIMITED), error >> shift)
    return allowed


def minimum_truncated(
    problem: "Problem", deadline: float | None, progress: Callable[[str], None] | None
) -> "Solution":
    """Solve a problem with an error bound; see :func:`holigrail_hw.mcm.solve.solve`."""
    return _Search(problem, deadline, progress).run()


class _Search:
    def __init__(self, problem, deadline, progress):
        self.problem = problem
        self.targets = odd_targets(problem.constants)
        self.allowed = allowed_errors(problem.constants, problem.error)
        self.deadline = time.monotonic() + 1e9 if deadline is None else deadline
        self.progress = progress
        self.costs = Costs(problem.input_width, problem.signed)
        self.best = 1 << 60
        self.answer: tuple[Order, Truncations] | None = None
        self.complete = True
        self.random = Random(1)

    def run(self) -> "Solution":
        from .solve import Solution

        least = lower_bound(self.targets)
        proved = False
        try:
            if max((t.bit_length() for t in self.targets), default=0) > WIDEST:
                raise OutOfTime
            least, sets = self.fewest(least)
            self.improve(sets)
            if self.depth_is_free:
                self.exhaust(least)
                proved = self.complete
        except OutOfTime:
            pass
        except KeyboardInterrupt:
            proved = False
        if self.answer is None:
            factors = greedy_set(self.targets, self.problem.depth)
            factors = improved_set(
                self.targets,
                factors,
                depth=self.problem.depth,
                deadline=time.monotonic() + 2.0,
                enough=least,
            )
            self.search_forms(factors, options_of(factors, self.costs), time.monotonic() + 2.0)
        if self.answer is None:
            raise GraphError("no graph was found in the time allowed")
        graph = self.graph()
        bound = self.best if proved else 0
        return Solution(self.problem, graph, proved, bound, least, "search", 0.0)

    @property
    def depth_is_free(self) -> bool:
        return self.problem.depth is None

    def fewest(self, least: int) -> tuple[int, list[list[int]]]:
        """The fewest adders, and some sets that reach them."""
        closure = Closure(
            self.targets,
            depth=self.problem.depth,
            deadline=time.monotonic() + (self.deadline - time.monotonic()) / 2,
        )
        while True:
            found = []
            for common, last in closure.sets(least - len(self.targets)):
                found += [[*common, x] for x in members(last)] if last else [common]
                if len(found) >= 200:
                    break
            if found:
                return least, found
            least += 1

    def sets(self, adders: int) -> Iterator[list[int]]:
        """Every set with that many adders."""
        closure = Closure(self.targets, deadline=self.deadline)
        for common, last in closure.sets(adders - len(self.targets)):
            if last:
                yield from ([*common, x] for x in members(last))
            else:
                yield common

    def improve(self, sets: list[list[int]]) -> None:
        """Local search over forms, with a share of a third of the time for all sets."""
        until = time.monotonic() + (self.deadline - time.monotonic()) / 3
        options = [(factors, options_of(factors, self.costs)) for factors in sets]
        options.sort(key=lambda pair: sum(o[0].cost for o in pair[1].values()))
        count = min(len(options), 12)
        size = len(options[0][1]) if options else 0
        for index, (factors, choices) in enumerate(options[:count]):
            share = (until - time.monotonic()) / (count - index)
            self.search_forms(factors, choices, time.monotonic() + min(share, 0.02 * size**2))

    def search_forms(self, factors: Sequence[int], options: Options, until: float) -> None:
        """Hill climbing: other forms for one or two adders, the truncation by a beam search."""
        try:
            found = cheapest_adders(options, depth=self.problem.depth, steps=2000)
        except OutOfTime as stopped:
            found = stopped.args[0]
        if found is None:
            return
        order = found[1]
        cost = self.offer(order)
        names = [w for w in options if len(options[w]) > 1]
        while names and time.monotonic() < until:
            forms = dict(order)
            for w in self.random.sample(names, min(len(names), self.random.choice((1, 1, 2)))):
                near = options[w][: 12 if self.random.random() < 0.8 else None]
                forms[w] = self.random.choice(near).form
            other = _sorted(forms)
            if other is None:
                continue
            new = self.offer(other)
            if new <= cost + (self.random.random() < 0.05):
                order, cost = other, new

    def offer(self, order: Order) -> int:
        """Cost of the forms with a good truncation; kept if it is the best."""
        if not self._shallow(order):
            return 1 << 60
        problem = self.problem
        graph = GraphTruncation(order, self.allowed, problem.input_width, problem.signed)
        found = graph.beam_search(_BEAM)
        if found is None:
            return 1 << 60
        self.keep(found[0], order, found[1])
        return found[0]

    def keep(self, cost: int, order: Order, truncations: Truncations) -> None:
        if cost < self.best:
            self.best, self.answer = cost, (order, truncations)
            if self.progress is not None:
                self.progress(f"{len(order)} adders, {cost} one-bit adders")

    def _shallow(self, order: Order) -> bool:
        if self.problem.depth is None:
            return True
        levels = {1: 0}
        for w, form in order:
            levels[w] = 1 + max(levels[form.left], levels[form.right])
        return max(levels.values()) <= self.problem.depth

    def exhaust(self, adders: int) -> None:
        """Every set, every acyclic choice of forms, every truncation."""
        for factors in self.sets(adders):
            bounded = self.bounded(options_of(factors, self.costs))
            names = sorted(bounded, key=lambda w: (len(bounded[w]), w))
            least = [bounded[w][0][0] for w in names]
            rest = [sum(least[i:]) for i in range(len(least) + 1)]
            if rest[0] < self.best:
                self.select(names, bounded, rest, 0, 0, {})

    def bounded(self, options: Options) -> dict[int, list[tuple[int, Form]]]:
        """Every form of every fundamental with a lower bound of its cost when truncated."""
        from .forms import forms

        choices = {
            w: sorted({f for o in found for f in forms(o.form.left, o.form.right, w)})
            for w, found in options.items()
        }
        tolerance = {w: self.allowed.get(w, _UNLIMITED) for w in choices}
        for _ in choices:
            for x in choices:
                if x in self.allowed:
                    continue
                tolerance[x] = max(
                    (
                        (tolerance[w] << f.right_shift) >> (f.shift if f.left == x else 0)
                        for w, found in choices.items()
                        for f in found
                        if x in (f.left, f.right) and w != x
                    ),
                    default=0,
                )
        width = self.costs.width
        return {
            w: sorted(
                (
                    conceivable_cost(width(w), width(f.left), width(f.right), f, tolerance[w]),
                    f,
                )
                for f in found
            )
            for w, found in choices.items()
        }

    def select(self, names, bounded, rest, index, cost, forms) -> None:
        """All acyclic choices of forms from the fundamental ``index`` on."""
        if time.monotonic() > self.deadline:
            raise OutOfTime
        if index == len(names):
            order = _sorted(forms)
            if order is None:
                return
            problem = self.problem
            graph = GraphTruncation(order, self.allowed, problem.input_width, problem.signed)
            if graph.rest[0] >= self.best:
                return
            best, answer, complete = graph.exact_search(self.best, _EXACT_STEPS)
            self.complete &= complete
            if answer is not None:
                self.keep(best, order, answer)
            return
        w = names[index]
        for least, form in bounded[w]:
            if cost + least + rest[index + 1] >= self.best:
                break
            if _reaches(form.left, w, forms) or _reaches(form.right, w, forms):
                continue
            forms[w] = form
            self.select(names, bounded, rest, index + 1, cost + least, forms)
            del forms[w]

    def graph(self) -> AdderGraph:
        assert self.answer is not None
        order, truncations = self.answer
        exact = graph_of(order, self.problem.constants)
        adders = tuple(
            replace(
                adder,
                left=replace(adder.left, truncate=left),
                right=replace(adder.right, truncate=right),
            )
            for adder, (left, right) in zip(exact.adders, truncations, strict=True)
        )
        return replace(exact, adders=adders)


def _reaches(start: int, goal: int, forms: dict[int, Form]) -> bool:
    """Whether ``start`` is made from ``goal``, directly or not."""
    stack = [start]
    while stack:
        here = stack.pop()
        if here == goal:
            return True
        form = forms.get(here)
        if form is not None:
            stack += form[:2]
    return False


def _sorted(forms: dict[int, Form]) -> Order | None:
    """The forms in an order in which they can be built; None if there is a cycle."""
    done, order = {1}, []
    waiting = sorted(forms)
    while waiting:
        ready = [w for w in waiting if forms[w].left in done and forms[w].right in done]
        if not ready:
            return None
        order += [(w, forms[w]) for w in ready]
        done.update(ready)
        waiting = [w for w in waiting if w not in done]
    return order
