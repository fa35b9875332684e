"""Surroundings that fail: standard output, the cache folder, HOME, tools that cannot run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holigrail_hw.core.errors import DesignError, RequestError, ToolError
from holigrail_hw.core.run.process import run
from holigrail_hw.core.store import folder as places
from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.store.folder import cache_folder, home_folder
from holigrail_hw.flow import tools
from holigrail_hw.flow.synth import measure

COMMANDS = [
    "--help",
    "--version",
    "info --help",
    "info mac --help",
    "list formats",
    "list formats --json",
    "info mac --rounding best --json",
]


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [(">&-", "it is closed"), (">/dev/full", "No space left on device")],
)
def test_output_that_cannot_be_written_is_one_message(redirection, reason):
    program = "from holigrail_hw.cli.main import main; import sys; sys.exit(main())"
    lines = [
        f"{sys.executable} -c '{program}' {words} {redirection}; echo $? >&2" for words in COMMANDS
    ]
    answer = subprocess.run(
        ["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    message = f"error: standard output must take the result, not fail ({reason})"
    found = [line for line in answer.stderr.splitlines() if "rounding must be" not in line]
    found = [line for line in found if not line.startswith("  hint")]
    assert found == [message, "1"] * len(COMMANDS)
    assert answer.stdout == ""


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_errors_that_cannot_be_written_still_have_their_status(redirection):
    words = f"{sys.executable} -m holigrail_hw info mac --rounding best {redirection}"
    answer = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False)
    assert answer.stdout == "" and answer.returncode in (1, 2)


def test_the_cache_folder_is_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOLIGRAIL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / "relative" / "holigrail_hw"
    assert tools.environment()["XDG_CACHE_HOME"] == str(tmp_path / "relative")
    monkeypatch.setenv("HOLIGRAIL_CACHE", "own")
    assert cache_folder() == tmp_path / "own"


@pytest.mark.parametrize("given", ["", None])
def test_an_empty_home_is_the_one_of_the_system(monkeypatch, tmp_path, given):
    for name in ("HOLIGRAIL_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    if given is not None:
        monkeypatch.setenv("HOME", given)
    entry = places.pwd.struct_passwd(("me", "x", 1, 1, "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(places.pwd, "getpwuid", lambda number: entry)
    assert cache_folder() == tmp_path / ".cache" / "holigrail_hw"
    assert tools.environment()["HOME"] == str(tmp_path)

    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr(places.pwd, "getpwuid", unknown)
    assert home_folder().is_absolute() and home_folder().name == f"holigrail-home-{os.getuid()}"


def test_tools_get_a_cache_that_can_be_written(monkeypatch, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocker / "below"))
    given = Path(tools.environment()["XDG_CACHE_HOME"])
    assert given.is_relative_to(tools.process_folder())


def test_a_cache_that_is_a_file(holigrail, monkeypatch, tmp_path):
    (tmp_path / "kept").write_text("")
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "kept"))
    for action in ("list", "verify", "clear"):
        answer = holigrail("cache", action)
        assert answer.status == 2
        assert answer.err == (
            "error: cache: the cache folder must be a folder, not the file kept\n"
            "  hint: set HOLIGRAIL_CACHE to another folder\n"
        )


def test_somebody_elses_cache(holigrail, monkeypatch, tmp_path):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))

    def forbidden(*_):
        raise PermissionError(13, "Permission denied", "kept")

    for action, name in (("list", "compiled"), ("verify", "compiled"), ("clear", "clear")):
        with monkeypatch.context() as patch:
            patch.setattr(cache_kinds, name, forbidden)
            answer = holigrail("cache", action)
        assert answer.status == 2
        assert answer.err == (
            "error: cache: the cache folder must be readable and writable, not kept"
            " (Permission denied)\n  hint: set HOLIGRAIL_CACHE to a folder of your own\n"
        )


def test_a_log_below_the_cache_has_its_own_hint(monkeypatch, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(blocker / "cache"))
    for log, kind, hint in (
        (blocker / "cache" / "logs" / "log", ToolError, "set HOLIGRAIL_CACHE to another folder"),
        (blocker / "out" / "log", RequestError, "choose another output folder"),
    ):
        with pytest.raises(kind, match="must be writable") as caught:
            run(["true"], who="tool", log=log)
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("echo 'ERROR: no such module'; exit 1", DesignError),
        ("echo \"ModuleNotFoundError: No module named 'pyosys'\"; exit 1", ToolError),
        ("echo 'ImportError: libfoo.so.1: cannot open shared object file'; exit 1", ToolError),
        ("echo 'tool: error while loading shared libraries: libfoo.so'; exit 127", ToolError),
        ("echo 'write failed: No space left on device'; exit 1", ToolError),
        ("exit 126", ToolError),
        ("kill -s SEGV $$", ToolError),
    ],
)
def test_a_tool_that_cannot_run_does_not_judge_a_design(tmp_path, script, failure):
    with pytest.raises((DesignError, ToolError)) as caught:
        run(["sh", "-c", script], who="yosys", log=tmp_path / "log", failure=DesignError)
    assert type(caught.value) is failure


def test_a_tool_that_fails_during_an_exploration(holigrail, monkeypatch):
    """The other combinations are shown, the status is that of a tool; also if all fail."""

    broken: list[str] = []

    def measured(spec, *_, **__):
        if spec.a.name in broken:
            raise ToolError("yosys: must finish with status 0, not be killed by signal 11")
        raise DesignError("synth: the design must fit")

    monkeypatch.setattr(measure, "measure", measured)
    for names in (["int2"], ["int3"]):
        broken[:] = [*broken, *names]
        answer = holigrail("explore", "add", "--a", "int2,int3", "--b", "int2", "--synth")
        assert answer.status == 3 and "killed by signal 11" in answer.out
    broken.clear()
    answer = holigrail("explore", "add", "--a", "int2,int3", "--b", "int2", "--synth")
    assert answer.status == 1
    assert (
        "add: at least one combination must succeed, not none of 2\n  synth: the design must"
        in answer.err
    )
