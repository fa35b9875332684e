"""Designs of matrices on disk: found again, checked when read, safe against damage."""

import json
import multiprocessing
from dataclasses import replace

import pytest

from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.store.kept_files import write_document
from holigrail_hw.mcm.matrix import kept_designs as matrix_cache
from holigrail_hw.mcm.matrix.design import MatrixRequest
from holigrail_hw.mcm.matrix.kept_designs import (
    design_cached,
    design_kept,
    entries,
    entry_path,
    read,
)
from holigrail_hw.mcm.problem.errors import GraphError

REQUEST = MatrixRequest(((7, -3), (19, 5)), ((-128, 127),) * 2, (40, -3), (9, 9), iterations=5)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def calls(monkeypatch):
    found = []
    real = matrix_cache.design_matrix

    def counted(request, **options):
        found.append(request)
        return replace(real(request, **options), complete=len(found) != 1 or request != REQUEST)

    monkeypatch.setattr(matrix_cache, "design_matrix", counted)
    return found


def test_a_complete_design_serves_every_limit(calls):
    request = replace(REQUEST, seed=3)
    first = design_cached(request, time_limit=5)
    assert design_cached(request, time_limit=50) == first
    assert len(calls) == 1 and list(entries()) == [entry_path(request)]


def test_a_stopped_design_serves_no_longer_limit(calls):
    first = design_cached(REQUEST, time_limit=5)
    assert not first.complete
    assert design_cached(REQUEST, time_limit=5) == first and len(calls) == 1
    assert design_cached(REQUEST, time_limit=6).complete and len(calls) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"bounds": (9, 8)},
        {"constants": (40, -4)},
        {"ranges": ((-128, 127), (0, 1))},
        {"depth": 4},
        {"iterations": 6},
    ],
)
def test_other_requests_have_other_entries(change):
    assert entry_path(replace(REQUEST, **change)) != entry_path(REQUEST)


def test_wrong_requests():
    with pytest.raises(GraphError, match="bounds must be 2, one per row, not 0"):
        design_cached(replace(REQUEST, bounds=()))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_bytes(b"\xff\x00"),
        lambda path: path.write_text("[]"),
        lambda path: change(path, lambda d: d.update(version=0)),
        lambda path: change(path, lambda d: d["request"].update(constants=[40, -300])),
        lambda path: change(path, lambda d: d["circuit"].update(addends=[77, 77])),
        lambda path: change(path, lambda d: d["circuit"]["graph"]["adders"].pop()),
        lambda path: change(path, lambda d: d.pop("seconds")),
    ],
)
def test_a_damaged_entry_is_noticed_and_designed_again(damage):
    good = design_cached(REQUEST)
    path = entry_path(REQUEST)
    damage(path)
    said = []
    assert design_cached(REQUEST, progress=said.append).circuit == good.circuit
    assert any("dropped, designing again" in text for text in said)
    assert read(path)[0].circuit == good.circuit


def test_the_entry_of_another_request_is_dropped():
    other = replace(REQUEST, seed=1)
    design_cached(other)
    entry_path(other).rename(entry_path(REQUEST))
    said = []
    assert design_cached(REQUEST, progress=said.append).request == REQUEST
    assert any("is of another request" in text for text in said)


def change(path, how):
    data = json.loads(path.read_text())
    how(data)
    # With the right digest, so that the checks behind it are met.
    del data["sha256"]
    write_document(path, data)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "file"))
    assert design_cached(REQUEST).request == REQUEST
    (said,) = cache_kinds.losses()
    assert said.startswith("the result is not kept for later: ") and "Not a directory" in said
    assert cache_kinds.losses() == []


def design_many(_):
    return [design_cached(replace(REQUEST, seed=n)).untruncated for n in range(4)]


@pytest.mark.heavy
def test_two_processes_at_once():
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        first, second = pool.map(design_many, range(2))
    assert first == second
    assert len([read(path) for path in entries()]) == 4
    assert matrix_cache.clear() == 4 and not list(matrix_cache.folder().iterdir())


def test_what_ctrl_c_stopped_serves_no_later_request(monkeypatch):
    def interrupt(text):
        raise KeyboardInterrupt

    long = replace(REQUEST, seed=5, iterations=1 << 30, bounds=(0, 0))
    told = iter([interrupt])
    first = design_kept(long, time_limit=100, progress=lambda text: next(told, print)(text))
    assert first.stopped and design_kept(long, time_limit=100) is first
    _, limit = read(entry_path(long))
    assert limit == first.seconds < 100
    # In another process, this request is worked on again.
    monkeypatch.setattr(matrix_cache, "_kept", {})
    again = design_kept(long, time_limit=100, stop=lambda: True)
    assert again is not first and not again.stopped and not again.complete
    assert design_cached(long, time_limit=again.seconds / 2).seconds == again.seconds
