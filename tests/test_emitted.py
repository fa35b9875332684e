"""What ``generate`` writes for every operator behind every shell, read by other tools.

The bench passes as Verilog-2005 and as SystemVerilog, in Icarus and in Verilator, in the same
number of cycles; no linter and no Yosys that is installed has anything to say.
"""

import re
import runpy
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from holigrail_hw.core import Engine, OperatorSpec, Timing, operators
from holigrail_hw.core.keywords import is_keyword
from holigrail_hw.core.parameters import construct
from holigrail_hw.core.shell_registry import shell_names
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit
from holigrail_hw.flow.top import Top

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
FURTHER = runpy.run_path(str(SCRIPTS / "emitted_designs.py"))["FURTHER"]
SHELLS = shell_names()
OPERATORS = {
    name: cls for name, cls in operators().items() if cls.__module__.startswith("holigrail_hw.")
}
# An engine has streams of its own: both words ask for the same design.
CASES = [
    (name, shell)
    for name, cls in OPERATORS.items()
    for shell in SHELLS
    if not (issubclass(cls, Engine) and shell == "stream")
]
# By default every operator with plain ports and behind one of the other shells, in turn.
CHOSEN = {
    (name, shell)
    for turn, name in enumerate(OPERATORS)
    for shell in ("plain", SHELLS[1 + turn % 3])
}
ALL = [pytest.param(*case, marks=[] if case in CHOSEN else [pytest.mark.heavy]) for case in CASES]
LANGUAGES = ("1364-2005", "1800-2017")
# Statements of the text, which are words of Verilog; every other word in it is a name.
STATEMENTS = frozenset(
    """always assign begin case casez default else end endcase endmodule endtask if initial input
    integer localparam module negedge output posedge reg repeat task while for wire""".split()
)
YOSYS_SCRIPT = "hierarchy -check -top {top}; proc; check -assert"


def found(*commands: list[str] | None) -> list[list[str]]:
    return [command for command in commands if command]


def installed(name: str) -> list[str] | None:
    path = shutil.which(name)
    return [path] if path else None


def verilators() -> list[list[str]]:
    """The pinned one and the one on the path."""
    pinned = tools.find("verilator")
    return found([*pinned.command] if pinned else None, installed("verilator"))


def yosyses() -> list[list[str]]:
    return found([sys.executable, "-m", "holigrail_hw.flow.yosys"], installed("yosys"))


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """Makes a folder once; returns its design and its bench."""

    @cache
    def make(spec: OperatorSpec, shell: str) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("generated")
        files = emit.generate(spec, Timing(shell=shell), folder, vectors=24).files
        return files[0], files[1]

    return make


