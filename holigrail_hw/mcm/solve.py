"""One entry to all engines: constants in, a checked adder graph with its proof status out.

``adders``: the fewest adders, and among those graphs a cheap choice of forms. ``one-bit-adders``:
the fewest one-bit adders at the fewest adders, or with up to ``extra`` more; with an error bound,
operands are truncated. A heuristic runs first, and answers when time is up.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from holigrail_hw.plain_values import settle_fields

from .adder_graph import AdderGraph, odd_targets
from .closure import OutOfTime, lower_bound
from .counting import counting_rule, one_bit_adders
from .errors import GraphError
from .forms import Costs, Form
from .heuristic import greedy_set, improved_set, least_depth
from .native_closure import enumeration
from .native_library import load
from .one_bit import minimum_one_bit
from .relations import WIDEST, members
from .selection import cheapest_adders, graph_of, options_of
from .truncation import output_errors

__all__ = ["ENGINES", "METRICS", "PARTS", "Problem", "Solution", "accelerate", "solve"]

METRICS = ("adders", "one-bit-adders")
ENGINES = ("auto", "search", "ilp", "cp-sat")
PARTS = ("all", "proof", "local")

Report = Callable[["Solution"], None]

_WIDEST = 64
_MANY_EXTRA = 4


@dataclass(frozen=True)
class Problem:
    """What to solve.

    ``error`` bounds the magnitude of output minus exact product, for every output, in units of the
    product's lowest bit; 0 is exact. ``depth`` limits the adders on a path. ``extra`` allows
    one-bit graphs more adders than the fewest.

    Lists and NumPy's integers are taken, too; GraphError for what is no integer.
    """

    constants: tuple[int, ...]
    metric: str = "adders"
    input_width: int = 8
    signed: bool = True
    rule: str = "ours"
    depth: int | None = None
    extra: int = 0
    error: int = 0

    def __post_init__(self) -> None:
        integers = ("input_width", "depth", "extra", "error")
        settle_fields(
            self, "", GraphError, integers=integers, flags=("signed",), lists=("constants",)
        )

    def violations(self) -> list[str]:
        """Everything wrong with the request, one line each."""
        found = []
        if not self.constants:
            found.append("constants must hold at least one integer")
        wide = [c for c in self.constants if abs(c).bit_length() > _WIDEST]
        if wide:
            found.append(f"constants must have at most {_WIDEST} bits, not {wide[0]}")
        if self.metric not in METRICS:
            found.append(f"metric must be one of {', '.join(METRICS)}, not {self.metric}")
        try:
            counting_rule(self.rule)
        except GraphError as error:
            found.append(str(error))
        targets = odd_targets(self.constants)
        if self.depth is not None and self.depth < least_depth(targets):
            found.append(f"depth must be {least_depth(targets)} or more, not {self.depth}")
        if self.error < 0:
            found.append(f"error must be 0 or more, not {self.error}")
        if self.error and self.metric != "one-bit-adders":
            found.append("an error bound needs metric one-bit-adders, not adders")
        if self.error and self.rule != "ours":
            found.append(f"an error bound needs rule ours, not {self.rule}")
        return found


@dataclass(frozen=True)
class Solution:
    """A graph and what is known about it.

    ``proved``: no graph within the request's terms is better. ``bound`` is a proved lower bound of
    the metric (0 where nothing is known), ``least_adders`` one of the number of adders.
    ``stopped``: Ctrl-C came before the end of the search.
    """

    problem: Problem
    graph: AdderGraph
    proved: bool
    bound: int
    least_adders: int
    engine: str
    seconds: float
    stopped: bool = False

    @property
    def adders(self) -> int:
        """Number of adders."""
        return len(self.graph.adders)

    @property
    def one_bit_adders(self) -> int:
        """One-bit adders under the request's rule."""
        problem = self.problem
        return one_bit_adders(
            self.graph, problem.input_width, signed=problem.signed, rule=problem.rule
        )

    @property
    def cost(self) -> int:
        """Value of the metric."""
        return self.adders if self.problem.metric == "adders" else self.one_bit_adders

    @property
    def worst_error(self) -> int:
        """Proved bound of the magnitude of output minus exact product."""
        errors = output_errors(self.graph, self.problem.signed)
        return max((max(-low, high) for low, high in errors), default=0)

    def summary(self) -> str:
        """Best, bound and gap, in one line."""
        found = f"{self.adders} adders"
        if self.problem.metric != "adders":
            found = f"{self.one_bit_adders} one-bit adders in {found}"
        if self.proved:
            return f"best {found}, proved"
        if not self.bound:
            return f"best {found}, at least {self.least_adders} adders"
        gap = 100 * (self.cost - self.bound) / self.cost if self.cost else 0
        return f"best {found}, at least {self.bound}, gap {gap:.0f} %"

    def check(self) -> "Solution":
        """Return the solution itself if graph, limits and error bound hold; GraphError if not."""
        self.graph.check(self.problem.constants)
        wrong = []
        if self.problem.depth is not None and self.graph.depth > self.problem.depth:
            wrong.append(f"depth {self.graph.depth} above {self.problem.depth}")
        if self.worst_error > self.problem.error:
            wrong.append(f"error {self.worst_error} above {self.problem.error}")
        if self.proved and self.cost != self.bound:
            wrong.append(f"cost {self.cost} is not the bound {self.bound}")
        if wrong:
            raise GraphError("solution: " + "; ".join(wrong))
        return self


