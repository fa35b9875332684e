"""Netlists of devices against golden: right ones pass, wrong ones are named, without a compiler."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from holigrail_hw.core import Timing, find
from holigrail_hw.core.errors import DesignError, ToolError
from holigrail_hw.core.run.process import run
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import verilog as emit_verilog
from holigrail_hw.flow.synth import netlist_check, synth
from holigrail_hw.flow.synth.devices import target
from holigrail_hw.flow.synth.netlist_gates import Machine
from holigrail_hw.flow.synth.netlist_top import cell_models
from holigrail_hw.flow.top import Top
from holigrail_hw.formats import parse

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


def spec_of(name, **parameters):
    formats = {key: parse(value) for key, value in parameters.items() if key in FORMATS}
    return find(name)(**(parameters | formats))


FORMATS = ("a", "b", "c", "accumulator", "activation", "weight")
FMA = {"a": "int16", "b": "int16", "c": "int32", "multiplier": "dsp"}
WIDE = {"a": "int18", "b": "uint17", "multiplier": "dsp"}
ARRAY = {"rows": 2, "columns": 2, "activation": "int16", "weight": "int16"}


def netlist_of(spec, timing, device, folder):
    top = Top(spec, timing)
    source = folder / "design.v"
    source.write_text(emit_verilog.verilog(top))
    netlist, result = synth.synthesise([source], top.name, target(device), dsp=True, folder=folder)
    return top, netlist, result


@pytest.mark.synth
@pytest.mark.parametrize(
    ("device", "name", "parameters", "latency", "blocks"),
    [
        ("ice40up5k", "fma", FMA, 1, 1),
        ("ice40up5k", "fma", FMA, 2, 1),
        ("ecp5-25k", "fma", FMA, 2, 1),
        ("gw1n-9c", "fma", FMA, 2, 1),
        ("ice40up5k", "multiply", WIDE, 1, 3),
        ("ecp5-25k", "multiply", {**WIDE, "a": "int19"}, 0, 1),
        ("gw1n-9c", "multiply", WIDE, 1, 1),
        ("gw1n-9c", "multiply", {**WIDE, "a": "int30", "b": "uint35"}, 1, 1),
        ("ice40up5k", "systolic-array", ARRAY, None, 4),
        ("ice40up5k", "systolic-array", {**ARRAY, "dataflow": "input-stationary"}, None, 4),
        ("gw1n-9c", "systolic-array", ARRAY, None, 4),
    ],
)
def test_products_of_a_device_equal_golden(device, name, parameters, latency, blocks, tmp_path):
    """Sums of more than 32 bits, sums that meet other products on their way, products in parts."""
    spec = spec_of(name, **parameters)
    top, netlist, result = netlist_of(spec, Timing(latency=latency), device, tmp_path)
    assert result.dsps == blocks
    found = netlist_check.check(top, netlist, target(device).family, device=device)
    assert found.results >= netlist_check.COUNT


@pytest.mark.synth
def test_an_engine_whose_blocks_hold_registers_equals_golden(tmp_path):
    """Of an ECP5's array at a fast clock: on both sides of products whose factors just pass by."""
    spec = spec_of("gemm", rows=2, columns=2)
    timing = Timing(period_ns=9.0, device="ecp5")
    top, netlist, result = netlist_of(spec, timing, "ecp5-25k", tmp_path)
    cells = json.loads(netlist.read_text())["modules"][top.name]["cells"].values()
    blocks = [cell["parameters"] for cell in cells if cell["type"] == "MULT18X18D"]
    assert len(blocks) == result.dsps == 8
    assert all("REG_OUTPUT_CLK" in block for block in blocks)
    assert sum("REG_INPUTA_CLK" in block for block in blocks) == 7
    netlist_check.check(top, netlist, "ecp5", device="ecp5")


@pytest.mark.synth
def test_an_unsafe_mapping_is_found(tmp_path):
    """Yosys's own pass for the products of an iCE40 loses the upper bits of this sum."""
    top = Top(spec_of("fma", **FMA), Timing(latency=2))
    (tmp_path / "design.v").write_text(emit_verilog.verilog(top))
    netlist = tmp_path / "netlist.json"
    passes = f"read_verilog design.v; synth_ice40 -dsp -top {top.name}; write_json {netlist}"
    yosys = tools.require("yosys", who="test")["yosys"]
    run([*yosys.command, "-p", passes], who="yosys", log=tmp_path / "log", cwd=tmp_path)
    with pytest.raises(DesignError) as caught:
        netlist_check.check(top, netlist, "ice40", device="ice40up5k")
    text = str(caught.value)
    assert "the netlist for ice40up5k differs from the golden model (vector" in text
    assert "result: expected" in text and "WRONG" in text
    assert caught.value.exit_code == 1


DEBIAN = Path("/usr/bin/yosys")
MISSING = pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's yosys is not there")


