"""The fewest one-bit adders under an error bound: sets, forms and truncations together.

The search covers every set of fundamentals with the fewest adders, every acyclic choice of forms,
and every truncation of it, with bounds that prune most of them. A local search over forms runs
first, for a given amount of work; its graph is the one to beat. Where not everything can be tried,
local search goes on until time is up.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from random import Random

from ..graph.adder_graph import AdderGraph, decompose, odd_targets
from ..native.closure import enumeration
from ..native.truncated import annealing, exhaustion
from ..problem.errors import GraphError
from ..single.closure import OutOfTime, lower_bound
from ..single.forms import Costs, Form
from ..single.heuristic import greedy_set, improvements
from ..single.problem import Problem, Solution
from ..single.relations import WIDEST, members
from ..single.selection import Options, cheapest_adders, graph_of, options_of
from .anneal import Annealing, anneal, sorted_forms
from .given_graph import GraphTruncation, conceivable_cost

__all__ = ["allowed_errors", "minimum_truncated"]

_EXACT_STEPS = 20_000
_POLISH_STEPS = 200
_POLISH_SHARE = 0.1
# Moves of the annealing that decides whether a set is promising, and seconds of a brief one.
_SHORT = 4000
_TRY_S = 0.1
_UNLIMITED = 1 << 200
# Number of targets above which trying everything is hopeless, and all time goes to local search.
_LARGE = 12
# Sets tried by local search, times the square of their size.
_WORK = 20_000
# Seconds of local search before everything is tried, per square of the number of targets.
_BEFORE_PROOF_S = 0.02
# Share of local search spent on sets; seconds for one of them, and for one round of climbing.
_PREPARING_SHARE, _PREPARING_S, _CLIMB_S = 0.2, 0.002, 0.005
_NO_LIMIT_S, _PATIENCE_S = 1e9, 60.0

Order = list[tuple[int, Form]]
Truncations = list[tuple[int, int]]


def allowed_errors(constants: Sequence[int], error: int) -> dict[int, int]:
    """The error each odd target may have, so that no output is off by more than ``error``."""
    allowed: dict[int, int] = {}
    for constant in constants:
        odd, shift, _ = decompose(constant)
        if odd > 1:
            allowed[odd] = min(allowed.get(odd, _UNLIMITED), error >> shift)
    return allowed


def minimum_truncated(
    problem: Problem,
    deadline: float | None,
    report: Callable[[Solution], None] = lambda solution: None,
) -> Solution:
    """Solve a problem with an error bound; see :func:`holigrail_hw.mcm.single.solve.solve`."""
    return _Search(problem, deadline, report).run()


class _Search:
    def __init__(self, problem, deadline, report):
        self.problem = problem
        self.targets = odd_targets(problem.constants)
        self.allowed = allowed_errors(problem.constants, problem.error)
        self.deadline = time.monotonic() + _NO_LIMIT_S if deadline is None else deadline
        # Local searches never end by themselves.
        self.patience = deadline or time.monotonic() + _PATIENCE_S
        # Time spent beyond the deadline if there is no answer yet.
        self.spare = min(2.0, (self.patience - time.monotonic()) / 4)
        self.report = report
        self.least = lower_bound(self.targets)
        self.costs = Costs(problem.input_width, problem.signed)
        self.best = 1 << 60
        self.answer: tuple[Order, Truncations] | None = None
        self.random = Random(1)

    def run(self) -> Solution:
        if not self.targets:
            self.best, self.answer = 0, ([], [])
            return self.solution(True)
        proved, ended = False, "time limit"
        try:
            if max((t.bit_length() for t in self.targets), default=0) > WIDEST:
                raise OutOfTime
            sets = self.fewest()
            is_small = len(self.targets) <= _LARGE
            if is_small and self.problem.depth is None:
                seconds = _BEFORE_PROOF_S * len(self.targets) ** 2
                self.improve(sets, self.deadline, seconds)
                proved = self.proved()
            if self.problem.extra:
                proved = False
                self.improve(sets, time.monotonic() + (self.patience - time.monotonic()) / 2)
                self.wander(max(self.patience, time.monotonic() + self.spare))
            elif proved:
                ended = "complete"
            else:
                self.improve(sets, self.patience)
        except OutOfTime:
            pass
        except KeyboardInterrupt:
            proved, ended = False, "interrupt"
        if self.answer is None:
            self.fall_back()
        if self.answer is None:
            raise GraphError("no graph was found in the time allowed")
        return replace(self.solution(proved), ended=ended)

    def proved(self) -> bool:
        """Try everything, within part of the time if that is limited; whether that succeeded."""
        part = 0.6 if self.deadline == self.patience else 1.0
        now = time.monotonic()
        try:
            return self.exhaust(now + (self.deadline - now) * part)
        except OutOfTime:
            return False

    def fall_back(self) -> None:
        """Find some answer, in a little time beyond the deadline."""
        best = greedy_set(self.targets, self.problem.depth)

        def keep(factors: list[int]) -> None:
            nonlocal best
            best = factors

        until = time.monotonic() + self.spare
        try:
            for _ in improvements(
                self.targets, best, depth=self.problem.depth, deadline=until, keep=keep
            ):
                pass
        except OutOfTime:
            pass
        end = max(self.patience, time.monotonic() + self.spare)
        self.improve([options_of(best, self.costs)], end)

    def solution(self, proved: bool) -> Solution:
        """The best graph so far."""
        return Solution(
            self.problem,
            self.graph(),
            proved,
            bound=self.best if proved else 0,
            least_adders=self.least,
            engine="search",
            seconds=0.0,
            searched=self.least if proved else 0,
        )

    def fewest(self) -> list[Options]:
        """Some sets with the fewest adders, the cheapest first."""
        enough = max(10, _WORK // (1 + len(self.targets)) ** 2)
        closure = enumeration(
            self.targets,
            depth=self.problem.depth,
            deadline=time.monotonic() + (self.deadline - time.monotonic()) / 2,
        )
        while True:
            found = []
            for common, last in closure.sets(self.least - len(self.targets)):
                more = ([*common, x] for x in members(last)) if last else [common]
                found += islice(more, enough - len(found))
                if len(found) == enough:
                    break
            if found:
                options = [options_of(factors, self.costs) for factors in found]
                return sorted(options, key=_least)
            self.least += 1

    def sets(self, deadline: float) -> Iterator[list[int]]:
        """Every set with the fewest adders."""
        closure = enumeration(self.targets, deadline=deadline)
        for common, last in closure.sets(self.least - len(self.targets)):
            if last:
                yield from ([*common, x] for x in members(last))
            else:
                yield common

    def improve(self, sets: list[Options], until: float, seconds: float | None = None) -> None:
        """Anneal many sets briefly, the better half of them for longer, and so on; then climb.

        With ``seconds``, the amount of work is fixed and takes about that long, so it does not
        depend on a clock; otherwise it goes on until ``until``.
        """
        start = time.monotonic()
        whole = until - start if seconds is None else seconds
        polish = until if seconds is not None else until - _POLISH_SHARE * whole
        searches: list[Annealing] = []
        work = 0.0
        for options in sets:
            # A set that gets no time to cool down is useless.
            if searches and work > _PREPARING_SHARE * whole:
                break
            search = self.annealing(options)
            work += _PREPARING_S
            if search is not None:
                searches.append(search)
                work += len(search.names) * search.step_s * _SHORT
        left = (1 - _POLISH_SHARE) * whole
        while searches and left > 0 and time.monotonic() < polish:
            count = len(searches)
            if seconds is None:
                left = polish - time.monotonic()
            share = left / count / (2 if count > 2 else 1)
            for search in searches:
                end = polish if seconds is not None else min(polish, time.monotonic() + share)
                self.anneal(search, share, end, 1 if count > 8 else 4)
            if count <= 2 or self.problem.depth is not None:
                break
            left -= share * count
            searches.sort(key=lambda search: search.answer[0] if search.answer else self.best)
            del searches[(count + 1) // 2 :]
        rounds = None if seconds is None else 1 + int(_POLISH_SHARE * seconds / _CLIMB_S)
        for search in searches[:1]:
            if search.answer is not None:
                self.climb(search.answer[0], search.answer[1], search.choices, until, rounds)
        if seconds is not None and time.monotonic() > until:
            raise OutOfTime

    def wander(self, until: float) -> None:
        """Try sets with extra adders: the best one so far with one factor added or exchanged."""
        wanted = set(self.targets)
        closure = enumeration(self.targets)
        while time.monotonic() < until and self.answer is not None:
            factors = [1, *(w for w, _ in self.answer[0])]
            extras = [w for w in factors if w != 1 and w not in wanted]
            if len(factors) - 1 >= self.least + self.problem.extra:
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
                search = self.annealing(options_of(factors, self.costs))
                if search is not None:
                    self.anneal(search, _TRY_S, until, 1)

    def annealing(self, options: Options) -> Annealing | None:
        """Annealing from the cheapest exact graph of a set."""
        problem = self.problem
        try:
            found = cheapest_adders(options, depth=problem.depth, steps=2000)
        except OutOfTime as stopped:
            found = stopped.args[0]
        if found is None:
            return None
        self.keep(found[0], found[1], [(0, 0)] * len(found[1]))
        choices = {w: [form for _, form in found] for w, found in self.bounded(options).items()}
        if problem.depth is not None:
            choices = {w: [form] for w, form in found[1]}
        return annealing(
            dict(found[1]), choices, self.allowed, problem.input_width, problem.signed, self.random
        )

    def anneal(self, search: Annealing, seconds: float, deadline: float, blocks: int) -> None:
        answer = anneal(search, seconds=seconds, deadline=deadline, blocks=blocks)
        if answer is not None:
            self.keep(*answer)

    def climb(
        self,
        cost: int,
        order: Order,
        choices: dict[int, list[Form]],
        until: float,
        rounds: int | None,
    ) -> None:
        """Try other forms for one or two adders, truncated exactly; equal cost is accepted."""
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
            if len(seen) == rounds:
                break
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
            self.report(self.solution(False))

    def exhaust(self, deadline: float) -> bool:
        """Try every set, acyclic choice of forms and truncation; whether none was left out.

        Raises
        ------
        OutOfTime
        """
        complete = True
        for factors in self.sets(deadline):
            search = exhaustion(
                self.bounded(options_of(factors, self.costs)),
                self.allowed,
                self.problem.input_width,
                self.problem.signed,
                best=self.best,
                steps=_EXACT_STEPS,
                deadline=deadline,
            )
            try:
                complete &= search.run()
            finally:
                if search.answer is not None:
                    self.keep(search.best, *search.answer)
        return complete

    def bounded(self, options: Options) -> dict[int, list[tuple[int, Form]]]:
        """Every form of every fundamental, with a lower bound on its cost when truncated."""
        from ..single.forms import forms

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
