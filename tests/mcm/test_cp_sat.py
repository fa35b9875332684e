"""The engine cp-sat against the searches, and what is said where it is not installed."""

import pytest

from holigrail_hw.core import ToolError
from holigrail_hw.mcm.mcm import ConstantMultiplication
from holigrail_hw.mcm.problem.errors import GraphError, MissingPackage
from holigrail_hw.mcm.single import cp_sat
from holigrail_hw.mcm.single.portfolio import search
from holigrail_hw.mcm.single.problem import Problem
from holigrail_hw.mcm.single.solve import solve

needs_ortools = pytest.mark.skipif(
    not cp_sat.is_installed(), reason="ortools is not installed: pip install holigrail_hw[cp-sat]"
)


@pytest.mark.sampled
@needs_ortools
@pytest.mark.parametrize(
    "constants", [(7, 19, 31), (-45, 90, 0), (3, 5, 7, 11, 125), (1, 4), (93,)]
)
@pytest.mark.parametrize("metric", ["adders", "one-bit-adders"])
@pytest.mark.parametrize("depth", [None, 3])
def test_the_same_optima(constants, metric, depth):
    problem = Problem(constants, metric, depth=depth, extra=0)
    found, expected = solve(problem, engine="cp-sat"), solve(problem)
    assert found.proved and expected.proved
    assert found.cost == expected.cost
    assert found.engine == "cp-sat"


@needs_ortools
def test_extra_adders():
    problem = Problem((479, 469, 105), "one-bit-adders", extra=1)
    found = solve(problem, engine="cp-sat", time_limit=10)
    assert found.cost <= solve(Problem(problem.constants, "one-bit-adders")).cost


@needs_ortools
def test_the_time_limit():
    found = search(Problem((40507, 92033, 77777)), engine="cp-sat", time_limit=2)
    assert found.ended == "time limit"
    assert not found.proved and found.bound < found.adders


def test_what_is_said_without_the_package(monkeypatch):
    monkeypatch.setattr(cp_sat, "is_installed", lambda: False)
    message = "engine cp-sat: the package ortools must be installed, not missing"
    with pytest.raises(MissingPackage, match=message) as caught:
        solve(Problem((7, 19)), engine="cp-sat")
    assert caught.value.hint == 'pip install "holigrail_hw[cp-sat]"'
    spec = ConstantMultiplication(constants=(7, 19, 4711), engine="cp-sat")
    with pytest.raises(ToolError, match=f"mcm: {message}"):
        spec.prepare(print)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (Problem((7,), "one-bit-adders", error=4), "engine cp-sat: error must be 0"),
        (Problem((1234567891,)), "engine cp-sat: constants must have at most 20 odd bits"),
    ],
)
def test_wrong_problems(problem, message):
    with pytest.raises(GraphError, match=message):
        solve(problem, engine="cp-sat")
