"""Integer linear programs through PuLP: the classic adder-graph model, and truncation of a graph.

The classic model is that of Kumm ("Optimal Constant Multiplication Using Integer Linear
Programming", IEEE TCAS-II, 2018) with right shifts and the cuts of Garcia and Volkova (IEEE TCAS-I,
2023). It asks whether a given number of adders suffices, from the lower bound upwards, so the first
feasible number is the fewest. Every graph is rebuilt from its fundamentals with integers: solvers
round, and with big constants in a model they sometimes round wrongly.

HiGHS is the default; any solver that PuLP knows by name will do.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

from ..graph.adder_graph import odd_targets
from ..problem.errors import GraphError
from ..truncation.given_graph import GraphTruncation
from .closure import OutOfTime, lower_bound
from .forms import Costs, Form
from .heuristic import greedy_set
from .problem import Problem, Solution
from .selection import cheapest_adders, graph_of, options_of

__all__ = ["SOLVERS", "fewest_adders", "solvers", "truncate"]

SOLVERS = (
    *(
        "HiGHS",
        "HiGHS_CMD",
        "CBC",
        "COIN_CMD",
        "COPT",
        "COPT_CMD",
        "CPLEX_CMD",
        "CPLEX_PY",
        "CUOPT",
    ),
    *("CyLP", "GLPK_CMD", "GUROBI", "GUROBI_CMD", "MIPCL_CMD", "MOSEK", "PYGLPK", "SCIP_CMD"),
    *("SCIP_PY", "XPRESS", "XPRESS_PY"),
)
"""Names of solvers: PuLP's own, and CBC for the one PuLP may bundle."""


_STEPS = 20_000  # branches for the choice of forms


def _pulp() -> Any:
    try:
        import pulp
    except ImportError:
        raise GraphError(
            "engine ilp: the package pulp must be installed", hint="pip install pulp highspy"
        ) from None
    return pulp


def solvers() -> list[str]:
    """Names of the solvers PuLP finds."""
    return _pulp().listSolvers(onlyAvailable=True)


def _solver(name: str, seconds: float | None) -> Any:
    pulp = _pulp()
    known = {text.lower(): text for text in pulp.listSolvers()}
    found = {text.lower(): text for text in pulp.listSolvers(onlyAvailable=True)}
    wanted = name.lower()
    if wanted == "cbc":
        wanted = "coin_cmd" if "coin_cmd" in found else "pulp_cbc_cmd"
    if wanted not in found:
        what = "is not installed" if wanted in known else "is unknown to PuLP"
        raise GraphError(
            f"engine ilp: solver must be one of {', '.join(found.values()) or 'none'}, not {name}",
            hint=f"{name} {what}; pip install highspy brings HiGHS",
        )
    options: dict[str, Any] = {"msg": False}
    if seconds is not None:
        options["timeLimit"] = max(0.1, seconds)
    with warnings.catch_warnings():
        # PuLP warns about changes in its version 4, which a user can do nothing about.
        warnings.simplefilter("ignore")
        return pulp.getSolver(found[wanted], **options)


def _solve(model: Any, name: str, deadline: float | None) -> str:
    """Solve a model; ``optimal``, ``infeasible`` or ``stopped``."""
    seconds = None if deadline is None else deadline - time.monotonic()
    if seconds is not None and seconds <= 0:
        return "stopped"
    pulp = _pulp()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.solve(_solver(name, seconds))
    if model.status == pulp.LpStatusInfeasible:
        return "infeasible"
    proved = model.status == pulp.LpStatusOptimal and model.sol_status == pulp.LpSolutionOptimal
    return "optimal" if proved else "stopped"


