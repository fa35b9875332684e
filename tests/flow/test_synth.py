"""Synthesis, the register harness, place and route: counts, clock figures and refusals."""

import json
import re
import subprocess
import sys

import pytest

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.flow import tools
from holigrail_hw.flow.synth import synth
from holigrail_hw.flow.synth.devices import TARGETS, target
from holigrail_hw.flow.synth.harness import wrap
from holigrail_hw.flow.synth.ice40.mac16_timing import mac16_period_ns

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

MAC = """
module mac(input clk, rst, enable, input [7:0] a, b, output reg [19:0] sum);
  always @(posedge clk) if (rst) sum <= 0; else if (enable) sum <= sum + a * b;
endmodule
"""
WIDE_XOR = """
module wide(input [199:0] a, b, output [199:0] y);
  assign y = a ^ b;
endmodule
"""


@pytest.fixture
def verilog(tmp_path):
    def write(text):
        path = tmp_path / "design.v"
        path.write_text(text)
        return path

    return write


@pytest.mark.synth
@pytest.mark.parametrize("device", ["ice40up5k", "ecp5", "gowin"])
def test_product_in_a_dsp_block_or_in_logic(device, verilog, tmp_path):
    source = verilog(MAC)

    def run(dsp):
        return synth.run([source], "mac", device, work_dir=tmp_path / "o", dsp=dsp, place=False)

    block, logic = run(True), run(False)
    assert (block.dsps, logic.dsps) == (1, 0)
    assert block.flip_flops == logic.flip_flops == 20
    assert logic.luts > block.luts + 60
    assert json.loads(json.dumps(logic.as_dict()))["cells"] == logic.cells


@pytest.mark.synth
@pytest.mark.parametrize("device", ["ice40hx8k", "ecp5-25k", "gw1n-9c"])
def test_clock_frequency_with_more_ports_than_pins(device, verilog, tmp_path):
    result = synth.run(
        [verilog(WIDE_XOR)], "wide", device, work_dir=tmp_path / "o", clock_ns=20, seeds=2
    )
    assert result.luts == 200 and result.flip_flops == 0
    assert len(result.fmax_mhz) == 2
    # One look-up table between registers is fast, and no device here reaches 1 GHz.
    assert all(100 < figure < 1000 for figure in result.fmax_mhz)
    assert result.met is True and result.target_mhz == 50
    if device == "gw1n-9c":
        # The Gowin placer reports no path.
        return
    assert len(set(result.fmax_mhz)) == 2
    kinds = [hop["kind"] for hop in result.critical_path]
    assert kinds[0] == "clk-to-q" and kinds[-1] == "setup" and "routing" in kinds
    length = sum(hop["delay_ns"] for hop in result.critical_path)
    assert length == pytest.approx(1000 / max(result.fmax_mhz), rel=0.02)


PRODUCTS = {
    "bare": "assign p = a * b;",
    "then a sum": "wire [31:0] q = a * b; assign p = (q ^ {q[0], q[31:1]}) + c;",
    "registered": """reg [15:0] x, z; reg [31:0] s; assign p = s;
        always @(posedge clk) begin x <= a; z <= b; s <= x * z; end""",
}


@pytest.mark.synth
def test_clock_frequency_includes_the_dsp_block_of_an_up5k(verilog, tmp_path):
    """nextpnr alone says 200 MHz for the first of these; the block alone takes 9 ns."""
    periods = {}
    for name, body in PRODUCTS.items():
        ports = "input clk, input [15:0] a, b, c, output [31:0] p"
        source = verilog(f"module t({ports}); {body} endmodule")
        result = synth.run([source], "t", "up5k", work_dir=tmp_path / "o")
        assert result.dsps == 1
        assert result.critical_path[-1]["kind"] == "through SB_MAC16"
        periods[name] = 1000 / result.fmax_mhz[0]
    # Registers stay outside the block, as those of the harness do.
    assert all(9.05 < periods[name] < 22 for name in ("registered", "bare"))
    # A look-up table and a carry chain of 32 bits behind the block: more than 9 ns.
    assert periods["then a sum"] > periods["bare"] + 9


