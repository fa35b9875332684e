"""AXI4-Stream shells of operators and engines: names, packing, benches on every level."""

import re
import subprocess
from dataclasses import replace

import needs
import numpy as np
import pytest
from sample_engines import Repeat
from sample_operators import Accumulate, MultiplyAdd

from holigrail_hw.core import DesignError, RequestError, Timing
from holigrail_hw.core.shelled import shelled
from holigrail_hw.flow.emit import emit, manifest
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import verify, workloads
from holigrail_hw.shells.axi_stream.shell import AxiStream
from holigrail_hw.shells.axi_stream.wrapper import wrapper

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

AXI = Timing(shell="axi-stream")


def test_ports_of_an_engine():
    top = Top(Repeat(width=13), AXI)
    assert top.name == "test_repeat_width_13_axi_stream"
    assert [(port.name, port.direction, port.width) for port in top.ports()] == [
        ("clk", "in", 1),
        ("rst", "in", 1),
        ("s_axis_value_tvalid", "in", 1),
        ("s_axis_value_tready", "out", 1),
        ("s_axis_value_tdata", "in", 16),
        ("s_axis_count_tvalid", "in", 1),
        ("s_axis_count_tready", "out", 1),
        ("s_axis_count_tdata", "in", 8),
        ("m_axis_result_tvalid", "out", 1),
        ("m_axis_result_tready", "in", 1),
        ("m_axis_result_tdata", "out", 16),
        ("m_axis_result_tlast", "out", 1),
    ]


def test_a_clock_and_a_reset_are_there_in_any_case():
    """Without a register, too: an interface without a clock is none."""
    for spec, timing in ((MultiplyAdd(), AXI), (MultiplyAdd(), replace(AXI, latency=2))):
        top = Top(spec, timing)
        assert top.clocked and [port.name for port in top.ports()][:2] == ["clk", "rst"]
        assert manifest.describe(top, [], vectors=1, seed=0)["clock"] == "clk"
        assert re.search(r"^  input clk;$", emit.verilog(top), re.M)
    assert not Top(MultiplyAdd(), Timing(shell="stream")).clocked


def test_the_module_with_the_names_of_axi():
    top = Top(Repeat(width=13), AXI)
    text = wrapper(top.name, top.spec.streams())
    lines = [line.strip().rstrip(",") for line in text.splitlines()]
    assert lines[1] == "module test_repeat_width_13_axi_stream_ip("
    ports = [line for line in lines if re.match("(in|out)put ", line)]
    assert ports == [
        "input aclk",
        "input aresetn",
        "input s_axis_value_tvalid",
        "output s_axis_value_tready",
        "input [15:0] s_axis_value_tdata",
        "input s_axis_count_tvalid",
        "output s_axis_count_tready",
        "input [7:0] s_axis_count_tdata",
        "output m_axis_result_tvalid",
        "input m_axis_result_tready",
        "output [15:0] m_axis_result_tdata",
        "output m_axis_result_tlast",
    ]
    info = re.findall(r'X_INTERFACE_INFO = "xilinx\.com:(\S+) (\w+) (\w+)"', text)
    assert len(info) == len(ports)
    for (kind, interface, signal), port in zip(info[2:], ports[2:], strict=True):
        assert kind == "interface:axis:1.0"
        assert port.split()[-1] == f"{interface}_{signal.lower()}"
    assert info[:2] == [("signal:clock:1.0", "aclk", "CLK"), ("signal:reset:1.0", "aresetn", "RST")]
    facts = re.findall(r'X_INTERFACE_PARAMETER = "(.*)"', text)
    names = "s_axis_value:s_axis_count:m_axis_result"
    assert facts[:2] == [
        f"ASSOCIATED_BUSIF {names}, ASSOCIATED_RESET aresetn",
        "POLARITY ACTIVE_LOW",
    ]
    assert [("HAS_TLAST 1" in one, one.split(",")[0]) for one in facts[2:]] == [
        (False, "TDATA_NUM_BYTES 2"),
        (False, "TDATA_NUM_BYTES 1"),
        (True, "TDATA_NUM_BYTES 2"),
    ]
    assert ".clk(aclk)" in lines and ".rst(~aresetn)" in lines


@needs.iverilog
@pytest.mark.icarus
def test_the_files_compile_together(tmp_path):
    made = emit.generate(MultiplyAdd(), AXI, tmp_path, vectors=10)
    top = made.manifest["top"]
    assert f"{top}_ip.v" in made.manifest["files"]
    for standard in ("-g2005", "-g2012"):
        words = ["iverilog", standard, "-Wall", "-s", f"{top}_ip", "-o", "x"]
        files = [f"{top}.v", f"{top}_ip.v"]
        done = subprocess.run([*words, *files], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_fields_lie_in_order_from_bit_zero():
    spec = shelled(MultiplyAdd(a_width=3, b_width=4, c_width=2), AXI)
    assert isinstance(spec, AxiStream)
    a, b, c = 5, 9, 2
    answer = spec.golden(s_axis_i={"tdata": np.array([a | b << 3 | c << 7], np.uint64)})
    assert answer["m_axis_o"]["tdata"].tolist() == [a * b + c]


@pytest.mark.parametrize(
    ("spec", "timing"),
    [
        (Repeat(width=13), AXI),
        (MultiplyAdd(), AXI),
        (MultiplyAdd(a_width=40, b_width=40), replace(AXI, latency=2)),
        (Accumulate(slow=True), replace(AXI, period_ns=4)),
    ],
    ids=["engine", "combinational", "pipelined", "interleaved sums"],
)
def test_compiled(spec, timing):
    assert verify.run(spec, timing, levels=["compiled"], count=200).vectors >= 600


@needs.iverilog
@pytest.mark.icarus
@pytest.mark.cocotb
def test_emitted_verilog():
    result = verify.run(
        Repeat(width=13), AXI, levels=["cocotb", "icarus"], simulator="icarus", count=60
    )
    assert all(level.vectors >= 60 for level in result.levels)


def test_a_fault_is_caught():
    with pytest.raises(DesignError) as caught:
        verify.run(Repeat(fault="value"), AXI, levels=["compiled"], count=200)
    assert "stream m_axis_result" in str(caught.value)
    assert "holigrail verify test-repeat --fault value --shell axi-stream" in str(caught.value)


def test_bits_that_are_not_judged():
    """A field without a right value leaves its bits out of the comparison."""
    spec = shelled(Repeat(width=5), AXI)
    items = spec.job(np.random.default_rng(1), 20)
    chosen = workloads.given(spec, items)
    low, high, _ = chosen.expected["m_axis_result"]["tdata"]
    chosen.expected["m_axis_result"]["tdata"] = low, high, 0b00011
    found = {"tdata": low ^ np.uint64(4), "tlast": chosen.expected["m_axis_result"]["tlast"][0]}
    assert workloads.differences(chosen, {"m_axis_result": found}) == []
    found["tdata"] = low ^ np.uint64(2)
    assert len(workloads.differences(chosen, {"m_axis_result": found})) == len(low)


def test_the_manifest_gives_the_design_back(tmp_path):
    generated = emit.generate(Repeat(), AXI, tmp_path, vectors=10)
    assert manifest.load(generated.files[-1]) == (Repeat(), AXI)


def test_an_unknown_shell():
    with pytest.raises(
        RequestError, match="shell must be one of plain, stream, axi-stream, wishbone"
    ):
        Timing(shell="axi")
