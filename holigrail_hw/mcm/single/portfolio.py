"""Solving in a child process, which obeys time limit and Ctrl-C even inside a solver.

Problems that take only a moment are solved in this process. Otherwise the child starts from
scratch, so that the answer is that of :func:`~.solve.solve` and does not depend on how far this
process got.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from ..graph.adder_graph import odd_targets
from .problem import Problem, Solution
from .search_process import Call, run_searches
from .solve import accelerate, solve

__all__ = ["search"]

_ALONE_S = 0.3
_ALONE_BITS = 14
# Seconds that a child needs to start and to send its answer.
_START_S = 0.2


def search(
    problem: Problem,
    *,
    engine: str = "auto",
    time_limit: float | None = 20.0,
    solver: str = "HiGHS",
    progress: Callable[[str], None] | None = None,
) -> Solution:
    """:func:`~holigrail_hw.mcm.single.solve.solve`, obeying the time limit within a second.

    ``progress`` is called with best, bound and gap as one line of text. After Ctrl-C the best
    answer so far is returned, with ``stopped`` set; a second Ctrl-C within that second raises
    KeyboardInterrupt.

    Raises
    ------
    GraphError
        If the problem cannot be met.
    """
    accelerate()
    start = time.monotonic()
    found = _Best(progress)
    if engine == "cp-sat":
        # This engine has a process of its own.
        def report(answer: Solution) -> None:
            found.take(answer)

        asked = report if progress is not None else None
        return solve(problem, engine=engine, time_limit=time_limit, report=asked)
    bits = max((t.bit_length() for t in odd_targets(problem.constants)), default=0)
    if engine != "ilp" and bits <= _ALONE_BITS:
        alone = _ALONE_S if time_limit is None else min(_ALONE_S, time_limit)
        answer = solve(problem, engine=engine, time_limit=alone)
        found.take(answer)
        if answer.ended == "complete":
            return answer
    left = None if time_limit is None else time_limit - (time.monotonic() - start)
    if left is not None and left <= _START_S:
        left = _START_S
    options = {
        "engine": engine,
        "solver": solver,
        "time_limit": None if left is None else max(0.05, left - _START_S),
    }
    outcome = run_searches(
        [Call("holigrail_hw.mcm.single.solve:solve", (problem,), options)],
        time_limit=left,
        report=lambda index, answer: found.take(answer),
    )
    answer = outcome.results[0]
    if answer is None or answer.ended != "complete":
        if found.best is None:
            # Stopped before the first answer.
            found.take(solve(problem, engine="search", time_limit=0.05))
        answer = found.best
        assert answer is not None
        ended = "interrupt" if outcome.interrupted else "time limit"
        answer = replace(answer, ended=ended)
    return replace(answer, seconds=time.monotonic() - start).check()


class _Best:
    """The best of all answers, and the best bounds."""

    def __init__(self, progress: Callable[[str], None] | None):
        self.best: Solution | None = None
        self.progress = progress

    def take(self, answer: Solution) -> bool:
        """Note an answer; no answer ends the search."""
        best = self.best or answer
        bound = max(best.bound, answer.bound)
        least = max(best.least_adders, answer.least_adders)
        if answer.cost < best.cost or answer.proved:
            best = answer
        proved = best.proved or (best.problem.metric == "adders" and best.cost == bound)
        self.best = replace(
            best, bound=best.cost if proved else bound, least_adders=least, proved=proved
        )
        if self.progress is not None:
            self.progress(self.best.summary())
        return False
