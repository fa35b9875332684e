"""The engine cp-sat: constraint programming with OR-Tools, an optional extra, in its own process.

Adders: does a given number suffice? Every adder picks two earlier nodes by element constraints, and
one normal form whose linear equation must hold; all fundamentals are distinct, and the targets are
among them. Counting up from the lower bound, the first feasible number is the fewest.

One-bit adders: for every set of fundamentals of the enumeration, choose one option per fundamental
at least total cost; integers that increase along every edge forbid cycles. This proves selections
of more than 25 adders that branch and bound does not finish.

OR-Tools and HiGHS cannot be loaded into one process, so this engine always runs in a child.
"""

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..graph.adder_graph import odd_targets
from ..native.closure import enumeration
from ..problem.errors import GraphError, MissingPackage
from .closure import OutOfTime, lower_bound
from .forms import Costs, Form
from .heuristic import greedy_set
from .one_bit_bound import one_bit_bound
from .problem import Problem, Solution
from .relations import WIDEST, members
from .search_process import Call, run_searches
from .selection import Options, cheapest_adders, graph_of, options_of

__all__ = ["fewest_in_child", "is_installed", "search_in_child", "solve_apart"]

Report = Callable[[Solution], None]
_ENGINE = "cp-sat"
_STEPS = 20_000


def is_installed() -> bool:
    """Whether OR-Tools can be imported."""
    return importlib.util.find_spec("ortools") is not None


def solve_apart(problem: Problem, deadline: float | None, report: Report) -> Solution:
    """Solve a problem in a child process.

    Raises
    ------
    MissingPackage
        If OR-Tools is not installed.
    GraphError
        If the problem has an error bound, or is too wide for the enumeration of sets.
    """
    targets = odd_targets(problem.constants)
    wrong = []
    if problem.error:
        wrong.append("engine cp-sat: error must be 0; engine search truncates")
    if max((t.bit_length() for t in targets), default=0) > WIDEST:
        wrong.append(f"engine cp-sat: constants must have at most {WIDEST} odd bits")
    if wrong:
        raise GraphError("; ".join(wrong))
    if not is_installed():
        raise MissingPackage(
            "engine cp-sat: the package ortools must be installed, not missing",
            hint='pip install "holigrail_hw[cp-sat]"',
        )
    left = None if deadline is None else max(0.1, deadline - time.monotonic())
    best: list[Solution] = []

    def keep(index: int, answer: Solution) -> bool:
        if not best or answer.cost <= best[-1].cost:
            best.append(answer)
        report(answer)
        return False

    name = "fewest_in_child" if problem.metric == "adders" else "search_in_child"
    call = Call(f"holigrail_hw.mcm.single.cp_sat:{name}", (problem, left))
    outcome = run_searches([call], time_limit=left, report=keep)
    if outcome.results[0] is not None:
        return outcome.results[0]
    if not best:
        raise GraphError("engine cp-sat: no graph was found in the time allowed")
    return replace(best[-1], ended="interrupt" if outcome.interrupted else "time limit")


def fewest_in_child(problem: Problem, seconds: float | None, *, report: Report) -> Solution:
    """The fewest adders."""
    deadline = None if seconds is None else time.monotonic() + seconds
    targets = odd_targets(problem.constants)
    costs = Costs(problem.input_width, problem.signed, problem.rule)
    least, ended = lower_bound(targets), "complete"

    def solution(factors: Sequence[int]) -> Solution:
        order = _order(options_of(factors, costs), problem.depth)
        graph = graph_of(order, problem.constants)
        proved = len(order) == least
        return Solution(problem, graph, proved, least, least, _ENGINE, 0.0, ended=ended)

    best = greedy_set(targets, problem.depth)
    while targets and least < len(best):
        report(solution(best))
        status, factors = _feasible(targets, least, problem.depth, deadline)
        if status == "feasible":
            best = factors
            break
        if status == "stopped":
            ended = "time limit"
            break
        least += 1
    return solution(best)


def search_in_child(problem: Problem, seconds: float | None, *, report: Report) -> Solution:
    """The fewest one-bit adders over the sets with the fewest adders, or with ``extra`` more."""
    deadline = None if seconds is None else time.monotonic() + seconds
    targets = odd_targets(problem.constants)
    costs = Costs(problem.input_width, problem.signed, problem.rule)
    at_least = one_bit_bound(targets, costs)
    level = lower_bound(targets) - len(targets)
    closure = enumeration(targets, depth=problem.depth, deadline=deadline)
    factors = greedy_set(targets, problem.depth)
    graph = graph_of(_order(options_of(factors, costs), problem.depth), problem.constants)
    first = Solution(problem, graph, False, at_least, lower_bound(targets), _ENGINE, 0.0)
    best: Solution | None = None
    proved, fewest = True, None
    try:
        while fewest is None or level <= fewest + (problem.extra or 0):
            for common, last in closure.sets(level, idle=fewest is not None):
                fewest = level if fewest is None else fewest
                for x in members(last) if last else [0]:
                    options = options_of([*common, x] if x else common, costs)
                    below = None if best is None else best.cost
                    found, complete = _selection(options, problem.depth, below, deadline)
                    proved &= complete
                    if found is not None:
                        graph = graph_of(found, problem.constants)
                        least = len(targets) + fewest
                        best = replace(first, graph=graph, least_adders=least)
                        report(best)
            level += 1
    except OutOfTime:
        proved = False
    if not proved or best is None:
        return replace(best or first, ended="time limit")
    searched = len(targets) + level - 1
    return replace(best, proved=True, bound=best.cost, searched=searched)


