"""The single entry to all engines: constants in, a checked adder graph with its proof status out.

``adders``: the fewest adders, and among those graphs one with few one-bit adders.
``one-bit-adders``: the fewest one-bit adders with the fewest adders, or with up to ``extra`` more;
with an error bound, operands are truncated. A heuristic runs first, and answers when time is up.

All fundamentals have at most as many bits as the widest odd constant; proofs hold among those
graphs. Apart from the time limit, the length of a search is measured in work, never by a clock: an
answer that neither the limit nor Ctrl-C cut short is the same on every run.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..graph.adder_graph import odd_targets
from ..native.closure import enumeration
from ..native.library import load
from ..problem.errors import GraphError
from .closure import OutOfTime, lower_bound
from .forms import Costs
from .heuristic import greedy_set, improvements
from .one_bit import Order, cheaper_set, minimum_one_bit
from .one_bit_bound import one_bit_bound
from .problem import ENGINES, Problem, Report, Solution
from .relations import WIDEST, members
from .selection import cheapest_adders, graph_of, options_of, quick_order
from .turns import PAUSE, take_turns

__all__ = ["accelerate", "solve"]

# Work of the proof before local search begins, and for a cheaper graph with as many adders.
_AHEAD, _POLISH = 200_000, 100_000
# Numbers of targets above which sets are not enumerated at all, or not for fewer one-bit adders:
# preparing the enumeration takes time proportional to their third power.
_MANY, _MANY_CHEAPER = 200, 80


def solve(
    problem: Problem,
    *,
    engine: str = "auto",
    time_limit: float | None = 20.0,
    solver: str = "HiGHS",
    report: Report | None = None,
) -> Solution:
    """Solve a problem; the best graph found when ``time_limit`` seconds are over.

    An interrupt (Ctrl-C) ends the search with the best graph so far. ``report`` is called with
    every better solution and every better bound on the way.

    Raises
    ------
    GraphError
        If the problem cannot be met.
    """
    wrong = problem.violations()
    if engine not in ENGINES:
        wrong.append(f"engine must be one of {', '.join(ENGINES)}, not {engine}")
    if wrong:
        raise GraphError("; ".join(wrong))
    accelerate()
    start = time.monotonic()
    deadline = None if time_limit is None else start + time_limit
    if engine == "ilp" and problem.metric == "adders":
        from .ilp import fewest_adders

        found = fewest_adders(problem, deadline, solver, report or _unheard)
    elif engine == "cp-sat":
        from .cp_sat import solve_apart

        found = solve_apart(problem, deadline, report or _unheard)
    elif problem.metric == "adders":
        found = _FewestAdders(problem, deadline, report or _unheard).run()
    elif problem.error:
        from ..truncation.search import minimum_truncated

        found = minimum_truncated(problem, deadline, report or _unheard)
    else:
        found = _fewest_one_bit(problem, deadline, report or _unheard)
    if deadline is not None and time.monotonic() > deadline and found.ended == "complete":
        # Some step may have been cut short unnoticed.
        found = replace(found, ended="time limit")
    return replace(found, seconds=time.monotonic() - start).check()


def accelerate() -> None:
    """Build the compiled searches if needed; this does not count towards a time limit."""
    for name in ("closure", "truncated"):
        load(name)


def _unheard(solution: Solution) -> None:
    pass


def _fewest_one_bit(problem: Problem, deadline: float | None, report: Report) -> Solution:
    """The fewest adders first, then the fewest one-bit adders with that many or more."""
    costs = Costs(problem.input_width, problem.signed, problem.rule)
    fewest = _FewestAdders(problem, deadline, lambda found: report(as_one_bit(found)))
    least = one_bit_bound(fewest.targets, costs)

    def as_one_bit(found: Solution) -> Solution:
        return replace(found, proved=False, bound=least)

    order, ended = fewest.search()
    if not fewest.is_met() or ended != "complete":
        return as_one_bit(replace(fewest.solution(order), ended=ended))
    found = minimum_one_bit(
        fewest.targets,
        order,
        costs,
        extra=problem.extra,
        depth=problem.depth,
        deadline=deadline,
        report=lambda order: report(as_one_bit(fewest.solution(order))),
    )
    proved = found.searched >= fewest.least + (problem.extra or 0)
    last = replace(as_one_bit(fewest.solution(found.order)), engine="search")
    return replace(
        last,
        proved=proved,
        bound=last.one_bit_adders if proved else least,
        searched=found.searched,
        ended=found.ended,
    )


class _FewestAdders:
    """Greedy, then the proof and local search in turns; then a cheap graph among equals.

    The answer is the first graph with the fewest adders that the turns reach, which does not depend
    on time.
    """

    def __init__(self, problem: Problem, deadline: float | None, report: Report):
        self.problem = problem
        self.targets = odd_targets(problem.constants)
        self.deadline = deadline
        self.report = report
        self.best = greedy_set(self.targets, problem.depth)
        self.least = lower_bound(self.targets)
        self.engine = "heuristic"

    def run(self) -> Solution:
        """The fewest adders, and few one-bit adders with that many."""
        order, ended = self.search()
        if self.is_met() and ended == "complete":
            order, ended = self.polished(order)
        return replace(self.solution(order), ended=ended)

    def search(self) -> tuple[Order, str]:
        """The fewest adders; how the search ended."""
        ended = "complete"
        try:
            if not self.is_met() and _is_narrow(self.targets) and len(self.targets) <= _MANY:
                self.report(self.solution())
                take_turns(self.prove(), self.improve(), ahead=_AHEAD, is_done=self.is_met)
        except OutOfTime:
            ended = "time limit"
        except KeyboardInterrupt:
            ended = "interrupt"
        return _cheap_order(self.best, self.problem), ended

    def is_met(self) -> bool:
        """Whether no graph has fewer adders than the best one."""
        return len(self.best) - 1 == self.least

    def prove(self) -> Iterator[int]:
        """Go through the enumeration's levels until one has a set; yields the work done so far."""
        closure = enumeration(self.targets, depth=self.problem.depth, deadline=self.deadline)
        while not self.is_met():
            for found in closure.walk(self.least - len(self.targets), pause=PAUSE):
                if found is not None:
                    common, last = found
                    self.best = common if not last else [*common, next(members(last))]
                    self.engine = "search"
                    return
                yield closure.work
            self.least += 1
            self.report(self.solution())
            yield closure.work

    def improve(self) -> Iterator[int]:
        """Local search; yields the work done so far."""

        def keep(factors: list[int]) -> None:
            self.best = factors
            self.report(self.solution())

        return improvements(
            self.targets, self.best, depth=self.problem.depth, deadline=self.deadline, keep=keep
        )

    def polished(self, order: Order) -> tuple[Order, str]:
        """A graph with as many adders, and fewer one-bit adders if a little work finds one."""
        problem = self.problem
        if not 0 < len(self.targets) <= _MANY_CHEAPER or not _is_narrow(self.targets):
            return order, "complete"
        costs = Costs(problem.input_width, problem.signed, problem.rule)
        try:
            return cheaper_set(
                self.targets,
                order,
                costs,
                depth=problem.depth,
                deadline=self.deadline,
                most=_POLISH,
            ), "complete"
        except OutOfTime as stopped:
            return stopped.args[0], "time limit"
        except KeyboardInterrupt:
            return order, "interrupt"

    def solution(self, order: Order | None = None) -> Solution:
        """The best so far."""
        if order is None:
            order = _cheap_order(self.best, self.problem)
        graph = graph_of(order, self.problem.constants)
        proved = len(graph.adders) == self.least
        return Solution(self.problem, graph, proved, self.least, self.least, self.engine, 0.0)


def _cheap_order(factors: Sequence[int], problem: Problem) -> Order:
    """Forms for a set, cheap in one-bit adders."""
    costs = Costs(problem.input_width, problem.signed, problem.rule)
    if len(factors) > _MANY:
        return tuple(quick_order(factors, costs, problem.depth))
    options = options_of(factors, costs)
    try:
        found = cheapest_adders(options, depth=problem.depth, steps=2000)
    except OutOfTime as stopped:
        found = stopped.args[0]
    if found is None:
        raise GraphError("no cheap choice of forms was found for the set of fundamentals")
    return tuple(found[1])


def _is_narrow(targets: Sequence[int]) -> bool:
    return max((t.bit_length() for t in targets), default=0) <= WIDEST
