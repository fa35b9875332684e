"""Completion: what may stand at the cursor, and the scripts of the shells, really run."""

import os
import shutil
import subprocess
import sys

import pytest

from holigrail_hw.cli.completion import SCRIPTS, candidates
from holigrail_hw.cli.main import VERBS


def test_verbs_and_operators():
    assert candidates([""]) == [*VERBS]
    assert candidates(["ex"]) == ["explore"]
    assert candidates(["explore", "add", "--sampler", "n"]) == ["nsga2"]
    assert candidates(["--json", "verif"]) == ["verify"]
    assert candidates(["info", "run-length"]) == ["run-length-decoder", "run-length-encoder"]
    assert "generators/mac_int8.toml" in candidates(["synth", "gen"])
    assert candidates(["nonsense", ""]) == [] == candidates(["info", "mac", ""])


def test_options():
    assert candidates(["info", "mac", "--acc"]) == ["--accumulation", "--accumulator"]
    assert {"--seeds", "--no-dsp", "--period", "--json"} <= {*candidates(["synth", "mac", "--"])}
    assert "--period" not in candidates(["doctor", "--"])


def test_values():
    assert candidates(["info", "mac", "--a", "fp8"]) == ["fp8_e4m3", "fp8_e5m2"]
    assert candidates(["info", "mac", "--overflow", ""]) == ["wrap", "saturate"]
    assert candidates(["info", "gemm", "--guard", "t"]) == ["true"]
    assert candidates(["info", "mac", "--shell", "w"]) == ["wishbone"]
    assert candidates(["build", "mac", "--board", "ul"]) == ["ulx3s"]
    assert "ecp5-85k" in candidates(["synth", "mac", "--device", ""])
    assert candidates(["list", "f"]) == ["formats"]
    assert candidates(["completion", ""]) == [*SCRIPTS]
    assert candidates(["guide", "lim"]) == ["limits"]
    assert candidates(["info", "mac", "--period", ""]) == []


@pytest.fixture
def run(tmp_path):
    """Run a text in a shell that finds this very command."""
    program = tmp_path / "holigrail"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m holigrail_hw "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}

    def call(shell: str, text: str) -> list[str]:
        if shutil.which(shell) is None:
            pytest.skip(f"needs the shell {shell}")
        finished = subprocess.run(
            [shell, "-c", text], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert finished.returncode == 0 and finished.stderr == ""
        return finished.stdout.split()

    return call


def test_bash(run):
    script = SCRIPTS["bash"] + (
        "COMP_WORDS=(holigrail info mac --a fp8); COMP_CWORD=4; _holigrail\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert run("bash", script) == ["fp8_e4m3", "fp8_e5m2"]


def test_zsh(run):
    """The completion system wants a terminal, so its two commands are stood in for."""
    script = (
        'compdef() { :; }; compadd() { shift; print -l -- "$@"; }; _files() { print files; }\n'
        + SCRIPTS["zsh"]
        + "words=(holigrail info mac --a fp8); CURRENT=5; _holigrail\n"
        + "words=(holigrail generate mac -o ''); CURRENT=5; _holigrail"
    )
    assert run("zsh", script) == ["fp8_e4m3", "fp8_e5m2", "files"]


def test_fish(run):
    script = SCRIPTS["fish"] + "complete -C 'holigrail info mac --a fp8'"
    assert run("fish", script) == ["fp8_e4m3", "fp8_e5m2"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_verb_prints_the_script(holigrail, shell):
    answer = holigrail("completion", shell)
    assert answer.status == 0 and answer.out.endswith(SCRIPTS[shell])
    assert holigrail("completion", shell, "--json").json["script"] == answer.out


def test_hidden_words_are_not_options_of_ours(holigrail):
    answer = holigrail("completion", "--words", "list", "--jso")
    assert (answer.status, answer.out) == (0, "--json\n")
    assert holigrail("completion", "tcsh").status == 2
