"""The same problem has the same answer, however fast the machine is and whoever is ready first."""

import itertools
import json
import random
import time

import pytest

from holigrail_hw.core import Timing, find
from holigrail_hw.flow.emit import emit
from holigrail_hw.mcm.native import closure as native_closure
from holigrail_hw.mcm.single import kept_solutions as solution_cache
from holigrail_hw.mcm.single import portfolio, turns
from holigrail_hw.mcm.single import solve as solving
from holigrail_hw.mcm.single.closure import Closure
from holigrail_hw.mcm.single.forms import Costs
from holigrail_hw.mcm.single.portfolio import search
from holigrail_hw.mcm.single.problem import Problem
from holigrail_hw.mcm.single.search_process import Outcome
from holigrail_hw.mcm.single.solve import solve
from holigrail_hw.mcm.single.turns import take_turns

# Proof and local search get to different graphs of 8 adders at about the same time.
RACE = (12345, 777, 991, 4321)
PROBLEMS = [
    Problem(RACE),
    Problem((53, 1021, 7919), depth=4),
    Problem((479, 469, 105), "one-bit-adders"),
    Problem((231, 45, 107, 89), "one-bit-adders", extra=1),
    Problem((3, 21, 159), "one-bit-adders", error=128),
]


class Clock:
    """A clock that runs at another speed, and by jumps."""

    def __init__(self, step: float):
        self.draw = random.Random(step)
        self.step = step
        self.now = 0.0

    def __call__(self) -> float:
        self.now += self.step * self.draw.random()
        return self.now


@pytest.fixture(scope="module", autouse=True)
def compiled():
    solving.accelerate()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))


@pytest.mark.parametrize("problem", PROBLEMS, ids=[p.metric for p in PROBLEMS])
def test_no_clock_decides(problem, monkeypatch):
    """Clocks a thousand times slower and faster, and the compiled search left at other places."""
    found = []
    for step, spell in ((0.0, 60.0), (1e-4, 1e-6), (5.0, 1e-4)):
        with monkeypatch.context() as patch:
            patch.setattr(time, "monotonic", Clock(step))
            patch.setattr(native_closure, "_SPELL_S", spell)
            found.append(solve(problem, time_limit=None))
    assert len({answer.graph.to_json() for answer in found}) == 1
    assert all(answer.ended == "complete" and answer.proved for answer in found)


def test_a_clock_that_ends_a_search_is_named(monkeypatch):
    for problem in (*PROBLEMS, Problem(RACE, "one-bit-adders")):
        with monkeypatch.context() as patch:
            patch.setattr(time, "monotonic", Clock(30.0))
            found = solve(problem, time_limit=20)
        assert found.ended == "time limit", problem


@pytest.mark.parametrize("first", ["proof", "local search"])
def test_whoever_is_slow_the_answer_is_the_same(first, monkeypatch):
    """Both searches hold an answer; one of them takes much longer for its work than the other."""
    # A last step could find the same cheap graph from either.
    monkeypatch.setattr(solving, "cheaper_set", lambda targets, order, *rest, **options: order)
    monkeypatch.setattr(solving, "_AHEAD", 0)
    monkeypatch.setattr(solving, "PAUSE", 500)
    expected = solve(Problem(RACE), time_limit=None)
    run = turns.take_turns

    def slowed(work, delay):
        for done in work:
            time.sleep(delay)
            yield done

    def unfair(leader, follower, **options):
        pauses = (0.0, 0.02) if first == "proof" else (0.02, 0.0)
        run(slowed(leader, pauses[0]), slowed(follower, pauses[1]), **options)

    monkeypatch.setattr(solving, "take_turns", unfair)
    assert solve(Problem(RACE), time_limit=None).graph == expected.graph