def fewest_adders(
    problem: Problem,
    deadline: float | None,
    solver: str,
    report: Callable[[Solution], None],
) -> Solution:
    """The fewest adders by the classic model; a heuristic's graph if time runs out."""
    _solver(solver, None)
    targets = odd_targets(problem.constants)
    best = greedy_set(targets, problem.depth)
    least, ended = lower_bound(targets), "complete"
    engine = f"ilp ({solver})"

    def solution() -> Solution:
        costs = Costs(problem.input_width, problem.signed, problem.rule)
        try:
            found = cheapest_adders(options_of(best, costs), depth=problem.depth, steps=_STEPS)
        except OutOfTime as stopped:
            found = stopped.args[0]
        if found is None:
            raise GraphError(f"engine ilp: {solver} returned {best}, which is no adder graph")
        graph = graph_of(found[1], problem.constants)
        proved = len(graph.adders) == least
        return Solution(problem, graph, proved, least, least, engine, 0.0, ended=ended)

    # The solver is asked even where the bound already proves the heuristic's graph.
    while targets and least < len(best):
        if least < len(best) - 1:
            report(solution())
        status, factors = _feasible(targets, least, problem.depth, solver, deadline)
        if status == "optimal":
            best = factors
            break
        if status == "stopped":
            ended = "time limit"
            break
        least += 1
    return solution()


def _feasible(
    targets: tuple[int, ...], count: int, depth: int | None, solver: str, deadline: float | None
) -> tuple[str, list[int]]:
    """Whether ``count`` adders suffice, and the fundamentals with 1 if they do."""
    pulp = _pulp()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, fundamental = _classic(pulp, targets, count, depth)
    status = _solve(model, solver, deadline)
    if status != "optimal":
        return status, []
    return status, [1, *(round(c.value()) for c in fundamental[1:])]


