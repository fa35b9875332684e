"""Adders stay adders of two operands in the Yosys that we pin and in Debian 12's."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from amaranth import Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from holigrail_hw.core import Timing, find
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit.verilog import verilog
from holigrail_hw.flow.top import Top
from holigrail_hw.hdl.integer.unmerged import unmerged
from holigrail_hw.mcm.build import matrix_datapath
from holigrail_hw.mcm.matrix.graph import MatrixAdder, MatrixGraph, Operand, RowTarget

DEBIAN = Path("/usr/bin/yosys")
PREPARED = "proc; flatten; opt_expr; opt_clean; opt; wreduce; peepopt; opt_clean; alumacc"
ONES = ((1, 1, 1, 1, 1), (2, 2, 2, 2, 2), (-1, 1, -1, 1, -1))
# A sum whose lowest bits pass by, read above them only.
PASSED = ((3, -3, -6, 6, -9), (3, 4, -9, 5, -1), (-2, 9, -6, 1, -9))


@pytest.mark.parametrize("kind", [signed, unsigned])
def test_the_number_is_the_same(kind):
    for width in (1, 2, 3, 5):
        sum = Signal(kind(width))
        for first in range(width + 1):
            module, copy = Module(), Signal(kind(width))
            expression = unmerged(sum, first)
            assert expression.shape() == sum.shape()
            module.d.comb += copy.eq(expression)

            async def bench(context, sum=sum, copy=copy, codes=1 << width, kind=kind):
                for code in range(codes):
                    value = code - (codes if kind is signed and code >= codes // 2 else 0)
                    context.set(sum, value)
                    await context.delay(1e-9)
                    assert context.get(copy) == value

            simulator = Simulator(module)
            simulator.add_testbench(bench)
            simulator.run()


def merged(spec, command, folder):
    """How many adders of three operands or more a Yosys makes of a design."""
    top = Top(spec, Timing())
    (folder / "top.v").write_text(verilog(top), encoding="utf-8")
    passes = f"read_verilog top.v; hierarchy -top {top.name}; {PREPARED}; "
    passes += "tee -o count select -count t:$macc t:$macc_v2"
    subprocess.run(
        [*command, "-q", "-p", passes],
        cwd=folder,
        env=tools.environment(),
        check=True,
        capture_output=True,
    )
    return int((folder / "count").read_text().split()[0])


def commands():
    pinned = pytest.param("pinned")
    missing = pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's yosys is not there")
    return [pinned, pytest.param("debian", marks=missing)]


def command_of(version):
    pinned = tools.require("yosys", who="test")["yosys"].command
    return [str(DEBIAN)] if version == "debian" else list(pinned)


@pytest.mark.parametrize("version", commands())
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("cmvm", {"matrix": ONES}),
        ("cmvm", {"matrix": ONES, "biases": (5, -10, 0), "input": "uint5"}),
        ("cmvm", {"matrix": PASSED, "iterations": 50, "depth": 64}),
        ("cmvm", {"matrix": PASSED, "error": 20, "input": "int12", "iterations": 50}),
        ("cmvm", {"matrix": PASSED, "result": "int8", "rounding": "nearest_away"}),
        ("mcm", {"constants": (1001, -777, 333, 90)}),
        ("fir", {"coefficients": (1, 2, 3, 4, 5, -6)}),
    ],
)
def test_no_adder_is_merged(name, parameters, version, tmp_path):
    assert merged(find(name)(**parameters), command_of(version), tmp_path) == 0


@pytest.mark.parametrize("version", commands())
def test_plain_synthesis_ends(version, tmp_path):
    """Kept sums that are read through gates made synth_ecp5 of Yosys 0.70 stop."""
    random = np.random.default_rng(0)
    weights = random.integers(-128, 128, (16, 4)) * (random.random((16, 4)) >= 0.7)
    top = Top(find("cmvm")(matrix=weights.T), Timing())
    (tmp_path / "top.v").write_text(verilog(top), encoding="utf-8")
    passes = f"read_verilog top.v; synth_ecp5 -top {top.name} -nodsp; select -assert-any t:CCU2C"
    run = subprocess.run(
        [*command_of(version), "-q", "-p", passes],
        cwd=tmp_path,
        env=tools.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr[-300:] if run.returncode else "") == (0, "")


@pytest.mark.parametrize("version", commands()[1:])
def test_sums_that_are_read_as_they_are_would_be_merged(version, tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_datapath, "unmerged", lambda sum, first: sum)
    spec = find("cmvm")(matrix=ONES, input="int7")
    assert merged(spec, command_of(version), tmp_path) > 0


def test_readers():
    adders = (
        MatrixAdder(Operand(0, 1, False), Operand(0, 0, False)),
        MatrixAdder(Operand(2, 0, False), Operand(1, 0, True)),
    )
    targets = (RowTarget(3, 0, False), RowTarget(3, 2, True), RowTarget(2, 0, False))
    graph = MatrixGraph(2, adders, (*targets, RowTarget(None, 0, False)))
    assert graph.readers == (2, 1, 2, 1)
