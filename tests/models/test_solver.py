"""Programmes end after so much work, at the same place every time."""

import warnings

import numpy as np
import pulp

from holigrail_hw.models.solver import solver_of


def knapsack(questions: int, gap: float = 0.0):
    """A multidimensional knapsack that takes branching; its value, and the choice."""
    rng = np.random.default_rng(3)
    count, limits = 60, 8
    sizes, gains = rng.integers(10, 99, (limits, count)), rng.integers(10, 99, count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pulp.LpProblem("knapsack", pulp.LpMaximize)
        xs = [pulp.LpVariable(f"x{i}", cat="Binary") for i in range(count)]
        model += pulp.lpSum(int(g) * x for g, x in zip(gains, xs, strict=True))
        for row in sizes:
            model += pulp.lpSum(int(s) * x for s, x in zip(row, xs, strict=True)) <= row.sum() // 3
        model.solve(solver_of(pulp, gap, questions))
    chosen = tuple(round(x.value() or 0) for x in xs)
    return sum(int(g) * x for g, x in zip(gains, chosen, strict=True)), chosen, model.sol_status


def test_it_ends_early_and_at_the_same_place():
    few, more = knapsack(6), knapsack(40)
    assert few == knapsack(6) and more == knapsack(40)
    assert few[2] == more[2] == pulp.LpSolutionIntegerFeasible
    assert few[0] <= more[0]


def test_it_ends_by_itself():
    assert knapsack(1 << 30, gap=0.2)[2] == pulp.LpSolutionOptimal


def test_without_highs(monkeypatch):
    monkeypatch.setattr(pulp, "listSolvers", lambda onlyAvailable: ["COIN_CMD"])
    found = solver_of(pulp, 0.1, 25)
    assert (found.name, found.optionsDict["maxNodes"], found.optionsDict["gapRel"]) == (
        "COIN_CMD",
        100,
        0.1,
    )
    monkeypatch.setattr(pulp, "listSolvers", lambda onlyAvailable: [])
    assert solver_of(pulp, 0.1, 25) is None
