"""Solutions on disk: shared between equal problems, checked when read, safe against damage."""

import json
import multiprocessing

import pytest

from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.store.kept_files import write_document
from holigrail_hw.mcm.single import kept_solutions as solution_cache
from holigrail_hw.mcm.single.kept_solutions import (
    canonical,
    entries,
    entry_path,
    read,
    solve_cached,
)
from holigrail_hw.mcm.single.problem import Problem


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def calls(monkeypatch):
    found = []

    def counted(problem, **options):
        found.append(problem)
        return searched(problem, **options)

    searched = solution_cache.search
    monkeypatch.setattr(solution_cache, "search", counted)
    return found


def test_equal_problems_share_an_entry(calls):
    first = solve_cached(Problem((7, 19, 31)))
    second = solve_cached(Problem((-62, 7, 19, 0, 1, 7)))
    assert len(calls) == 1 and len(list(entries())) == 1
    assert second.graph.constants == (-62, 7, 19, 0, 1, 7)
    assert second.graph.adders == first.graph.adders
    assert second.proved


def test_powers_of_two_count_under_an_error_bound():
    with_bound = [Problem(c, "one-bit-adders", error=16) for c in ((7, 19), (14, 19), (-7, 19, 7))]
    assert entry_path(with_bound[0]) != entry_path(with_bound[1])
    assert entry_path(with_bound[0]) == entry_path(with_bound[2])
    for problem in with_bound:
        assert solve_cached(problem).worst_error <= 16


def test_trivial_constants():
    assert canonical(Problem((0, -4))).constants == (1,)
    assert solve_cached(Problem((0, -4))).graph.constants == (0, -4)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_bytes(b"\xff\x00"),
        lambda path: path.write_text("[]"),
        lambda path: change(path, lambda d: d.update(version=0)),
        lambda path: change(path, lambda d: d["graph"]["adders"][0].update(fundamental=9)),
        lambda path: change(path, lambda d: d["problem"].update(constants=[3])),
        lambda path: change(path, lambda d: d["problem"].update(metric="x")),
        lambda path: change(path, lambda d: d.update(bound=1)),
        lambda path: change(path, lambda d: d.pop("seconds")),
    ],
)
def test_a_damaged_entry_is_noticed_and_solved_again(damage, calls):
    problem = Problem((7, 19, 31))
    path = entry_path(problem)
    solve_cached(problem)
    good = json.loads(path.read_text())
    damage(path)
    said = []
    assert solve_cached(problem, progress=said.append).adders == 3
    assert len(calls) == 2
    assert any("dropped, solving again" in text for text in said)
    assert json.loads(path.read_text())["graph"] == good["graph"]


def change(path, how):
    data = json.loads(path.read_text())
    how(data)
    # With the right digest, so that the checks behind it are met.
    del data["sha256"]
    write_document(path, data)


def test_an_unproved_answer_serves_no_longer_time_limit(calls):
    problem = Problem((123456789012, 987654321))
    first = solve_cached(problem, time_limit=1)
    assert not first.proved
    solve_cached(problem, time_limit=1)
    assert len(calls) == 1
    second = solve_cached(problem, time_limit=2)
    assert len(calls) == 2 and second.adders <= first.adders


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "file"))
    assert solve_cached(Problem((7, 19, 31))).adders == 3
    (said,) = cache_kinds.losses()
    assert said.startswith("the result is not kept for later: ") and "Not a directory" in said
    assert cache_kinds.losses() == []


def solve_many(_):
    return [solve_cached(Problem((7, 19, n))).adders for n in range(33, 61, 2)]


@pytest.mark.heavy
def test_two_processes_at_once():
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        first, second = pool.map(solve_many, range(2))
    assert first == second
    assert [read(path)[0].proved for path in entries()] == [True] * 14
    assert cache_kinds.clear("solutions") == 14 and not list(entries())
    assert not list(solution_cache.folder().iterdir())