def test_mac16_timing_of_one_path():
    """4 ns to the operand, 5.98 ns at the register behind: 4 + 9.05 + (5.98 - 1.98) + 1.2."""

    def module(parameters, clock="0"):
        pins = {"CLK": [clock]}
        return {"cells": {"m": {"type": "SB_MAC16", "parameters": parameters, "connections": pins}}}

    timings = [
        {"event": "posedge clk", "endpoints": [{"cell": "m_DSP", "delay": [3.0, 4.0]}]},
        {
            "event": "posedge $PACKER_GND_NET",
            "endpoints": [{"cell": "y_LC", "delay": [5.98, 5.0]}],
        },
    ]
    assert mac16_period_ns({"cells": {}}, timings, 20.0) is None
    assert mac16_period_ns(module({}), timings, 20.0) == pytest.approx(18.25)
    output = {"TOPOUTPUT_SELECT": "01", "BOTOUTPUT_SELECT": "01 "}
    assert mac16_period_ns(module(output, 5), timings, 20.0) == pytest.approx(13.05)
    both = {**output, "A_REG": "1 "}
    assert mac16_period_ns(module(both, 5), timings, 20.0) == pytest.approx(9.05)
    # Only the operands are registered: what comes behind is bounded by the whole period.
    assert mac16_period_ns(module({"A_REG": "1"}, 5), timings, 20.0) == pytest.approx(27.07)


@pytest.mark.synth
def test_note_where_a_dsp_block_is_not_timed(verilog, tmp_path):
    result = synth.run([verilog(MAC)], "mac", "gowin", work_dir=tmp_path / "o")
    assert result.note == "paths through MULT9X9 are not timed"


@pytest.mark.synth
def test_missed_clock_is_reported(verilog, tmp_path):
    result = synth.run(
        [verilog(MAC)], "mac", "hx8k", work_dir=tmp_path / "o", clock_ns=1.0, dsp=False
    )
    assert result.met is False and max(result.fmax_mhz) < 1000
    assert result.device == "ice40hx8k" and result.carries > 0


@pytest.mark.synth
def test_same_seed_same_figure(verilog, tmp_path):
    source = verilog(MAC)
    figures = [
        synth.run([source], "mac", "hx8k", work_dir=tmp_path / name).fmax_mhz for name in "ab"
    ]
    assert figures[0] == figures[1]


@pytest.mark.synth
def test_transistors_of_one_gate(verilog, tmp_path):
    source = verilog("module gate(input a, b, output y); assign y = ~(a & b); endmodule")
    result = synth.run([source], "gate", "generic", work_dir=tmp_path / "o")
    assert result.cells == {"$_NAND_": 1}
    assert (result.transistors, result.depth) == (4, 1)
    assert result.fmax_mhz == [] and result.met is None


@pytest.mark.synth
def test_design_without_room(verilog, tmp_path):
    products = "".join(f"assign y[{n}] = ^(a[{n}+:16] * b);" for n in range(9))
    ports = "input [31:0] a, input [15:0] b, output [8:0] y"
    source = verilog(f"module many({ports}); {products} endmodule")
    with pytest.raises(DesignError) as caught:
        synth.run([source], "many", "up5k", work_dir=tmp_path / "o")
    assert re.fullmatch(
        r"synth: the design must fit on ice40up5k, not need 9 of 8 ICESTORM_DSP",
        str(caught.value),
    )
    assert caught.value.exit_code == 1


def test_verilog_that_yosys_refuses(verilog, tmp_path):
    with pytest.raises(DesignError) as caught:
        synth.run([verilog("module broken(")], "broken", "up5k", work_dir=tmp_path / "o")
    assert str(caught.value).startswith("yosys: must finish with status 0, not 1\n")
    assert "ERROR: syntax error" in str(caught.value)