def _feasible(
    targets: tuple[int, ...], count: int, depth: int | None, deadline: float | None
) -> tuple[str, list[int]]:
    """Whether ``count`` adders suffice, and the fundamentals with 1 if they do."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    bits = max(t.bit_length() for t in targets)
    largest = (1 << bits) - 1
    nodes: list[Any] = [1]
    levels: list[Any] = [0]
    picked: list[list[Any]] = []
    for a in range(1, count + 1):
        w = model.new_int_var(3, largest, f"c{a}")
        half = model.new_int_var(1, largest >> 1, f"h{a}")
        model.add(w == 2 * half + 1)
        level = model.new_int_var(1, count if depth is None else depth, f"d{a}")
        operands, below = [], []
        for side in (0, 1):
            index = model.new_int_var(0, a - 1, f"i{a}_{side}")
            operand = model.new_int_var(1, largest, f"in{a}_{side}")
            model.add_element(index, nodes, operand)
            operands.append(operand)
            under = model.new_int_var(0, count, f"u{a}_{side}")
            model.add_element(index, levels, under)
            model.add(level >= under + 1)
            below.append(index)
        u, v = operands
        chosen = []
        for s in range(1, bits + 1):
            shifted = u * (1 << s)
            for equation in (w == shifted + v, w == v - shifted, w == shifted - v):
                chosen.append(_if(model, equation))
            chosen.append(_if(model, w * (1 << s) == u + v))
            chosen.append(_if(model, w * (1 << s) == u - v))
        model.add_exactly_one(chosen)
        is_target = []
        for t in targets:
            flag = model.new_bool_var(f"out{a}_{t}")
            model.add(w == t).only_enforce_if(flag)
            is_target.append(flag)
        picked.append(is_target)
        nodes.append(w)
        levels.append(level)
    for column in zip(*picked, strict=True):
        model.add_exactly_one(column)
    model.add_exactly_one(picked[-1])
    model.add_all_different(nodes[1:])
    solver, status = _solve(model, deadline)
    if status == cp_model.INFEASIBLE:
        return "infeasible", []
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return "stopped", []
    return "feasible", [1, *(solver.value(w) for w in nodes[1:])]


def _selection(
    options: Options, depth: int | None, below: int | None, deadline: float | None
) -> tuple[list[tuple[int, Form]] | None, bool]:
    """The cheapest forms if they cost less than ``below``, and whether the result is proved."""
    from ortools.sat.python import cp_model

    if not options:
        return [], True
    if not all(options.values()):
        return None, True
    if below is not None and sum(found[0].cost for found in options.values()) >= below:
        return None, True
    model = cp_model.CpModel()
    count = len(options)
    place: dict[int, Any] = {1: 0}
    for w in options:
        place[w] = model.new_int_var(1, count if depth is None else depth, f"p{w}")
    total, flags = [], {}
    for w, found in options.items():
        flags[w] = [model.new_bool_var(f"o{w}_{i}") for i in range(len(found))]
        model.add_exactly_one(flags[w])
        for flag, option in zip(flags[w], found, strict=True):
            total.append(option.cost * flag)
            for operand in {option.form.left, option.form.right} - {1}:
                model.add(place[w] >= place[operand] + 1).only_enforce_if(flag)
    if below is not None:
        model.add(sum(total) < below)
    model.minimize(sum(total))
    solver, status = _solve(model, deadline)
    if status == cp_model.INFEASIBLE:
        return None, True
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, False
    order = sorted(options, key=lambda w: solver.value(place[w]))
    forms = [
        (w, next(o.form for f, o in zip(flags[w], options[w], strict=True) if solver.value(f)))
        for w in order
    ]
    return forms, status == cp_model.OPTIMAL


def _order(options: Options, depth: int | None) -> list[tuple[int, Form]]:
    try:
        found = cheapest_adders(options, depth=depth, steps=_STEPS)
    except OutOfTime as stopped:
        found = stopped.args[0]
    if found is None:
        raise GraphError("engine cp-sat: the solver's fundamentals are no adder graph")
    return found[1]


def _if(model: Any, equation: Any) -> Any:
    """A literal that implies the equation."""
    flag = model.new_bool_var("")
    model.add(equation).only_enforce_if(flag)
    return flag


def _solve(model: Any, deadline: float | None) -> Any:
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    # Several workers race, and a race may end differently each time.
    solver.parameters.num_workers = 1
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise OutOfTime
        solver.parameters.max_time_in_seconds = left
    return solver, solver.solve(model)