def _classic(pulp: Any, targets: tuple[int, ...], count: int, depth: int | None) -> Any:
    bits = max(t.bit_length() for t in targets)
    largest = 1 << bits
    adders, shifts = range(1, count + 1), range(bits + 1)
    model = pulp.LpProblem("adders", pulp.LpMinimize)

    def integer(name: str, low: int, high: int) -> Any:
        return pulp.LpVariable(name, low, high, "Integer")

    def binary(name: str) -> Any:
        return pulp.LpVariable(name, 0, 1, "Binary")

    def equal_if(left: Any, right: Any, chosen: Any, above: int, below: int) -> None:
        """left = right where the binary is 1; ``above`` and ``below`` bound left - right."""
        nonlocal model
        model += left - right <= above * (1 - chosen)
        model += left - right >= -below * (1 - chosen)

    fundamental: list[Any] = [1] + [integer(f"c{a}", 3, largest - 1) for a in adders]
    level: list[Any] = [0] + [integer(f"d{a}", 1, count) for a in adders]
    output = {(a, t): binary(f"out{a}_{t}") for a in adders for t in targets}
    uses: dict[int, list[Any]] = {a: [] for a in adders}
    for a in adders:
        half = integer(f"h{a}", 1, largest // 2)
        model += fundamental[a] == 2 * half + 1
        operands = [integer(f"in{a}_{i}", 1, largest - 1) for i in (0, 1)]
        for side, operand in enumerate(operands):
            select = [binary(f"sel{a}_{side}_{k}") for k in range(a)]
            model += pulp.lpSum(select) == 1
            for k, chosen in enumerate(select):
                equal_if(operand, fundamental[k], chosen, largest, largest)
                model += level[a] >= level[k] + 1 - count * (1 - chosen)
                if k:
                    uses[k].append(chosen)
        shifted = integer(f"l{a}", 1, 2 * largest)
        shift = [binary(f"sh{a}_{s}") for s in shifts]
        model += pulp.lpSum(shift) == 1
        for s in shifts:
            equal_if(shifted, (1 << s) * operands[0], shift[s], 2 * largest, largest << s)
        negative = [binary(f"neg{a}_{i}") for i in (0, 1)]
        model += negative[0] + negative[1] <= 1
        terms = []
        for side, source in enumerate((shifted, operands[1])):
            term = integer(f"t{a}_{side}", -2 * largest, 2 * largest)
            flag = negative[side]
            model += term - source <= 0
            model += term - source >= -4 * largest * flag
            model += term + source >= 0
            model += term + source <= 4 * largest * (1 - flag)
            terms.append(term)
        total = integer(f"p{a}", 1, 2 * largest)
        model += total == terms[0] + terms[1]
        right = [binary(f"rs{a}_{r}") for r in shifts]
        model += pulp.lpSum(right) == 1
        model += shift[0] == 1 - right[0]
        for r in shifts:
            equal_if(total, (1 << r) * fundamental[a], right[r], 2 * largest, largest << r)
        for t in targets:
            equal_if(fundamental[a], t, output[a, t], largest, max(targets))
        if depth is not None:
            model += level[a] <= depth
    for t in targets:
        model += pulp.lpSum(output[a, t] for a in adders) == 1
    for a in adders:
        model += pulp.lpSum(output[a, t] for t in targets) + pulp.lpSum(uses[a]) >= 1
        model += pulp.lpSum(output[a, t] for t in targets) <= 1
        done = pulp.lpSum(output[b, t] for b in range(1, a + 1) for t in targets)
        model += done >= len(targets) - (count - a)
    model += fundamental[count] == pulp.lpSum(t * output[count, t] for t in targets)
    return model, fundamental


def truncate(
    order: list[tuple[int, Form]],
    allowed: dict[int, int],
    input_width: int,
    *,
    solver: str = "HiGHS",
    deadline: float | None = None,
) -> tuple[int, list[tuple[int, int]]] | None:
    """Truncations (left, right) of a graph of (fundamental, form); signed input.

    One binary per adder, side and amount; errors are linear in them. The model neglects inherited
    zeros and the widths that errors add, so the cost of its answer is recomputed; it is optimal
    where those do not matter. Returns the cost and the truncations, or None if time runs out.
    """
    pulp = _pulp()
    graph = GraphTruncation(order, allowed, input_width, True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, choices = _truncation(pulp, graph)
    if _solve(model, solver, deadline) != "optimal":
        return None
    chosen = []
    for options in choices:
        picked = [amounts for amounts, flag in options if flag.value() > 0.5]
        chosen.append(picked[0] if picked else (0, 0))
    cost = graph.cost_of(chosen)
    return None if cost is None else (cost, chosen)


def _truncation(pulp: Any, graph: GraphTruncation) -> Any:
    model = pulp.LpProblem("truncation", pulp.LpMaximize)
    low: list[Any] = [0]
    high: list[Any] = [0]
    choices, saved = [], []
    for index, node in enumerate(graph.nodes, start=1):
        form, tolerance = node.form, graph.tolerance[index]
        options, fresh = [], {0: [], 1: []}
        if form.shift:
            for side, shift in ((0, form.shift), (1, 0)):
                for amount in range(1, (tolerance >> shift).bit_length() + 1):
                    amounts = (amount, 0) if side == 0 else (0, amount)
                    flag = pulp.LpVariable(f"t{index}_{side}_{amount}", 0, 1, "Binary")
                    options.append((amounts, flag))
                    fresh[side].append((((1 << amount) - 1) << shift) * flag)
                    saved.append(graph.saving(index, amounts) * flag)
            if options:
                model += pulp.lpSum(flag for _, flag in options) <= 1
        left_low = low[node.left] * (1 << form.shift) + pulp.lpSum(fresh[0])
        left_high = high[node.left] * (1 << form.shift)
        right_low, right_high = low[node.right] + pulp.lpSum(fresh[1]), high[node.right]
        if form.negative_left:
            left_low, left_high = left_high, left_low
        if form.negative_right:
            right_low, right_high = right_high, right_low
        kind = "Integer" if form.right_shift else "Continuous"
        bound = min(tolerance, 1 << 60)
        for name, found, terms in (
            ("low", low, left_low + right_low),
            ("high", high, left_high + right_high),
        ):
            error = pulp.LpVariable(f"{name}{index}", 0, bound, kind)
            model += error * (1 << form.right_shift) >= terms
            found.append(error)
        choices.append(options)
    model += pulp.lpSum(saved)
    return model, choices
