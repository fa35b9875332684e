"""Verilog benches of generated folders: started anywhere, and never passing without a check."""

import os
import re
import subprocess
from pathlib import Path

import needs
import pytest
from sample_engines import Repeat
from sample_operators import Accumulate, MultiplyAdd

from holigrail_hw.core import Timing
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit
from holigrail_hw.flow.simulate import icarus_job
from holigrail_hw.flow.verify import verify

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

COUNT = 40
DESIGNS = {
    "plain": (MultiplyAdd(), Timing()),
    "clocked": (Accumulate(slow=True), Timing(period_ns=4)),
    "stream": (MultiplyAdd(), Timing(shell="stream")),
    "clocked stream": (Accumulate(slow=True), Timing(period_ns=4, shell="stream")),
    "engine": (Repeat(width=5), Timing()),
    "axi-stream": (MultiplyAdd(), Timing(shell="axi-stream")),
    "wishbone": (Repeat(width=5), Timing(shell="wishbone")),
}
STANDARDS = ("-g2005", "-g2012")


@pytest.fixture(scope="module", params=DESIGNS)
def made(request, tmp_path_factory) -> tuple[Path, str]:
    """A generated folder, and the name of its design."""
    folder = tmp_path_factory.mktemp("generated")
    content = emit.generate(*DESIGNS[request.param], folder, vectors=COUNT).manifest
    return folder, content["top"]


