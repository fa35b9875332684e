"""Truncated graphs: brute force, published counts, engines against each other."""

import csv
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcm_strategies import orders

from holigrail_hw.mcm.graph.error_bounds import measured_errors
from holigrail_hw.mcm.single.problem import Problem
from holigrail_hw.mcm.single.solve import solve
from holigrail_hw.mcm.truncation.given_graph import GraphTruncation

DATA = Path(__file__).parents[2] / "scripts" / "data"


def cases():
    def read(name):
        lines = (DATA / name).read_text().splitlines()
        return csv.DictReader(line for line in lines if not line.startswith("#"))

    constants = {r["name"]: r["coefficients"] for r in read("mcm_instances.csv")}
    for row in read("mcm_truncated.csv"):
        if row["adders"] and int(row["adders"]) <= 4:
            yield pytest.param(
                tuple(map(int, constants[row["name"]].split())),
                int(row["error"]),
                int(row["known"]),
                id=f"{row['name']} {row['rule']}",
            )


@pytest.mark.parametrize(("constants", "error", "known"), list(cases())[::2])
def test_known_counts(constants, error, known):
    found = solve(Problem(constants, "one-bit-adders", error=error), time_limit=10)
    assert found.one_bit_adders == known
    assert found.proved
    assert found.worst_error <= error
    for low, high in measured_errors(found.graph, range(-128, 128)):
        assert -error <= low and high <= error


def test_the_toy():
    """24 output bits, 9 one-bit adders, 4 when truncated."""
    found = solve(Problem((13, 33), "one-bit-adders", 3, error=64))
    assert found.one_bit_adders == 4


@settings(max_examples=30, deadline=None)
@given(orders(3, 6), st.integers(0, 30), st.booleans())
def test_the_best_truncation_against_all_of_them(order, error, signed):
    if not order:
        return
    allowed = {w: error for w, _ in order}
    graph = GraphTruncation(order, allowed, 4, signed)
    best, answer, complete = graph.exact_search(1 << 30, 100_000)
    assert complete and answer is not None and graph.cost_of(answer) == best
    choices = [(0, 0), *((t, 0) for t in range(1, 6)), *((0, t) for t in range(1, 6))]
    costs = (graph.cost_of(c) for c in product(choices, repeat=len(order)))
    assert best == min(c for c in costs if c is not None)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-127, 127), min_size=1, max_size=3).map(tuple),
    st.integers(1, 200),
    st.booleans(),
)
def test_any_bound_holds(constants, error, signed):
    problem = Problem(constants, "one-bit-adders", 6, signed=signed, error=error)
    found = solve(problem, time_limit=3)
    exact = solve(Problem(constants, "one-bit-adders", 6, signed=signed))
    assert found.one_bit_adders <= exact.one_bit_adders
    inputs = range(-32, 32) if signed else range(64)
    for low, high in measured_errors(found.graph, inputs):
        assert -error <= low and high <= error


def test_a_depth_limit_holds():
    problem = Problem((815, 621, 831, 105), "one-bit-adders", depth=3, error=256)
    found = solve(problem, time_limit=2)
    assert found.graph.depth <= 3 and not found.proved


def test_extra_adders_are_used_but_never_proved():
    constants = (-1, -4, 0, 9, 8, -12, -25, 0, 46, 37, -50, -112, 0, 288, 543)
    few = solve(Problem(constants, "one-bit-adders", error=512), time_limit=2)
    more = solve(Problem(constants, "one-bit-adders", error=512, extra=1), time_limit=2)
    assert not more.proved and more.worst_error <= 512
    assert few.adders <= more.adders <= few.adders + 1
