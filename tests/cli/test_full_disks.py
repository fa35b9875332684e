"""Disks that are full, folders that cannot be written, caches that are cleared meanwhile."""

import builtins
import errno
import io
import os
from pathlib import Path

import pytest

from holigrail_hw.core.store import compiled_files, kept_files
from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.work_folder import unfinished
from holigrail_hw.flow.emit import emit
from holigrail_hw.mcm import mcm as constant_multiplication


def failing(number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_generate_on_a_full_disk(holigrail, monkeypatch, tmp_path, number):
    real = Path.write_text

    def write(path, text, **options):
        if path.suffix in (".v", ".json"):
            failing(number)()
        return real(path, text, **options)

    monkeypatch.setattr(Path, "write_text", write)
    answer = holigrail("generate", "add", "-o", "made")
    assert answer.status == 3 and answer.out == ""
    assert answer.err.startswith("error: generate: the output folder must take the files, not fail")
    assert str(tmp_path / "made") in answer.err and os.strerror(number) in answer.err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_writing_fails_anywhere_else(holigrail, monkeypatch, number):
    monkeypatch.setattr(emit, "generate", failing(number))
    answer = holigrail("generate", "add", "-o", "made")
    assert answer.status == 3
    assert "must" in answer.err and os.strerror(number) in answer.err and "made" in answer.err
    assert "is lost" in answer.err and "our bug" not in answer.err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_finished_search_is_shown_though_it_cannot_be_kept(
    holigrail, monkeypatch, tmp_path, number
):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constant_multiplication, "_solutions", {})
    monkeypatch.setattr(kept_files.json, "dump", failing(number))
    answer = holigrail("info", "mcm", "--constants", "5")
    assert answer.status == 0 and "lower bound" in answer.out
    folder = tmp_path / "cache" / "mcm"
    assert f"warning: mcm: the result is not kept for later: {folder}" in answer.err
    assert os.strerror(number) in answer.err
    assert [*folder.iterdir()] == []


def refuse(monkeypatch, folder, number, late):
    """Nothing can be written below a folder; ``late``: folders and unnamed files can."""

    def below(path):
        if isinstance(path, int) or late and Path(path).is_dir():
            return False
        return Path(path).absolute().is_relative_to(folder)

    def guarded(real, writes):
        def call(path, *arguments, **options):
            if below(path) and writes(*arguments):
                raise OSError(number, os.strerror(number), os.fspath(path))
            return real(path, *arguments, **options)

        return call

    opened = guarded(io.open, lambda mode="r", *_: bool(set(mode) & set("wax+")))
    monkeypatch.setattr(io, "open", opened)
    monkeypatch.setattr(builtins, "open", opened)
    if not late:
        creates = os.O_CREAT | os.O_WRONLY | os.O_RDWR
        monkeypatch.setattr(os, "open", guarded(os.open, lambda flags, *_: bool(flags & creates)))
        monkeypatch.setattr(os, "mkdir", guarded(os.mkdir, lambda *_: True))


ADD = ("add", "--a", "uint1", "--b", "uint1")
WRITING = [
    ("generate", *ADD, "-o", "out"),
    ("simulate", *ADD, "--value", "a=1", "--vcd", "out/wave.vcd"),
    ("synth", *ADD, "--device", "ecp5", "-o", "out"),
    ("build", *ADD, "--board", "ulx3s", "-o", "out"),
    ("explore", *ADD, "--plot", "-o", "out"),
    ("report", *ADD, "-o", "out"),
]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("words", WRITING, ids=lambda words: words[0])
def test_an_output_folder_that_takes_nothing(holigrail, monkeypatch, tmp_path, words, number, late):
    """A full disk is no wrong request."""
    (tmp_path / "out").mkdir()
    refuse(monkeypatch, tmp_path / "out", number, late)
    answer = holigrail(*words)
    assert answer.status in ((3,) if number == errno.ENOSPC else (2, 3)) and answer.out == ""
    assert f"error: {words[0]}: " in answer.err and "out" in answer.err
    assert os.strerror(number) in answer.err and "our bug" not in answer.err
    assert [*(tmp_path / "out").iterdir()] == []


