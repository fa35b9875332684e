"""Records that several processes share: damaged ones are dropped and said, claims end with life."""

import sqlite3
import subprocess
import sys

import pytest

from holigrail_hw.core.store import kinds
from holigrail_hw.core.store.records import Records, drop_damaged, state_of


@pytest.fixture
def path(tmp_path):
    assert kinds.losses() == []
    return tmp_path / "folder" / "records.sqlite"


def damage(path, statement="UPDATE records SET body = '[9]' WHERE key = 'b'"):
    base = sqlite3.connect(path)
    with base:
        base.execute(statement)
    base.close()


def test_what_is_put_is_found_again(path):
    many = {f"key {number}": {"figures": [number, None, 0.1]} for number in range(1201)}
    with Records(path) as records:
        assert records.get(["a"]) == {}
        records.put(many)
    with Records(path) as records:
        assert records.get(["none", *many]) == many
        records.put({"key 5": "other"})
        assert records.get(["key 5"]) == {"key 5": "other"}
    assert state_of(path) == (1201, 0) and kinds.losses() == []
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("column", ["body = '[9]'", "body = NULL", "digest = ''", "key = 'b '"])
def test_a_damaged_record_is_dropped_and_said(path, column):
    with Records(path) as records:
        records.put({"a": [1], "b": [2]})
    damage(path, f"UPDATE records SET {column} WHERE key = 'b'")
    assert state_of(path) == (1, 1)
    with Records(path) as records:
        assert records.get(["a", "b", "b "]) == {"a": [1]}
    assert kinds.losses() == [f"1 record dropped, not as written: {path}"]
    assert state_of(path) == (1, 0)


def test_damaged_records_alone_are_removed(path):
    with Records(path) as records:
        records.put({"a": [1], "b": [2]})
    damage(path)
    drop_damaged(path)
    assert state_of(path) == (1, 0)
    path.write_bytes(b"no database" * 100)
    with pytest.raises(ValueError, match="it is no database"):
        state_of(path)
    drop_damaged(path)
    assert not path.exists()


def test_a_file_that_is_no_database_is_dropped_and_said(path):
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with Records(path) as records:
        records.put({"a": [1]})
        assert records.get(["a"]) == {"a": [1]}
    (said,) = kinds.losses()
    assert said == f"{path} is dropped, for it is damaged (file is not a database)"


def test_a_file_that_is_cut_short_begins_anew(path):
    with Records(path) as records:
        records.put({str(number): "x" * 1000 for number in range(100)})
    path.write_bytes(path.read_bytes()[:20000])
    with Records(path) as records:
        found = records.get(map(str, range(100)))
        assert len(found) < 100
        records.put({"a": [1]})
        assert records.get(["a"]) == {"a": [1]}
    assert any("is dropped, for it is damaged" in line for line in kinds.losses())


def test_other_columns_are_a_damage(path):
    path.parent.mkdir()
    damage(path, "CREATE TABLE records (what INT)")
    with Records(path) as records:
        assert records.get(["a"]) == {} and records.claim(["a"]) == {"a"}
        records.put({"a": [1]})
    assert kinds.losses() == [f"{path} is dropped, for it is damaged (no such column: key)"]
    assert state_of(path) == (1, 0)


def test_without_a_folder_nothing_is_kept_and_it_is_said(path):
    path.parent.write_text("a file")
    with Records(path) as records:
        records.put({"a": [1]})
        assert records.get(["a"]) == {} and records.claim(["a"]) == {"a"}
        records.release(["a"])
    (said,) = kinds.losses()
    assert said.startswith("the result is not kept for later: ") and str(path) in said


def test_a_claim_excludes_others_until_it_is_given_up(path):
    with Records(path) as first, Records(path) as second:
        assert first.claim("abc") == {*"abc"}
        assert first.claim("abc") == {*"abc"}
        assert second.claim("bcd") == {"d"}
        first.put({"a": 1})
        first.release(["b"])
        assert second.claim("abc") == {"b"}
        assert second.get("abc") == {"a": 1}
    with Records(path) as third:
        assert third.claim("abcd") == {*"bcd"}


def test_a_claim_ends_with_its_process(path):
    program = (
        "import sys, os; from pathlib import Path\n"
        "from holigrail_hw.core.store.records import Records\n"
        "records = Records(Path(sys.argv[1])).__enter__()\n"
        "print(records.claim(['a']), flush=True); sys.stdin.read(1); os._exit(9)\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    with (
        subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as child,
        Records(path) as records,
    ):
        assert child.stdout is not None and child.stdout.readline() == "{'a'}\n"
        assert records.claim(["a", "b"]) == {"b"}
        child.communicate("x")
        assert records.claim(["a", "b"]) == {"a", "b"}
