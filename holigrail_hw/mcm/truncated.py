"""The fewest one-bit adders under an error bound: sets, forms and truncations together.

For every set of fundamentals with the fewest adders, every acyclic choice of forms, and every
truncation of it, with bounds that cut most of them off. A local search over forms runs first; its
graph is the one to beat, and the answer when time is up.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from .adder_graph import AdderGraph, decompose, odd_targets
from .anneal import anneal, sorted_forms
from .closure import OutOfTime, lower_bound
from .errors import GraphError
from .forms import Costs, Form
from .heuristic import greedy_set, improved_set
from .native_closure import enumeration
from .native_truncated import annealing, exhaustion
from .relations import WIDEST, members
from .selection import Options, cheapest_adders, graph_of, options_of
from .truncate_graph import GraphTruncation, conceivable_cost

if TYPE_CHECKING:
    from .solve import Problem, Solution

__all__ = ["allowed_errors", "minimum_truncated"]

_EXACT_STEPS = 20_000
_POLISH_STEPS = 200
_UNLIMITED = 1 << 200
# Targets above which trying everything is hopeless, and all time goes into local search.
_LARGE = 12
# Sets tried by local search, times the square of their size.
_WORK = 20_000
_NO_LIMIT_S, _PATIENCE_S = 1e9, 60.0

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
        self.deadline = time.monotonic() + _NO_LIMIT_S if deadline is None else deadline
        # Local searches never end by themselves.
        self.patience = deadline or time.monotonic() + _PATIENCE_S
        self.progress = progress
        self.costs = Costs(problem.input_width, problem.signed)
        self.best = 1 << 60
        self.answer: tuple[Order, Truncations] | None = None
        self.complete = True
        self.random = Random(1)

    def run(self) -> "Solution":
        from .solve import Solution

        if not self.targets:
            graph = graph_of([], self.problem.constants)
            return Solution(self.problem, graph, True, 0, 0, "search", 0.0)
        least = lower_bound(self.targets)
        proved = False
        try:
            if max((t.bit_length() for t in self.targets), default=0) > WIDEST:
                raise OutOfTime
            least, sets = self.fewest(least)
            now, end, patience = time.monotonic(), self.deadline, self.patience
            is_large = len(self.targets) > _LARGE
            share = 0.25 if not is_large else 0.5 if self.problem.extra else 1.0
            self.improve(sets, now + (patience - now) * share)
            if self.problem.depth is None and not is_large:
                self.deadline = now + (end - now) * 0.6
                try:
                    self.exhaust(least)
                    proved = self.complete
                except OutOfTime:
                    pass
            if self.problem.extra:
                proved = False
                self.wander(least, max(patience, time.monotonic() + 1.0))
            elif not proved and not is_large:
                self.improve(sets, patience)
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
            end = max(self.patience, time.monotonic() + 2.0)
            self.search_forms(options_of(factors, self.costs), end)
        if self.answer is None:
            raise GraphError("no graph was found in the time allowed")
        graph = self.graph()
        bound = self.best if proved else 0
        return Solution(self.problem, graph, proved, bound, least, "search", 0.0)

    def fewest(self, least: int) -> tuple[int, list[Options]]:
        """The fewest adders, and some sets that reach them, the cheapest first."""
        enough = max(10, _WORK // (1 + len(self.targets)) ** 2)
        closure = enumeration(
            self.targets,
            depth=self.problem.depth,
            deadline=time.monotonic() + (self.deadline - time.monotonic()) / 2,
        )
        while True:
            found = []
            for common, last in closure.sets(least - len(self.targets)):
                more = ([*common, x] for x in members(last)) if last else [common]
                found += islice(more, enough - len(found))
                if len(found) == enough:
                    break
            if found:
                options = [options_of(factors, self.costs) for factors in found]
                return least, sorted(options, key=_least)
            least += 1

    def sets(self, adders: int) -> Iterator[list[int]]:
        """Every set with that many adders."""
        closure = enumeration(self.targets, deadline=self.deadline)
        for common, last in closure.sets(adders - len(self.targets)):
            if last:
                yield from ([*common, x] for x in members(last))
            else:
                yield common

    def improve(self, sets: list[Options], until: float) -> None:
        """Annealing and climbing on the most promising sets, in equal shares of the time."""
        count = min(len(sets), 1 if len(self.targets) > _LARGE else 8)
        for index, choices in enumerate(sets[:count]):
            share = (until - time.monotonic()) / (count - index)
            self.search_forms(
                choices, time.monotonic() + share, 2 if len(choices) < 8 or len(choices) > 20 else 6
            )

    def wander(self, least: int, until: float) -> None:
        """Sets with extra adders: the best one so far with a factor more, or with another one."""
        wanted = set(self.targets)
        closure = enumeration(self.targets)
        while time.monotonic() < until and self.answer is not None:
            factors = [1, *(w for w, _ in self.answer[0])]
            extras = [w for w in factors if w != 1 and w not in wanted]
            if len(factors) - 1 >= least + self.problem.extra:
                if not extras:
                    return
                factors.remove(self.random.choice(extras))
            u, v = self.random.choice(factors), self.random.choice(factors)
            new = closure.relations.of(u, v)
            near = [x for x in members(new) if x not in factors]
            if not near:
                continue
            factors.append(self.random.choice(near))
            if len(closure.levels(factors)) == len(factors):
                self.search_forms(options_of(factors, self.costs), until, 1)

    def search_forms(self, options: Options, until: float, blocks: int = 6) -> None:
        """Annealing from the cheapest exact graph of a set."""
        problem = self.problem
        try:
            found = cheapest_adders(options, depth=problem.depth, steps=2000)
        except OutOfTime as stopped:
            found = stopped.args[0]
        if found is None:
            return
        self.keep(found[0], found[1], [(0, 0)] * len(found[1]))
        bounded = self.bounded(options)
        choices = {w: [form for _, form in found] for w, found in bounded.items()}
        if problem.depth is not None:
            choices = {w: [form] for w, form in found[1]}
        search = annealing(
            dict(found[1]),
            choices,
            self.allowed,
            problem.input_width,
            problem.signed,
            self.random,
        )
        share = (until - time.monotonic()) * 0.6
        answer = anneal(search, deadline=time.monotonic() + share, blocks=blocks)
        if answer is not None:
            self.keep(*answer)
            patience = (
                until if blocks > 1 else min(until, time.monotonic() + 0.01 * len(choices) ** 2)
            )
            self.climb(answer[0], answer[1], choices, patience)

    def climb(self, cost: int, order: Order, choices: dict[int, list[Form]], until: float) -> None:
        """Other forms for one or two adders, the truncation exact; equal cost is accepted."""
        problem, random = self.problem, self.random
        names = [w for w in choices if len(choices[w]) > 1]
        seen: set[tuple[tuple[int, Form], ...]] = set()
        idle = 0
        while time.monotonic() < until and idle < 200:
            forms = dict(order)
            for w in random.sample(names, min(len(names), random.choice((1, 1, 2, 3)))):
                forms[w] = choices[w][int(len(choices[w]) * random.random() ** 2)]
            other = sorted_forms(forms)
            if other is None or tuple(other) in seen:
                idle += 1
                continue
            idle = 0
            seen.add(tuple(other))
            graph = GraphTruncation(other, self.allowed, problem.input_width, problem.signed)
            if graph.rest[0] > cost:
                continue
            better, truncations, _ = graph.exact_search(cost + 1, _POLISH_STEPS)
            if truncations is not None:
                order, cost = other, better
                self.keep(cost, order, truncations)

    def keep(self, cost: int, order: Order, truncations: Truncations) -> None:
        if cost < self.best:
            self.best, self.answer = cost, (order, truncations)
            if self.progress is not None:
                self.progress(f"{len(order)} adders, {cost} one-bit adders")

    def exhaust(self, adders: int) -> None:
        """Every set, every acyclic choice of forms, every truncation."""
        for factors in self.sets(adders):
            bounded = self.bounded(options_of(factors, self.costs))
            search = exhaustion(
                bounded,
                self.allowed,
                self.problem.input_width,
                self.problem.signed,
                best=self.best,
                steps=_EXACT_STEPS,
                deadline=self.deadline,
            )
            try:
                self.complete &= search.run()
            finally:
                if search.answer is not None:
                    self.keep(search.best, *search.answer)

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


def _least(options: Options) -> int:
    return sum(found[0].cost for found in options.values())
