"""Folders to work in: nothing of a killed process stays for long, and odd paths get plain names."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holigrail_hw.core import work_folder
from holigrail_hw.core.errors import ToolError
from holigrail_hw.core.work_folder import is_abandoned, odd_character, plain, scratch, unfinished

AT_WORK = """
import sys, time
from pathlib import Path
from holigrail_hw.core.work_folder import process_folder, unfinished
with unfinished(Path(sys.argv[1])) as work:
    (work / "half").write_text("written")
    print(work, process_folder(), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A temporary folder of its own, and no folder of this process yet; gives what sets another."""

    def use(folder):
        monkeypatch.setattr(work_folder.tempfile, "tempdir", str(folder))
        work_folder.process_folder.cache_clear()
        work_folder._link_to.cache_clear()

    use(tmp_path)
    yield use
    work_folder.process_folder.cache_clear()
    work_folder._link_to.cache_clear()


def at_work(place, program=AT_WORK, **more):
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(place)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more},
        stdout=subprocess.PIPE,
        text=True,
    )
    return child, [Path(word) for word in child.stdout.readline().split()]


def end(child):
    child.kill()
    child.communicate()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, fresh):
    place = tmp_path / "out"
    place.mkdir()
    child, folders = at_work(place, TMPDIR=str(tmp_path))
    try:
        # As long as it lives, nobody takes its folders away.
        with unfinished(place) as work, scratch():
            assert work.is_dir() and all(folder.is_dir() for folder in folders)
            assert not any(map(is_abandoned, [work, *folders]))
    finally:
        end(child)
    assert (folders[0] / "half").exists() and all(map(is_abandoned, folders))
    fresh(tmp_path)
    with unfinished(place) as work, scratch():
        assert [*place.iterdir()] == [work]
        assert not any(folder.exists() for folder in folders)
    assert [*place.iterdir()] == []


def test_a_link_is_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    place = tmp_path / "out"
    place.mkdir()
    (place / ".unfinished-link").symlink_to(precious)
    with unfinished(place):
        pass
    assert precious.is_dir()


COMPILING = """
import sys
from holigrail_hw.mcm.native.library import load
load("closure")
"""


def test_a_compiler_does_not_outlive_its_caller(tmp_path):
    compiler = tmp_path / "compiler"
    compiler.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exec echo 1.0\necho $$ > "$MARK.new"\n'
        'mv "$MARK.new" "$MARK"\nsleep 600 & wait\n'
    )
    compiler.chmod(0o755)
    mark = tmp_path / "mark"
    environment = {"CXX": str(compiler), "MARK": str(mark), "HOLIGRAIL_CACHE": str(tmp_path / "c")}
    child = subprocess.Popen(
        [sys.executable, "-c", COMPILING],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )
    try:
        assert until(mark.exists)
    finally:
        end(child)
    number = int(mark.read_text())
    assert until(lambda: not alive(number))


def until(condition):
    """Whether something becomes true, however slow the machine; the limit is for a broken test."""
    limit = time.monotonic() + 120
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    return condition()


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("character", [*" '\"($;&#,=\\", "\u00e9"])
def test_an_odd_path_has_a_plain_name(tmp_path, fresh, character):
    odd = tmp_path / f"a{character}b"
    odd.mkdir()
    (odd / "file.v").write_text("text")
    assert odd_character(odd) == character and plain(tmp_path) == tmp_path
    for path in (odd, odd / "file.v"):
        link = plain(path)
        assert odd_character(link) is None and link.resolve() == path.resolve()
        assert plain(path) == link
    assert plain(odd / "file.v").suffix == ".v"
    # A temporary folder with such a name is not used either.
    fresh(odd)
    with scratch() as work:
        assert odd_character(work) is None


def test_no_plain_temporary_folder(tmp_path, fresh, monkeypatch):
    odd = tmp_path / "a b"
    odd.mkdir()
    fresh(odd)
    monkeypatch.setattr(work_folder, "_OTHERS", ())
    with pytest.raises(ToolError) as caught, scratch():
        pass
    assert str(caught.value) == (
        f"tools: a temporary folder must have no ' ' in its path, not be {odd}"
    )
    assert caught.value.hint == "set TMPDIR to a folder with letters and digits only"


def test_another_users_folder_is_not_used(tmp_path, fresh, monkeypatch):
    target = tmp_path / "elsewhere"
    target.mkdir()
    (tmp_path / f"holigrail-{os.getuid()}").symlink_to(target)
    with scratch() as work:
        assert work.is_relative_to(tmp_path) and [*target.iterdir()] == []