def test_all_violations_at_once(tmp_path):
    with pytest.raises(RequestError) as caught:
        synth.run([], "x", "up5k", work_dir=tmp_path, clock_ns=-1, seeds=0)
    assert caught.value.violations == (
        "synth: the period must be a positive number of ns, not -1",
        "synth: seeds must be 1 or more, not 0",
    )


def test_unknown_device_and_missing_file(tmp_path):
    with pytest.raises(RequestError, match=r"^synth: device must be one of .*, not 'z80'$"):
        synth.run([], "x", "z80", work_dir=tmp_path)
    missing = tmp_path / "none.v"
    with pytest.raises(RequestError) as caught:
        synth.run([missing], "x", "up5k", work_dir=tmp_path)
    assert str(caught.value) == f"synth: the Verilog file must exist, not {missing}"


def test_short_device_names():
    assert target("ecp5").name == "ecp5-85k" and target("up5k").name == "ice40up5k"
    assert all(entry.model for entry in TARGETS.values())


def test_harness_registers_every_bit_once():
    netlist = {
        "modules": {
            "top": {
                "ports": {
                    "clk": {"direction": "input", "bits": [2]},
                    "a": {"direction": "input", "bits": [3, 4, 5]},
                    "y": {"direction": "output", "bits": [6, "0", 3]},
                },
                "cells": {},
                "netnames": {},
            }
        }
    }
    module = wrap(netlist, "top", "ice40")["modules"]["top"]
    assert list(module["ports"]) == ["clk", "harness_in", "harness_out"]
    cells = module["cells"].values()
    registers = [cell["connections"] for cell in cells if cell["type"] == "SB_DFF"]
    driven = [pins["Q"][0] for pins in registers]
    assert len(driven) == len(set(driven))
    # Three inputs, two outputs that are no constant, one fold of the two, and the last one.
    assert len(registers) == 3 + 2 + 1 + 1
    assert {3, 4, 5} <= set(driven) and {6, 3} <= {pins["D"][0] for pins in registers}
    assert all(pins["C"] == [2] for pins in registers)


def test_harness_refuses_a_bidirectional_port():
    ports = {"pad": {"direction": "inout", "bits": [2]}}
    netlist = {"modules": {"top": {"ports": ports, "cells": {}, "netnames": {}}}}
    with pytest.raises(RequestError, match="must be an input or output, not inout$"):
        wrap(netlist, "top", "ecp5")


def _shim(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "holigrail_hw.flow.yosys", *arguments],
        cwd=cwd,
        env=tools.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_yosys_command(tmp_path):
    assert re.fullmatch(r"Yosys \d+\.\d+.*\n", _shim("-V", cwd=tmp_path).stdout)
    (tmp_path / "one.v").write_text("module one(input a, output y); assign y = a; endmodule")
    done = _shim("-q", "-l", "log", "-p", "read_verilog one.v; hierarchy -top one", cwd=tmp_path)
    assert done.returncode == 0
    assert "Parsing" in (tmp_path / "log").read_text()
    assert "Top module" in (tmp_path / "log").read_text()
    assert _shim("-p", "read_verilog none.v", cwd=tmp_path).returncode == 1
    done = _shim("none.ys", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "yosys: the script must exist, not none.ys\n")


def test_yosys_command_runs_the_script_of_a_platform(tmp_path):
    from amaranth.hdl import Elaboratable, Module, Signal
    from amaranth_boards.icebreaker import ICEBreakerPlatform

    class Counter(Elaboratable):
        def elaborate(self, platform):
            m = Module()
            count = Signal(24)
            m.d.sync += count.eq(count + 1)
            return m

    ICEBreakerPlatform().build(Counter(), do_build=False).extract(tmp_path)
    done = _shim("-q", "-l", "top.rpt", "top.ys", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "top.json").exists()
