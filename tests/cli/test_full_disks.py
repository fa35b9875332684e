"""Disks that are full, folders that cannot be written, caches that are cleared meanwhile."""

import errno
import os
from pathlib import Path

import pytest

from holigrail_hw.core.store import kept_files
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
    assert [*(tmp_path / "made").iterdir()] == []


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
