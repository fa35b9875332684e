"""Registers around products in ECP5 DSP blocks: which may move; the netlist computes the same."""

import json
from pathlib import Path

import numpy as np
import pytest

from holigrail_hw.core.run.process import run
from holigrail_hw.flow import tools
from holigrail_hw.flow.synth import synth
from holigrail_hw.flow.synth.devices import target
from holigrail_hw.flow.synth.ecp5.multipliers import absorb_product_registers

CELLS = Path(synth.__file__).with_name("ecp5") / "cells.v"
DESIGNS = {
    "plain": "output reg signed [15:0] p); always @(posedge clk) p <= a * b;",
    "enabled": "output reg signed [15:0] p); always @(posedge clk) if (en) p <= a * b;",
    "reset": "output reg signed [15:0] p); always @(posedge clk) p <= rst ? 0 : a * b;",
    "shared": (
        "output reg signed [15:0] p, output signed [15:0] q); assign q = a * b;"
        " always @(posedge clk) p <= q;"
    ),
    "halves": (
        "output reg signed [15:0] p); wire signed [15:0] q = a * b;"
        " always @(posedge clk) begin p[7:0] <= q[7:0]; if (en) p[15:8] <= q[15:8]; end"
    ),
    "factors": (
        "output reg signed [15:0] p); reg signed [7:0] a1, b1, a2, b2; always @(posedge clk)"
        " begin {a1, b1, a2} <= {a, b, a1}; if (en) b2 <= b1; p <= a2 * b2; end"
    ),
    "copied": (
        "output reg signed [15:0] p); reg signed [7:0] a1, b1, a2, b2, a3; always @(posedge clk)"
        " begin {a1, b1, a2, b2, a3} <= {a, b, a1, b1, a2}; p <= a2 * b2 + a3; end"
    ),
    "computed": (
        "output reg signed [15:0] p); reg signed [7:0] a1, b1, a2, b2; always @(posedge clk)"
        " begin {a1, b1, a2, b2} <= {a, b, a1 ^ b1, b1}; p <= a2 * b2; end"
    ),
}
# Flip-flops that are left. Those of `copied` are the first two, those of a that the sum reads too,
# a behind them, and the sum; in front of one factor of `computed` there is logic, so both stay.
LEFT = {"plain": 0, "enabled": 0, "factors": 16, "copied": 48, "computed": 32}
BENCH = """
module bench;
  reg clk = 0, rst = 0, en = 0;
  reg signed [7:0] a = 0, b = 0;
  wire signed [15:0] p;
  top dut(.clk(clk), .rst(rst), .en(en), .a(a), .b(b), .p(p));
  integer i;
  initial begin
    for (i = 0; i < 200; i = i + 1) begin
      {rst, en} = $random;
      a = $random;
      b = $random;
      #1 $display("%0d %0d %0d %0d %0d", rst, en, a, b, p);
      clk = 1;
      #1 clk = 0;
    end
    $finish;
  end
endmodule
"""


def chain(step):
    """A register before each clock edge, where each turn makes a state of the one before."""

    def run(rows: np.ndarray) -> list[int]:
        state, found = [0] * 6, []
        for _, en, a, b, _ in rows.tolist():
            found.append(state[-1])
            state = step(en, a, b, *state)
        return found

    return run


def byte(value: int) -> int:
    """A number of 8 bits."""
    return (value + 128) % 256 - 128


CHAINS = {
    "factors": chain(
        lambda en, a, b, a1, b1, a2, b2, a3, p: [a, b, a1, b1 if en else b2, 0, a2 * b2]
    ),
    "copied": chain(lambda en, a, b, a1, b1, a2, b2, a3, p: [a, b, a1, b1, a2, a2 * b2 + a3]),
    "computed": chain(
        lambda en, a, b, a1, b1, a2, b2, a3, p: [a, b, byte(a1 ^ b1), b1, 0, a2 * b2]
    ),
}


def expected(kind: str, rows: np.ndarray) -> list[int]:
    """The register before each clock edge, from what was given."""
    if kind in CHAINS:
        return CHAINS[kind](rows)
    value, found = 0, []
    for rst, en, a, b, _ in rows.tolist():
        found.append(value)
        product = a * b
        if kind == "halves":
            high = product if en else value
            mixed = (high & 0xFF00) | (product & 0xFF)
            value = mixed - (1 << 16) if mixed & 0x8000 else mixed
        elif kind == "reset":
            value = 0 if rst else product
        elif kind != "enabled" or en:
            value = product
    return found


@pytest.mark.parametrize("kind", DESIGNS)
def test_registers_move_where_they_may_and_the_netlist_is_right(kind, tmp_path):
    source = tmp_path / "top.v"
    ports = "module top(input clk, rst, en, input signed [7:0] a, b, "
    source.write_text(f"{ports}{DESIGNS[kind]}\nendmodule\n")
    netlist, result = synth.synthesise([source], "top", target("ecp5"), dsp=True, folder=tmp_path)
    assert result.dsps == 1
    assert result.flip_flops == LEFT.get(kind, 16)
    module = json.loads(netlist.read_text())["modules"]["top"]
    assert absorb_product_registers(module) == 0
    commands = f"read_json {netlist}; delete t:$scopeinfo; write_verilog -noattr {tmp_path}/net.v"
    yosys, icarus = (tools.require(name, who="test")[name] for name in ("yosys", "iverilog"))
    run([*yosys.command, "-p", commands], who="yosys", log=tmp_path / "y.log")
    (tmp_path / "bench.v").write_text(BENCH)
    files = [tmp_path / "net.v", CELLS, tmp_path / "bench.v"]
    program = tmp_path / "program"
    run(
        [*icarus.command, "-g2012", "-s", "bench", "-o", program, *files],
        who="iverilog",
        log=tmp_path / "i.log",
    )
    output = run([program], who="bench", log=tmp_path / "b.log").output
    rows = np.array(
        [list(map(int, line.split())) for line in output.splitlines() if line[:1] in "01"]
    )
    assert len(rows) == 200
    assert rows[:, 4].tolist() == expected(kind, rows)