@pytest.mark.synth
@pytest.mark.parametrize("debian", [False, pytest.param(True, marks=MISSING)])
@pytest.mark.parametrize(
    ("name", "parameters", "latency", "blocks"),
    [
        ("fma", FMA, 0, 1),
        ("fma", FMA, 2, 1),
        ("fma", {**FMA, "a": "uint9", "b": "int2", "c": "int3"}, 1, 1),
        ("systolic-array", ARRAY, None, 4),
    ],
)
def test_products_made_for_an_ice40_are_safe_from_that_pass(
    name, parameters, latency, blocks, debian, tmp_path
):
    spec = spec_of(name, **parameters)
    top = Top(spec, Timing(latency=latency, device="ice40up5k"))
    (tmp_path / "design.v").write_text(emit_verilog.verilog(top))
    netlist = tmp_path / "netlist.json"
    passes = f"read_verilog design.v; synth_ice40 -dsp -top {top.name}; write_json {netlist}"
    pinned = tools.require("yosys", who="test")["yosys"].command
    command = [str(DEBIAN)] if debian else list(pinned)
    run([*command, "-p", passes], who="yosys", log=tmp_path / "log", cwd=tmp_path)
    cells = json.loads(netlist.read_text())["modules"][top.name]["cells"].values()
    assert sum(cell["type"] == "SB_MAC16" for cell in cells) == blocks
    netlist_check.check(top, netlist, "ice40", device="ice40up5k")


def _turn_over(netlist: Path, kind: str, parameter: str, which: int) -> None:
    """Turn the result of one look-up table over."""
    content = json.loads(netlist.read_text())
    for module in content["modules"].values():
        cells = [cell for cell in module["cells"].values() if cell["type"] == kind]
        if "blackbox" in module["attributes"] or not cells:
            continue
        table = cells[which]["parameters"][parameter]
        cells[which]["parameters"][parameter] = table.translate(str.maketrans("01", "10"))
    netlist.write_text(json.dumps(content))


@pytest.mark.synth
@pytest.mark.parametrize("shell", ["plain", "stream", "axi-stream", "wishbone"])
def test_one_wrong_cell_is_found_in_every_shell(shell, tmp_path):
    spec = spec_of("mac", a="int4", b="int4", accumulator="int10", multiplier="dsp")
    top, netlist, _ = netlist_of(spec, Timing(shell=shell), "ice40hx8k", tmp_path)
    netlist_check.check(top, netlist, "ice40", device="ice40hx8k")
    _turn_over(netlist, "SB_LUT4", "LUT_INIT", 3)
    with pytest.raises(DesignError, match="the netlist for ice40hx8k differs from the golden"):
        netlist_check.check(top, netlist, "ice40", device="ice40hx8k")


MEMORY = """
module top(input clk, rst, input [3:0] w, r, input [7:0] d, input we, re,
           output reg [7:0] q, output [7:0] now);
  reg [7:0] rows [0:15];
  integer i;
  initial for (i = 0; i < 16; i = i + 1) rows[i] = 3 * i;
  assign now = rows[r];
  always @(posedge clk) begin
    if (we) rows[w] <= d;
    if (re) q <= rows[r];
    if (rst) q <= 8'h42;
  end
endmodule
"""


def test_a_machine_with_a_memory_against_python(tmp_path):
    (tmp_path / "top.v").write_text(MEMORY)
    yosys = tools.require("yosys", who="test")["yosys"]
    passes = "read_verilog top.v; hierarchy -top top; proc; write_rtlil top.il"
    run([*yosys.command, "-p", passes], who="yosys", log=tmp_path / "log", cwd=tmp_path)
    machine = Machine((tmp_path / "top.il").read_text(), "top", 3)
    machine.reset()
    rng = np.random.default_rng(5)
    rows, q = [[3 * i for i in range(16)] for _ in range(3)], [0x42] * 3
    for _ in range(200):
        given = {
            name: rng.integers(0, 1 << bits, 3).tolist()
            for name, bits in {"w": 4, "r": 4, "d": 8, "we": 1, "re": 1}.items()
        }
        for name, codes in given.items():
            machine.put(name, codes)
        machine.settle()
        assert machine.get("now") == [rows[lane][given["r"][lane]] for lane in range(3)]
        assert machine.get("q") == q
        machine.edge()
        for lane in range(3):
            if given["re"][lane]:
                q[lane] = rows[lane][given["r"][lane]]
            if given["we"][lane]:
                rows[lane][given["w"][lane]] = given["d"][lane]


def test_a_cell_without_a_model_is_named():
    with pytest.raises(ToolError, match=r"^netlist: cell NONE must have a simulation model$"):
        cell_models(["SB_LUT4", "NONE"], "ice40")


def test_emitted_products_come_with_a_warning():
    for structure, device, warned in (
        ("dsp", "generic", True),
        ("dsp", "ice40hx8k", True),
        ("dsp", "ice40up5k", False),
        ("rows", "generic", False),
    ):
        spec = spec_of("multiply", a="int8", b="int4", multiplier=structure)
        top = Top(spec, Timing(device=device))
        assert ("`synth_ice40 -dsp` of Yosys" in emit_verilog.verilog(top)) is warned


@pytest.mark.parametrize(
    ("name", "parameters", "warned"),
    [
        ("add", {"a": "fp8_e4m3", "b": "fp8_e4m3"}, True),
        ("csc-decoder", {}, True),
        ("huffman-decoder", {}, True),
        ("multiply", {"a": "int8", "b": "int4"}, False),
    ],
)
def test_emitted_comparisons_come_with_a_warning(name, parameters, warned):
    text = emit_verilog.verilog(Top(spec_of(name, **parameters)))
    assert ("`synth_gowin` of Yosys 0.23" in text) is warned


@pytest.mark.heavy
def test_a_sample_of_widths_sums_and_latencies():
    program = Path(__file__).parents[2] / "scripts" / "sweep_netlists"
    words = ["--count", "2", "--seed", "3"]
    answer = subprocess.run(
        [sys.executable, program, *words], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert len(answer.stdout.splitlines()) == 12