CACHING = [
    ("simulate", *ADD, "--value", "a=1"),
    ("verify", *ADD),
    ("verify", *ADD, "--level", "gates"),
    ("prove", "add", "--a", "int16", "--b", "int16"),
    ("mutate", *ADD),
]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("words", CACHING, ids=lambda words: "-".join(words[:1] + words[5:7]))
def test_a_cache_that_takes_nothing(holigrail, monkeypatch, tmp_path, words, number, late):
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    refuse(monkeypatch, tmp_path / "cache", number, late)
    answer = holigrail(*words)
    assert answer.status == 3 and answer.out == ""
    assert str(tmp_path / "cache") in answer.err and os.strerror(number) in answer.err
    assert "HOLIGRAIL_CACHE" in answer.err and "our bug" not in answer.err
    monkeypatch.undo()
    left = [path for path in (tmp_path / "cache").rglob("*") if path.name != "logs"]
    assert left == []


def test_clearing_what_cannot_be_removed(holigrail, monkeypatch, tmp_path):
    kept = tmp_path / "cache" / "some.so"
    kept.parent.mkdir()
    kept.write_bytes(b"")
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(kept.parent))
    monkeypatch.setattr(Path, "unlink", failing(errno.EACCES))
    for action in ("clear", "verify"):
        answer = holigrail("cache", action)
        assert answer.status in (2, 3) and "cache folder must be readable and wri" in answer.err


@pytest.mark.parametrize("times", [1, 4, 5])
def test_a_file_that_vanishes_before_it_is_used(monkeypatch, tmp_path, times):
    """It is made again, but not for ever."""
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))
    made, used = [], []

    def make(work):
        made.append(work)
        (work / "file").write_bytes(b"made")
        return work / "file"

    def use(path):
        used.append(path)
        if len(used) <= times:
            cache_kinds.clear(cache_kinds.COMPILED)
        return kept_files.content(path)

    if times == 5:
        with pytest.raises(FileNotFoundError):
            compiled_files.use("some.so", make, use)
    else:
        assert compiled_files.use("some.so", make, use) == b"made"
    assert len(made) == len(used) == min(times + 1, 5)


def test_what_is_there_and_fails_is_not_made_again(monkeypatch, tmp_path):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))
    used = []

    def make(work):
        (work / "file").write_bytes(b"made")
        return work / "file"

    def use(path):
        used.append(path)
        failing(errno.EIO)()

    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        compiled_files.use("some.so", make, use)
    assert len(used) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("verify", *ADD, "--level", "gates"),
        ("verify", *ADD, "--level", "compiled"),
        ("mutate", *ADD),
        ("simulate", *ADD, "--value", "a=1"),
    ],
    ids=lambda words: "-".join(words[:1] + words[5:7]),
)
def test_a_cache_that_is_cleared_between_check_and_use(holigrail, monkeypatch, tmp_path, words):
    """The first time that a verb finds its file whole, another process removes it."""
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    real, removed = kept_files.fetch, []

    def fetch(target, make):
        path = real(target, make)
        if path not in removed and not path.name.endswith(".o"):
            removed.append(path)
            cache_kinds.clear(cache_kinds.COMPILED)
            assert not path.exists()
        return path

    monkeypatch.setattr(kept_files, "fetch", fetch)
    answer = holigrail(*words)
    assert answer.status == 0 and removed, answer.err


def test_clearing_spares_what_is_being_made(monkeypatch, tmp_path):
    """However long a compilation takes: its folder is locked as long as its process lives."""
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))

    def make(work):
        os.utime(work, (0, 0))
        (work / "file").write_bytes(b"made")
        os.utime(work, (0, 0))
        cache_kinds.clear(cache_kinds.COMPILED)
        return work / "file"

    path = kept_files.fetch(tmp_path / "some.so", make)
    assert kept_files.is_whole(path)
    with unfinished(tmp_path) as work:
        assert cache_kinds.clear(cache_kinds.COMPILED) == 1 and work.is_dir()
    (tmp_path / ".unfinished-dead").mkdir()
    assert cache_kinds.clear(cache_kinds.COMPILED) == 1 and [*tmp_path.iterdir()] == []
