"""Core files, as FuseSoC reads them: every target is set up, lint and bench run."""

import os
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from amaranth import Instance, Module
from amaranth.lib import wiring

from holigrail_hw.core import Timing, find
from holigrail_hw.core.work_folder import scratch
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit


def fusesoc(folder: Path, *words: str) -> str:
    """What FuseSoC says; it must end well."""
    found = tools.require("verilator", who="test")["verilator"].path
    environment = tools.verilator_environment(HOME=str(folder), XDG_CONFIG_HOME=str(folder))
    environment["PATH"] = f"{found.parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "fusesoc.main", "--cores-root", ".", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    # A word that it does not know is only warned of.
    assert "WARNING" not in said, said
    return said


@pytest.fixture
def core(request):
    """A folder below a plain path, as make wants it, with one design of a name of its own."""
    shell, device = request.param
    with scratch() as folder:
        timing = Timing(shell=shell, device=device, period_ns=9.0, name="own")
        emit.generate(find("mac")(), timing, Path(folder), vectors=20)
        yield Path(folder)


BOTH = pytest.mark.parametrize(
    "core", [("plain", "generic"), ("axi-stream", "ecp5")], indirect=True, ids=str
)


@BOTH
def test_lint(core):
    assert "verilator -f" in fusesoc(core, "run", "--target=lint", "own")
    (control,) = core.glob("build/*/lint/*.vc")
    wraps = (core / "own_ip.v").exists()
    assert f"--top-module {'own_ip' if wraps else 'own'}" in control.read_text()
    # What lint must find is found.
    source = core / "own.v"
    source.write_text(source.read_text().replace("endmodule", "  wire w = nowhere; endmodule", 1))
    with pytest.raises(AssertionError, match="nowhere"):
        fusesoc(core, "run", "--target=lint", "own")


@BOTH
def test_synth_is_set_up(core):
    fusesoc(core, "run", "--setup", "--target=synth", "own")
    wraps = (core / "own_ip.v").exists()
    (procedures,) = core.glob("build/*/synth/edalize_yosys_procs.tcl")
    text = procedures.read_text()
    assert f"synth_{'ecp5' if wraps else 'ice40'}" in text
    assert [f"/{name}.v}}" in text for name in ("own", "own_ip", "own_bench")] == [
        True,
        wraps,
        False,
    ]


@needs.iverilog
@pytest.mark.icarus
@BOTH
def test_bench(core):
    assert "PASS: " in fusesoc(core, "run", "--target=sim", "own")


class Around(wiring.Component):
    """A design beside the operator, with a module from elsewhere."""

    a: wiring.In(4)
    b: wiring.Out(4)

    def elaborate(self, platform):
        m = Module()
        m.submodules.flip = Instance("flip", i_a=self.a, o_b=self.b)
        return m


def test_a_design_beside_the_operator_has_a_target_with_its_files(monkeypatch):
    kind = find("mac")
    flip = b"module flip(input [3:0] a, output [3:0] b); assign b = ~a; endmodule\n"
    beside = {"_flip.v": flip, "_code.bin": b"\0"}
    monkeypatch.setattr(kind, "companion_designs", lambda self, timing=None: {"_system": Around()})
    monkeypatch.setattr(kind, "companions", lambda self, timing=None: beside)
    with scratch() as folder:
        emit.generate(kind(), Timing(name="own"), folder, vectors=20)
        assert "verilator -f" in fusesoc(folder, "run", "--target=system", "own")
        (control,) = folder.glob("build/*/system/*.vc")
        text = control.read_text()
        assert "--top-module own_system" in text
        assert "own_system.v" in text and "own_flip.v" in text and "own_bench.v" not in text
        assert (
            "    files: [own_code.bin]\n    file_type: user\n" in (folder / "own.core").read_text()
        )
        # The module from elsewhere is needed.
        (folder / "own_flip.v").write_bytes(b"")
        with pytest.raises(AssertionError, match="flip"):
            fusesoc(folder, "run", "--target=system", "own")
