"""The integer programs against the searches."""

import random
import time

import pytest

from holigrail_hw.mcm.graph.adder_graph import odd_targets
from holigrail_hw.mcm.problem.errors import GraphError
from holigrail_hw.mcm.single import ilp
from holigrail_hw.mcm.single.forms import Costs
from holigrail_hw.mcm.single.heuristic import greedy_set
from holigrail_hw.mcm.single.problem import Problem
from holigrail_hw.mcm.single.selection import cheapest_adders, options_of
from holigrail_hw.mcm.single.solve import solve
from holigrail_hw.mcm.truncation.given_graph import GraphTruncation


@pytest.mark.parametrize(
    "constants",
    [
        (7, 19, 31),
        (5, 21, 107),
        (3, 21, 159),
        (-45, 90, 0),
        (3, 11, 69),
        (3, 5, 7, 11, 125),
        (1, 4),
    ],
)
@pytest.mark.parametrize("depth", [None, 3])
def test_the_same_number_of_adders(constants, depth):
    problem = Problem(constants, depth=depth)
    program, search = solve(problem, engine="ilp"), solve(problem, engine="search")
    assert program.proved and search.proved
    assert program.adders == search.adders
    assert program.engine == "ilp (HiGHS)"


@pytest.mark.parametrize("solver", [s for s in ("HiGHS", "PULP_CBC_CMD") if s in ilp.solvers()])
def test_solvers_agree(solver):
    found = solve(Problem((5, 21, 107)), engine="ilp", solver=solver)
    assert found.proved and found.adders == 3 and found.engine == f"ilp ({solver})"


def test_random_instances():
    draw = random.Random(3)
    for _ in range(6):
        constants = tuple(draw.randrange(3, 64) for _ in range(2))
        found = solve(Problem(constants), engine="ilp")
        assert found.proved and found.adders == solve(Problem(constants)).adders


def test_truncation_of_a_given_graph():
    """Never better than the exact search, and the same in nearly all cases."""
    draw = random.Random(5)
    same = 0
    for _ in range(12):
        targets = odd_targets([draw.randrange(3, 256) for _ in range(3)])
        options = options_of(greedy_set(targets), Costs(8))
        found = cheapest_adders(options)
        assert found is not None
        allowed = {t: draw.randrange(1, 100) for t in targets}
        exact, _, complete = GraphTruncation(found[1], allowed, 8, True).exact_search(999, 100_000)
        program = ilp.truncate(found[1], allowed, 8)
        assert complete and program is not None
        assert exact <= program[0]
        same += exact == program[0]
    assert same >= 8


def test_an_unknown_solver_is_refused():
    with pytest.raises(GraphError, match="solver must be one of .*HiGHS.*, not lpmaster"):
        solve(Problem((7, 19, 31)), engine="ilp", solver="lpmaster")


def test_time_limit():
    start = time.monotonic()
    found = solve(Problem((947, 973, 1243)), engine="ilp", time_limit=1)
    assert time.monotonic() - start < 20
    assert not found.proved and found.bound <= 6 <= found.adders