def test_turns_go_by_work():
    said = []

    def worker(name, amounts):
        for total in itertools.accumulate(amounts):
            said.append(name)
            yield total

    take_turns(worker("a", [5, 5, 5]), worker("b", [1, 8, 1]), ahead=5, is_done=lambda: False)
    assert "".join(said) == "aabbab"
    said.clear()
    take_turns(
        worker("a", [1] * 9), worker("b", [2]), ahead=0, is_done=lambda: said.count("a") == 4
    )
    assert "".join(said) == "abaaa"


@pytest.mark.parametrize("alone", [0.0, 1e9])
def test_here_or_in_a_child(alone, monkeypatch):
    monkeypatch.setattr(portfolio, "_ALONE_S", alone)
    found = search(Problem(RACE), time_limit=60)
    assert found.ended == "complete"
    assert found.graph == solve(Problem(RACE), time_limit=None).graph


def test_a_child_that_is_killed_in_time_has_no_last_word(monkeypatch):
    """A better answer that came before is kept, and said to depend on time."""
    problem = Problem((123456789, 98765))
    good = solve(problem)
    monkeypatch.setattr(
        portfolio,
        "run_searches",
        lambda calls, *, time_limit, report: report(0, good) or Outcome([None], late=True),
    )
    found = search(problem, time_limit=5)
    assert found.graph == good.graph and found.ended == "time limit"


@pytest.mark.skipif(native_closure.load("closure") is None, reason="no compiler")
@pytest.mark.parametrize("targets", [(53, 11, 457), (479, 469, 105), (231, 45, 107, 89)])
def test_compiled_and_plain_enumeration_do_the_same_work(targets):
    for extra, pause, below in ((2, 7, None), (3, 50, 70)):
        runs = []
        for kind in (Closure, native_closure.NativeClosure):
            closure = kind(targets)
            pauses = []
            for answer in closure.walk(
                extra, idle=True, costs=Costs(8), below=lambda limit=below: limit, pause=pause
            ):
                if answer is None:
                    pauses.append(closure.work)
            runs.append((closure.work, pauses))
        assert runs[0] == runs[1]
        assert len(runs[0][1]) > extra - 2


def test_the_design_says_that_time_ended_its_search(cache, monkeypatch, tmp_path):
    spec = find("mcm")(constants=(611, 4999, 2054, 892, 2201, 240007), search_time=1)
    found = solve(spec.problem, time_limit=0.2)
    assert found.ended == "time limit"
    monkeypatch.setattr(solution_cache, "search", lambda problem, **options: found)
    found = solution_cache.replace(found, problem=solution_cache.canonical(spec.problem))
    found = solution_cache.replace(
        found, graph=solution_cache._for(found.problem, found).graph, seconds=1.0
    )
    remark = "the time limit ended the search for adders: another run may give another design"
    generated = emit.generate(spec, Timing(), tmp_path / "out", vectors=4)
    assert generated.manifest["remarks"] == [remark]
    assert f"// {remark}\n" in generated.files[0].read_text()
    # What is kept on disk says so, too.
    path = next(solution_cache.entries())
    assert json.loads(path.read_text())["ended"] == "time limit"
    assert solution_cache.solve_cached(spec.problem, time_limit=1).ended == "time limit"


def test_a_complete_answer_is_not_replaced_by_one_that_time_ended(cache, monkeypatch):
    """A kept answer with as few adders does not stand in for the one that any run would give."""
    problem = solution_cache.canonical(Problem(RACE))
    complete = solve(problem, time_limit=None)
    other = solution_cache.replace(solve(problem), engine="heuristic", ended="time limit")
    answers = iter([other, complete])
    monkeypatch.setattr(solution_cache, "search", lambda *a, **o: next(answers))
    assert solution_cache.solve_cached(problem, time_limit=1).ended == "time limit"
    assert solution_cache.solve_cached(problem, time_limit=1).ended == "time limit"
    last = solution_cache.solve_cached(problem, time_limit=20)
    assert (last.ended, last.engine) == ("complete", complete.engine)