def icarus(sources: list[Path], work: Path, standard: str = "-g2012") -> tuple[int, str]:
    """Exit status and output of a bench, compiled and run in another folder."""
    work.mkdir(exist_ok=True)
    words = ["iverilog", "-Wall", standard, "-o", "bench", *sources]
    done = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = subprocess.run(
        ["vvp", "-n", "bench"], cwd=work, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout


def verilator(sources: list[Path], work: Path) -> tuple[int, str]:
    """As :func:`icarus`, in Verilator."""
    work.mkdir(exist_ok=True)
    bench = sources[1].stem
    command = tools.require("verilator", who="test")["verilator"].command
    words = [
        *command, "--binary", "--top-module", bench, "-CFLAGS", "-fcoroutines -O0",
        "--x-assign", "1", "--x-initial", "unique", "-o", "bench", *sources,
    ]  # fmt: skip
    environment = tools.verilator_environment()
    subprocess.run(words, cwd=work, env=environment, capture_output=True, text=True, check=True)
    program = work / "obj_dir" / "bench"
    done = subprocess.run([program], cwd=work, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def sources(made: tuple[Path, str]) -> list[Path]:
    folder, top = made
    return [folder / f"{top}.v", folder / f"{top}_bench.v"]


def instead(path: Path, text: str, work: Path) -> Path:
    """A file with another text, in another folder."""
    work.mkdir(exist_ok=True)
    found = work / path.name
    found.write_text(text)
    return found


def dead(made: tuple[Path, str], work: Path, value: str) -> Path:
    """A design with the ports of the real one, whose outputs never change."""
    folder, top = made
    text = (folder / f"{top}.v").read_text()
    head = text[text.index("module ") :]
    head, rest = head[: head.index(");") + 2], head[: head.index("endmodule")]
    ports = re.findall(r"^  (?:input|output) .*;$", rest, re.M)
    outputs = re.findall(r"^  output (?:\[(\d+):0\] )?(\w+);$", rest, re.M)
    values = [f"  assign {name} = {{{int(high or 0) + 1}{{{value}}}}};" for high, name in outputs]
    assert outputs
    design = "\n".join([head, *ports, *values, "endmodule", ""])
    return instead(folder / f"{top}.v", design, work)


def vectors_of(text: str) -> list[re.Match[str]]:
    return [*re.finditer(r"^      load_(\w+)_word\((\d+)'h(\w+)\);\n", text, re.M)]


@needs.iverilog
@pytest.mark.icarus
@pytest.mark.parametrize("standard", STANDARDS)
def test_a_bench_passes_from_any_folder(made, tmp_path, standard):
    status, output = icarus(sources(made), tmp_path / "elsewhere", standard)
    assert status == 0
    assert re.fullmatch(r"PASS: \d+ vectors in \d+ cycles", output.splitlines()[-1])
    assert int(output.split()[1]) >= COUNT
    assert len(output.splitlines()) == 1


@needs.iverilog
@pytest.mark.icarus
@pytest.mark.parametrize("value", ["1'bx", "1'bz", "1'b0", "1'b1"])
def test_a_dead_design_fails(made, tmp_path, value):
    design = dead(made, tmp_path / "dead", value)
    status, output = icarus([design, sources(made)[1]], tmp_path / "work")
    assert status == 1
    assert re.search(r"^FAIL: ", output, re.M) and "PASS" not in output


@needs.iverilog
@pytest.mark.icarus
@pytest.mark.parametrize("highest", [1, 2])
def test_a_wrong_vector_fails(made, tmp_path, highest):
    """One bit of one expected result; a mixture of its lowest and highest code is not right."""
    design, bench = sources(made)
    text = bench.read_text()
    last = vectors_of(text)[-1]
    width, word = int(last[2]), int(last[3], 16)
    # The lowest bit of its lowest code, and the same or the next one of its highest code.
    wrong = word ^ 1 ^ highest << width // 3
    line = f"      load_{last[1]}_word({width}'h{wrong:0{len(last[3])}x});\n"
    changed = instead(bench, text[: last.start()] + line + text[last.end() :], tmp_path / "bench")
    status, output = icarus([design, changed], tmp_path / "work")
    assert status == 1
    assert re.search(r"^FAIL: 1 wrong of (\d+) vectors, \1 checked$", output, re.M)


@needs.iverilog
@pytest.mark.icarus
@pytest.mark.parametrize("left", ["none", "all but one"])
@pytest.mark.parametrize("value", [None, "1'bx"])
def test_missing_vectors_fail(made, tmp_path, left, value):
    """Also with a design whose outputs are as unknown as vectors that are not there."""
    design, bench = sources(made)
    text = bench.read_text()
    words = vectors_of(text)
    kept = text
    for word in reversed(words if left == "none" else words[-1:]):
        kept = kept[: word.start()] + kept[word.end() :]
    changed = instead(bench, kept, tmp_path / "bench")
    if value:
        design = dead(made, tmp_path / "dead", value)
    status, output = icarus([design, changed], tmp_path / "work")
    assert status == 1
    assert re.search(r"^FAIL: ", output, re.M) and "PASS" not in output


@needs.iverilog
@pytest.mark.icarus
def test_unknown_bits_are_wrong_even_where_a_vector_has_them(made, tmp_path):
    _, bench = sources(made)
    text = re.sub(
        r"(load_\w+_word\(\d+'h)(\w+)", lambda m: m[1] + "x" * len(m[2]), bench.read_text()
    )
    changed = instead(bench, text, tmp_path / "bench")
    status, output = icarus([dead(made, tmp_path / "dead", "1'bx"), changed], tmp_path / "work")
    assert status == 1 and "PASS" not in output


@pytest.mark.heavy
def test_verilator(made, tmp_path):
    """The same verdicts, the same number of cycles, and statuses other than 0."""
    design, bench = sources(made)
    status, output = verilator([design, bench], tmp_path / "good")
    assert status == 0
    _, wanted = icarus([design, bench], tmp_path / "icarus")
    assert output.splitlines()[0] == wanted.splitlines()[0]
    for value in ("1'bx", "1'b0"):
        broken = dead(made, tmp_path / f"dead{value[-1]}", value)
        status, output = verilator([broken, bench], tmp_path / f"work{value[-1]}")
        assert status != 0 and "FAIL: " in output and "PASS" not in output
    text = bench.read_text()
    for name, words in (("none", vectors_of(text)), ("short", vectors_of(text)[-1:])):
        kept = text
        for word in reversed(words):
            kept = kept[: word.start()] + kept[word.end() :]
        changed = instead(bench, kept, tmp_path / name)
        status, output = verilator([design, changed], tmp_path / f"work {name}")
        assert status != 0 and "FAIL: " in output and "PASS" not in output


class TestOneVectorAlone:
    """``verify --level icarus --only`` judges one vector, but only if it was compared."""

    def verdict(self, monkeypatch, output: str) -> int:
        monkeypatch.setattr(icarus_job, "run", lambda *_: (None, output))
        return verify.run(MultiplyAdd(), levels=["icarus"], count=9, only=3).vectors

    def test_others_may_be_wrong(self, monkeypatch):
        wrong = "stream o item 5: r expected 07 got 06\n"
        assert self.verdict(monkeypatch, wrong + "FAIL: 1 wrong of 9 vectors, 9 checked\n") == 1

    @pytest.mark.parametrize(
        "output",
        [
            "",
            "FAIL: 0 wrong of 9 vectors, 0 checked\n",
            "stream o item 5: r expected 07 got 06\nFAIL: 1 wrong of 9 vectors, 8 checked\n",
            "cycle 5: stream o has an item too many\nFAIL: 1 wrong of 9 vectors, 9 checked\n",
        ],
    )
    def test_a_run_that_did_not_compare_it_fails(self, monkeypatch, output):
        from holigrail_hw.core import DesignError

        with pytest.raises(DesignError, match="the Verilog bench must pass"):
            self.verdict(monkeypatch, output)


def test_benches_hold_no_path(made):
    for path in sources(made):
        assert os.sep not in re.sub(r"//.*|/\*.*?\*/| / |\"[^\"]*\"", "", path.read_text())
        assert "$readmem" not in path.read_text()
