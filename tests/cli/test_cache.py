"""``holigrail cache``: what is kept is listed, verified and cleared."""

import contextlib
import json
import sqlite3

import pytest

from holigrail_hw.core import operators
from holigrail_hw.core.store import kept_files
from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.work_folder import unfinished
from holigrail_hw.flow.synth.kept_placements import kept_placements
from holigrail_hw.mcm.single.kept_solutions import entry_path, solve_cached
from holigrail_hw.mcm.single.problem import Problem

PROBLEMS = (
    Problem((7, 19, 31)),
    Problem((5, 105), "one-bit-adders", 6, signed=False, depth=3),
    Problem((7, 19), "one-bit-adders", error=16),
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    home = tmp_path / "kept"
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(home))
    for problem in PROBLEMS:
        # Proofs must end, however busy the machine is.
        solve_cached(problem, time_limit=3600)
    (home / "objects").mkdir()
    for path, size in ((home / "library.so", 1000), (home / "objects" / "a.o", 500)):
        path.write_bytes(bytes(size))
        kept_files.seal(path)
    return home


def test_list(holigrail, folder):
    answer = holigrail("cache")
    assert answer.status == 0
    assert "solutions  3 adders " in answer.out
    assert "one-bit-adders uint6 depth 3 5,105" in answer.out
    assert "entries   3 good, 0 damaged\n" in answer.out
    shown = holigrail("cache", "list", "--json").json
    assert [row["kind"] for row in shown["entries"]] == ["solutions"] * 3
    assert all(row["proved"] and row["bytes"] > 100 for row in shown["entries"])
    assert shown["compiled"]["files"] >= 2 and shown["compiled"]["bytes"] >= 1500


def test_verify_drops_what_is_damaged(holigrail, folder):
    path = entry_path(PROBLEMS[0])
    data = json.loads(path.read_text())
    data["graph"]["adders"][0]["left"]["shift"] += 1
    path.write_text(json.dumps(data))
    listed = holigrail("cache")
    assert listed.status == 1
    assert f"damaged: {path.name}: " in listed.out
    assert "`holigrail cache verify` removes it" in listed.out
    assert path.exists()
    answer = holigrail("cache", "verify")
    assert answer.status == 1 and "; removed\n" in answer.out
    assert not path.exists()
    again = holigrail("cache", "verify")
    assert again.status == 0 and "2 good, 0 damaged" in again.out


def test_a_file_that_vanishes_is_no_damage(holigrail, folder, monkeypatch):
    operators()  # which register what they keep
    found = {name: [*cache_kinds.entries(kind)] for name, kind in cache_kinds.kinds().items()}
    found["solutions"][0].unlink()
    monkeypatch.setattr(cache_kinds, "entries", lambda kind: found[kind.name])
    answer = holigrail("cache", "verify")
    assert answer.status == 0 and "2 good, 0 damaged" in answer.out


def test_clear_one_kind(holigrail, folder):
    answer = holigrail("cache", "clear", "--kind", "solutions")
    assert answer.status == 0 and "solutions  3 removed" in answer.out
    assert (folder / "library.so").exists()
    assert holigrail("cache", "--json").json["entries"] == []


def test_clear_leaves_what_is_being_written(holigrail, folder):
    """A folder in which somebody works is locked; one that was left behind is not."""
    with unfinished(folder) as work:
        (folder / ".unfinished-old").mkdir()
        shown = holigrail("cache", "clear", "--json").json
        assert shown["removed"]["solutions"] == 3 and shown["removed"]["compiled"] >= 3
        assert {path.name for path in folder.iterdir()} == {"mcm", work.name}


def test_matrices_are_kept_too(holigrail, folder):
    assert holigrail("info", "cmvm", "--matrix", "3,5;7,9", "--search-time", "1").status == 0
    shown = holigrail("cache", "verify", "--kind", "matrices", "--json").json
    (row,) = shown["entries"]
    assert row["problem"] == "2 x 2: 3,5;7,9" and not row["proved"]
    assert holigrail("cache", "clear", "--kind", "matrices", "--json").json["removed"] == {
        "matrices": 1
    }


def test_placements_of_measurements_are_kept_too(holigrail, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))
    with kept_placements() as records:
        records.put({"a": [34.3, 250, 0], "b": [59.2, 282, 16]})
    assert "placed designs of measurements: 2" in holigrail("cache").out
    (file,) = tmp_path.rglob("*.sqlite")
    with contextlib.closing(sqlite3.connect(file)) as base, base:
        base.execute("UPDATE records SET body = '[99,1,1]' WHERE key = 'a'")
    answer = holigrail("cache", "verify", "--kind", "placements")
    assert answer.status == 1 and "1 of its 2 records are not as written; removed" in answer.out
    with kept_placements() as records:
        assert records.get(["a", "b"]) == {"b": [59.2, 282, 16]}
    assert holigrail("cache", "clear", "--kind", "placements").status == 0
    assert [*file.parent.iterdir()] == []


def test_nothing_is_kept_yet(holigrail, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "none"))
    for action in ("list", "verify", "clear"):
        assert holigrail("cache", action).status == 0


def test_wrong_requests(holigrail):
    answer = holigrail("cache", "--kind", "graphs")
    assert answer.status == 2
    assert answer.err == (
        "error: cache: kind must be one of matrices, placements, points, solutions, compiled,"
        " not 'graphs'\n"
        "  hint: without --kind, all of them\n"
    )
    answer = holigrail("cache", "empty")
    assert answer.status == 2
    assert "must be one of list, verify, clear, not 'empty'" in answer.err


def test_verify_drops_damaged_compiled_files(holigrail, monkeypatch, tmp_path):
    home = tmp_path / "cache"
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(home))
    (home / "shared").mkdir(parents=True)
    (home / "logs").mkdir()
    (home / "logs" / "some.log").write_text("not sealed, and not compiled")
    for path in (home / "good.so", home / "cut.so", home / "shared" / "cut.o"):
        path.write_bytes(b"code" * 100)
        kept_files.seal(path)
        if path.name != "good.so":
            path.write_bytes(path.read_bytes()[:200])
    answer = holigrail("cache", "verify", "--json")
    assert answer.status == 1
    assert [row["file"] for row in answer.json["damaged"]] == ["cut.so", "cut.o"]
    assert sorted(p.name for p in home.rglob("*") if p.is_file()) == ["good.so", "some.log"]
    assert holigrail("cache", "verify").status == 0