def icarus(design: Path, bench: Path, work: Path) -> str:
    """What the bench prints, the same under both standards."""
    printed = set()
    for standard in ("-g2005", "-g2012"):
        words = ["iverilog", "-Wall", standard, "-o", work / "bench", design, bench]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), standard
        words = ["vvp", "-n", work / "bench"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, f"{standard}: {done.stdout}"
        printed.add(done.stdout)
    assert len(printed) == 1
    return printed.pop().strip()


def lint(verilator: list[str], language: str, *words: str | Path) -> None:
    command = [*verilator, "--lint-only", "-Wall", "--default-language", language, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = re.findall(r"%\w+.*", done.stdout + done.stderr)
    assert (done.returncode, said) == (0, []), (verilator, language)


def judge_yosys(yosys: list[str], script: str) -> None:
    done = subprocess.run([*yosys, "-p", script], capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-2000:]
    assert re.search(r"found and reported 0 problems", printed, re.I)
    # ABC says so of every design, as it gets no registers.
    said = printed.replace("ABC: Warning: The network is combinational", "")
    assert re.findall(r".*\bwarning\b.*", said, re.I) == [], yosys


def judge_names(path: Path) -> None:
    text = path.read_text()
    assert "\\" not in text
    text = re.sub(r'//.*|/\*.*?\*/|"[^"]*"|`\w+', "", text)
    words = set(re.findall(r"(?<![\w$'])[A-Za-z_]\w*", text))
    assert len(words) > 10
    # What Amaranth calls a signal of which it does not find the name.
    assert [word for word in words if re.fullmatch(r"(n_)?signal(_\d+)?(_\w+)?", word)] == []
    assert {word for word in words - STATEMENTS if is_keyword(word)} == set()


@pytest.mark.icarus
@pytest.mark.skipif(not installed("iverilog"), reason="the system package iverilog is missing")
@pytest.mark.parametrize("name, shell", ALL)
def test_icarus(generated, tmp_path, name, shell):
    said = icarus(*generated(OPERATORS[name](), shell), tmp_path)
    assert re.fullmatch(r"PASS: \d+ vectors in \d+ cycles", said)
    assert int(said.split()[1]) >= 24


@pytest.mark.parametrize("name, shell", ALL)
def test_no_name_is_a_word_of_a_language(generated, name, shell):
    for path in generated(OPERATORS[name](), shell):
        judge_names(path)


@pytest.mark.parametrize("name, shell", ALL)
def test_verilator_has_nothing_to_say(generated, name, shell):
    design, bench = generated(OPERATORS[name](), shell)
    for verilator in verilators():
        lint(verilator, LANGUAGES[1], "--timing", "--top-module", bench.stem, design, bench)


@pytest.mark.parametrize("name, shell", [case for case in CASES if case[1] == "plain"])
def test_yosys_has_nothing_to_say(generated, name, shell):
    design, _ = generated(OPERATORS[name](), shell)
    for yosys in yosyses():
        judge_yosys(yosys, f"read_verilog {design}; {YOSYS_SCRIPT.format(top=design.stem)}")


@pytest.mark.heavy
@pytest.mark.parametrize("name, shell", CASES)
def test_designs_alone_in_both_languages(generated, name, shell):
    """Also through generic synthesis, to the end."""
    design, _ = generated(OPERATORS[name](), shell)
    for verilator in verilators():
        for language in LANGUAGES:
            lint(verilator, language, "--no-timing", design)
    for yosys in yosyses():
        for option in ("", "-sv "):
            judge_yosys(yosys, f"read_verilog {option}{design}; synth -top {design.stem}")


@pytest.mark.heavy
@pytest.mark.parametrize("name, shell", CASES)
def test_verilator_runs_the_bench(generated, tmp_path, name, shell):
    """Every version that is installed, as Verilog-2005 and as SystemVerilog."""
    design, bench = generated(OPERATORS[name](), shell)
    wanted = icarus(design, bench, tmp_path)
    for index, verilator in enumerate(verilators()):
        for language in LANGUAGES:
            # make takes no path with a space in it.
            work = tmp_path / f"{index}_{language}"
            words = [
                *verilator, "--binary", "-Wall", "--default-language", language,
                "-CFLAGS", "-fcoroutines -O0", "--Mdir", work, "-o", "bench",
                "--top-module", bench.stem, design, bench,
            ]  # fmt: skip
            environment = tools.verilator_environment()
            done = subprocess.run(words, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-2000:]
            done = subprocess.run([work / "bench"], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout.splitlines()[0]) == (0, wanted)


@pytest.mark.heavy
@pytest.mark.parametrize("name", OPERATORS)
def test_variants(generated, tmp_path, name):
    """Every sample value of every parameter, designs far from the default, and a pipelined one."""
    default = OPERATORS[name]()
    further = [construct(OPERATORS[name], texts, who=name) for texts in FURTHER.get(name, ())]
    for spec in dict.fromkeys([default, *default.variants(), *further]):
        design, bench = generated(spec, "plain")
        judge_names(design)
        judge_names(bench)
        assert "PASS" in icarus(design, bench, tmp_path)
        for verilator in verilators():
            lint(verilator, LANGUAGES[1], "--no-timing", design)
    if not isinstance(default, Engine):
        design = tmp_path / "pipelined.v"
        design.write_text(emit.verilog(Top(default, Timing(latency=3))))
        for verilator in verilators():
            lint(verilator, LANGUAGES[1], "--no-timing", "-Wno-DECLFILENAME", design)
