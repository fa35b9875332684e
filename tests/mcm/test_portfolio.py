"""Solving in a child process: time limits, Ctrl-C."""

import os
import signal
import time

import pytest

from holigrail_hw.mcm.problem.errors import GraphError
from holigrail_hw.mcm.single import portfolio
from holigrail_hw.mcm.single.portfolio import search
from holigrail_hw.mcm.single.problem import Problem
from holigrail_hw.mcm.single.search_process import Outcome
from holigrail_hw.mcm.single.solve import solve

HARD = (611, 4999, 2054, 892, 621, 2201, 3067, 2503, 178, 3645, 8139, 12106, 14433, 240007)


def test_easy_problems_need_no_child(monkeypatch):
    monkeypatch.setattr(portfolio, "run_searches", None)
    found = search(Problem((7, 19, 31)))
    assert found.proved and found.adders == 3


@pytest.mark.parametrize(
    "problem",
    [
        Problem((123456789, 98765)),
        Problem(HARD, "one-bit-adders"),
        Problem(HARD, "one-bit-adders", error=2000),
        Problem(HARD, depth=4),
    ],
)
def test_the_time_limit_is_obeyed(problem):
    said = []
    start = time.monotonic()
    found = search(problem, time_limit=2, progress=said.append)
    assert time.monotonic() - start < 3.5
    assert not found.stopped
    found.check()
    assert said[-1] == found.summary()


def test_the_time_limit_is_obeyed_inside_a_solver():
    start = time.monotonic()
    found = search(Problem((947, 973, 1243)), engine="ilp", time_limit=2)
    assert time.monotonic() - start < 3.5
    assert found.engine == "ilp (HiGHS)" and not found.proved
    assert found.bound <= 6 <= found.adders


def test_no_time_limit():
    found = search(Problem(HARD[:8]), time_limit=None)
    assert found.proved and found.adders == solve(Problem(HARD[:8])).adders


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_keeps_the_best_and_says_so():
    said = []

    def press(text):
        said.append(text)
        if len(said) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    start = time.monotonic()
    found = search(Problem(HARD), time_limit=60, progress=press)
    assert time.monotonic() - start < 20
    assert found.stopped and not found.proved
    found.check()


def test_graph_and_bound_of_different_answers_meet(monkeypatch):
    problem = Problem(HARD)
    graph = portfolio.replace(solve(problem, time_limit=1), bound=14, proved=False)
    bounded = portfolio.replace(graph, bound=graph.adders)

    def run(calls, *, time_limit, report):
        assert not report(0, graph)
        assert not report(0, bounded)
        return Outcome([None])

    monkeypatch.setattr(portfolio, "run_searches", run)
    found = search(problem)
    assert found.proved and found.bound == graph.adders


def test_stopped_before_the_first_answer(monkeypatch):
    monkeypatch.setattr(portfolio, "run_searches", lambda *a, **o: Outcome([None], True))
    found = search(Problem((123456789, 98765)))
    assert found.stopped and found.check()


def test_wrong_problems():
    with pytest.raises(GraphError, match="engine must be one of"):
        search(Problem((3,)), engine="sat")
    with pytest.raises(GraphError, match="solver must be one of .*, not nobody"):
        search(Problem((123456789, 98765)), engine="ilp", solver="nobody")
