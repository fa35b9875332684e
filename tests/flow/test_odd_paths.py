"""Checkouts, environments, caches, temporary, working and output folders with odd characters."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import holigrail_hw
from holigrail_hw.flow import tools
from holigrail_hw.flow.simulate import cocotb_job

ROOT = Path(holigrail_hw.__file__).parent.parent
ODD = " '\"($;&#,=\\\u00e9"
PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:3]
del sys.argv[1:3]
from holigrail_hw.cli.main import main
sys.exit(main())
"""


def run(tmp_path, odd, *words):
    """The command line of a copy of this package, everything lying below an odd folder."""
    place = tmp_path / f"a{odd}b"
    checkout, packages, work, temporary = (place / name for name in "cpwt")
    if not place.exists():
        checkout.mkdir(parents=True)
        work.mkdir()
        temporary.mkdir()
        for name in ("holigrail_hw", "boards", "generators", "testbenches"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, checkout / name, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", checkout)
        packages.symlink_to(sysconfig.get_path("purelib"))
    answer = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(checkout), str(packages), *words],
        cwd=work,
        env={
            **{name: text for name, text in os.environ.items() if name != "PYTHONPATH"},
            "HOLIGRAIL_CACHE": str(place / "cache"),
            "TMPDIR": str(temporary),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert [*temporary.iterdir()] == [], "tools must leave nothing behind"
    return answer.stdout


ADD = ("add", "--a", "int2", "--b", "int2")


@pytest.mark.synth
def test_every_tool_but_verilator(tmp_path):
    benches = ("--level", "cocotb", "--level", "icarus", "--simulator", "icarus", "--count", "9")
    assert "icarus" in run(tmp_path, ODD, "verify", *ADD, *benches)
    assert "proved" in run(tmp_path, ODD, "prove", *ADD)
    out = run(tmp_path, ODD, "synth", *ADD, "--device", "ice40hx8k", "-o", f"o{ODD}")
    assert "LUTs" in out
    assert (tmp_path / f"a{ODD}b" / "w" / f"o{ODD}" / "manifest.json").is_file()


@pytest.mark.heavy
@pytest.mark.parametrize("character", ODD)
def test_verilator_and_a_bitstream(tmp_path, character):
    assert "verilator" in run(tmp_path, character, "verify", *ADD, "--simulator", "verilator")
    # The kept program is used once more, by a process whose links have other names.
    assert "verilator" in run(tmp_path, character, "verify", *ADD, "--simulator", "verilator")
    run(tmp_path, character, "build", *ADD, "--board", "icebreaker", "--check", "-o", "out")


def test_a_verilator_with_a_plain_path(tmp_path, monkeypatch):
    root = tmp_path / "a b" / "verilator"
    (root / "bin").mkdir(parents=True)
    (root / "include").mkdir()
    program = root / "bin" / "verilator"
    program.write_text("#!/bin/sh\necho 5.048\n")
    program.chmod(0o755)
    found = tools._plain_verilator(program)
    assert " " not in str(found) and found.parent.resolve() == found.parent
    assert (found.parent.parent / "include").resolve() == root / "include"
    answer = subprocess.run([found], capture_output=True, text=True, check=True)
    assert answer.stdout == "5.048\n"
    assert tools._plain_verilator(found) == found
    shutil.rmtree(found.parent.parent)


def test_the_name_of_a_kept_program_holds_all_it_depends_on(tmp_path, monkeypatch):
    """Another text, place of cocotb, cocotb, compiler, simulator or Python: another program."""
    from cocotb_tools import config

    seen = {cocotb_job._kept("verilator", "module m; endmodule")}

    def other():
        names = cocotb_job._kept("verilator", "module m; endmodule")
        assert names not in seen
        seen.add(names)

    require = tools.require
    with monkeypatch.context() as patch:
        patch.setattr(config, "libs_dir", tmp_path)
        other()
    for name, changed in (("g++", "99.1"), ("verilator", "5.999")):
        with monkeypatch.context() as patch:

            def found(*names, who, name=name, changed=changed):
                every = require(*names, who=who)
                here = every[name]
                return every | {name: tools.Found(here.tool, here.command, changed, here.origin)}

            patch.setattr(tools, "require", found)
            other()
    with monkeypatch.context() as patch:
        version = cocotb_job.metadata.version
        cocotb = lambda name: "2.99" if name == "cocotb" else version(name)  # noqa: E731
        patch.setattr(cocotb_job.metadata, "version", cocotb)
        other()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version", "3.99")
        other()
    assert cocotb_job._kept("verilator", "module n; endmodule") not in seen
    assert cocotb_job._kept("verilator", "module m; endmodule") in seen


@pytest.mark.parametrize("character", '"$`\\:\n')
def test_a_checkout_that_no_environment_can_have_is_refused_at_once(tmp_path, character):
    place = tmp_path / f"a{character}b"
    shutil.copytree(ROOT / "scripts", place / "scripts", ignore=shutil.ignore_patterns("data"))
    for name in ("quickstart", "test"):
        answer = subprocess.run(
            [place / "scripts" / name], capture_output=True, text=True, check=False
        )
        what = "line break" if character == "\n" else character
        assert answer.returncode == 2
        assert answer.stderr.startswith(
            f"error: the path of this checkout must have no {what} in it, not be {place}\n"
        )
        assert not (place / ".venv").exists()


def test_scripts_find_their_place_through_links(tmp_path):
    """A link to a folder above, and a link to the script, name the same environment."""
    through, script = tmp_path / "folder", tmp_path / "script"
    through.symlink_to(ROOT)
    script.symlink_to(ROOT / "scripts" / "environment.sh")
    for name in (through / "scripts" / "environment.sh", script):
        answer = subprocess.run(
            ["bash", "-c", 'source "$1"; printf %s "$root"', "bash", str(name)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout == str(ROOT)
    for name in ("quickstart", "test"):
        text = (ROOT / "scripts" / name).read_text()
        assert 'source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/environment.sh"' in text