def solve(
    problem: Problem,
    *,
    engine: str = "auto",
    time_limit: float | None = 20.0,
    solver: str = "HiGHS",
    part: str = "all",
    report: Report | None = None,
) -> Solution:
    """Solve a problem; the best graph found when ``time_limit`` seconds are over.

    An interrupt (Ctrl-C) ends the search with the best graph so far. ``report`` gets every better
    solution, and every better bound, on the way. ``part`` leaves out the proof, or all local search
    that the proof does not need, for searches side by side.

    Raises
    ------
    GraphError
        If the problem cannot be met.
    """
    wrong = problem.violations()
    if engine not in ENGINES:
        wrong.append(f"engine must be one of {', '.join(ENGINES)}, not {engine}")
    if part not in PARTS:
        wrong.append(f"part must be one of {', '.join(PARTS)}, not {part}")
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
    else:
        found = _search(problem, deadline, part, report or _unheard)
    return replace(found, seconds=time.monotonic() - start).check()


def accelerate() -> None:
    """Build the compiled searches where that was never done; no time limit pays for it."""
    for name in ("closure", "truncated"):
        load(name)


def _unheard(solution: Solution) -> None:
    pass


def _search(problem: Problem, deadline: float | None, part: str, report: Report) -> Solution:
    start = time.monotonic()
    targets = odd_targets(problem.constants)
    far = start + 1e9 if deadline is None else deadline
    if problem.metric == "one-bit-adders" and problem.error:
        from .truncated import minimum_truncated

        return minimum_truncated(problem, deadline, part, report)
    if problem.metric == "one-bit-adders" and _is_narrow(targets):
        found = minimum_one_bit(
            targets,
            problem.input_width,
            signed=problem.signed,
            rule=problem.rule,
            extra=problem.extra,
            depth=problem.depth,
            deadline=deadline,
            part=part,
            report=lambda order, least: report(
                Solution(
                    problem, graph_of(order, problem.constants), False, 0, least, "search", 0.0
                )
            ),
        )
        if found.cost is not None:
            graph = graph_of(found.order, problem.constants)
            return Solution(
                problem, graph, found.proved, found.bound, found.adders_bound, "search", 0.0
            )
        spare = 5.0 if deadline is None else min(5.0, (deadline - start) / 4)
        far = time.monotonic() + spare
    return _fewest_adders(problem, targets, far, part, report)


def _fewest_adders(
    problem: Problem, targets: tuple[int, ...], deadline: float, part: str, report: Report
) -> Solution:
    best = greedy_set(targets, problem.depth)
    least = lower_bound(targets)
    engine = "heuristic"

    def solution() -> Solution:
        graph = graph_of(_order(best, problem), problem.constants)
        is_metric = problem.metric == "adders"
        proved = len(graph.adders) == least and is_metric
        return Solution(problem, graph, proved, least if is_metric else 0, least, engine, 0.0)

    def improve(until: float, seed: int) -> None:
        def keep(factors: list[int]) -> None:
            nonlocal best
            best = factors
            report(solution())

        improved_set(
            targets, best, depth=problem.depth, deadline=until, enough=least, seed=seed, keep=keep
        )

    try:
        if len(best) - 1 > least and _is_narrow(targets):
            report(solution())
            if part == "local":
                improve(deadline, 2)
                return solution()
            # Half of the time for the proof; what is left improves the heuristic's answer.
            half = deadline
            if part == "all":
                half = time.monotonic() + (deadline - time.monotonic()) / 2
            closure = enumeration(targets, depth=problem.depth, deadline=half)
            while least < len(best) - 1:
                if part == "all" and least - len(targets) == _MANY_EXTRA:
                    # From here on a level takes long, and local search may make it needless.
                    spell = (deadline - time.monotonic()) / 10
                    improve(time.monotonic() + min(spell, 2.0), 1)
                    if least == len(best) - 1:
                        break
                try:
                    found = next(closure.sets(least - len(targets)), None)
                except OutOfTime:
                    if part == "all":
                        improve(deadline, 1)
                    break
                if found is not None:
                    common, last = found
                    best = common if not last else [*common, next(members(last))]
                    engine = "search"
                    break
                least += 1
                report(solution())
    except KeyboardInterrupt:
        engine = "heuristic"
    return solution()


def _order(factors: Sequence[int], problem: Problem) -> list[tuple[int, Form]]:
    """Forms for a set, cheap in one-bit adders."""
    costs = Costs(problem.input_width, problem.signed, problem.rule)
    options = options_of(factors, costs)
    try:
        found = cheapest_adders(options, depth=problem.depth, steps=2000)
    except OutOfTime as stopped:
        found = stopped.args[0]
    if found is None:
        raise GraphError("no cheap choice of forms was found for the set of fundamentals")
    return found[1]


def _is_narrow(targets: Sequence[int]) -> bool:
    return max((t.bit_length() for t in targets), default=0) <= WIDEST
