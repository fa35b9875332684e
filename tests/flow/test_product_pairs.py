"""Two small products in one DSP block of an iCE40: which may share it, and that all are right."""

import json
from copy import deepcopy

import pytest

from holigrail_hw.core.run.process import run
from holigrail_hw.flow import tools
from holigrail_hw.flow.synth.devices import target
from holigrail_hw.flow.synth.ice40.product_pairs import pair_products
from holigrail_hw.flow.synth.mapping import map_design
from holigrail_hw.flow.synth.netlist_top import cell_models

GOAL = target("ice40up5k")
COUNT = 10
BENCH = """
module bench;
  reg signed [7:0] a = 0, b = 0;
  wire [199:0] p;
  top dut(.a(a), .b(b), .p(p));
  integer i;
  initial begin
    for (i = 0; i < 300; i = i + 1) begin
      {a, b} = i < 4 ? {i[1], 7'd0, i[0], 7'd0} : $random;
      #1 $display("%0d %0d %h", a, b, p);
    end
    $finish;
  end
endmodule
"""


def design(kind: str) -> str:
    """Products of a and b, each with operands of its own, and a sum that reads their upper bits."""
    width = {"signed": 8, "narrow": 5, "wide": 9}[kind]
    lines = ["module top(input signed [7:0] a, b, output [199:0] p);"]
    for n in range(COUNT):
        lines += [
            f"wire signed [{width - 1}:0] x{n} = a ^ {n}, y{n} = b + {n};",
            f"wire signed [19:0] p{n} = x{n} * y{n};",
            f"assign p[{20 * n}+:20] = p{n};",
        ]
    return "\n".join([*lines, "endmodule", ""])


def mapped(kind: str, folder):
    (folder / "top.v").write_text(design(kind))
    return map_design(
        ["read_verilog top.v"],
        "top",
        GOAL,
        dsp=True,
        pads=False,
        netlist=folder / "top.json",
        log=folder / "yosys.log",
        who="test",
    )


def blocks(module) -> list[dict]:
    return [cell for cell in module["cells"].values() if cell["type"] == "SB_MAC16"]


def as_signed(value: int, bits: int) -> int:
    return (value & (1 << bits) - 1) - ((value >> bits - 1 & 1) << bits)


@pytest.mark.parametrize("kind", ["signed", "narrow", "wide"])
def test_products_share_blocks_where_there_are_too_few_and_are_right(kind, tmp_path):
    found = mapped(kind, tmp_path)
    pairs = sum(
        "MODE_8x8" in c["parameters"] and "1" in c["parameters"]["MODE_8x8"]
        for c in blocks(found.module)
    )
    if kind == "wide":
        assert (len(blocks(found.module)), pairs) == (COUNT, 0)
        return
    # Products of five bits are left to logic, which has room for them.
    assert (len(blocks(found.module)), pairs) == ((8, 2) if kind == "signed" else (0, 0))
    if kind == "narrow":
        return
    models = cell_models({c["type"] for c in found.module["cells"].values()}, "ice40")
    (tmp_path / "models.v").write_text(models)
    (tmp_path / "bench.v").write_text(BENCH)
    commands = "read_json top.json; delete t:$scopeinfo; write_verilog -noattr flat.v"
    yosys, icarus = (tools.require(n, who="test")[n] for n in ("yosys", "iverilog"))
    run(
        [*yosys.command, "-q", "-p", commands],
        who="yosys",
        log=tmp_path / "y.log",
        cwd=tmp_path,
        environment=tools.environment(),
    )
    run(
        [
            *icarus.command,
            "-g2012",
            "-DNO_ICE40_DEFAULT_ASSIGNMENTS",
            "-o",
            "bench.vvp",
            "bench.v",
            "flat.v",
            "models.v",
        ],
        who="iverilog",
        log=tmp_path / "i.log",
        cwd=tmp_path,
        environment=tools.environment(),
    )
    told = run(
        ["vvp", "bench.vvp"],
        who="vvp",
        log=tmp_path / "v.log",
        cwd=tmp_path,
        environment=tools.environment(),
    ).output
    rows = [line.split() for line in told.splitlines() if line.count(" ") == 2]
    assert len(rows) == 300
    for a, b, p in rows:
        whole = int(p, 16)
        for n in range(COUNT):
            product = as_signed(int(a) ^ n, 8) * as_signed(int(b) + n, 8)
            assert as_signed(whole >> 20 * n, 20) == product


def test_only_as_many_pairs_are_made_as_are_needed():
    single = single_blocks(COUNT)
    for room, left in ((COUNT, 10), (9, 9), (5, 5), (2, 5)):
        module = deepcopy(single)
        assert pair_products(module, room) == COUNT - left
        assert len(blocks(module)) == left


def single_blocks(count: int) -> dict:
    """A module of plain products, with what tells them from others."""
    cells, bit = {}, 2
    for n in range(count):
        a, b, o = (list(range(bit + k, bit + k + w)) for k, w in ((0, 8), (8, 8), (16, 32)))
        bit += 48
        cells[f"p{n}"] = {
            "type": "SB_MAC16",
            "parameters": {
                "A_SIGNED": "1".rjust(32, "0"),
                "B_SIGNED": "1".rjust(32, "0"),
                "TOPOUTPUT_SELECT": "11",
                "BOTOUTPUT_SELECT": "11",
            },
            "port_directions": {"A": "input", "B": "input", "O": "output"},
            "connections": {"A": a + 8 * a[-1:], "B": b + 8 * b[-1:], "O": o},
        }
    return {"cells": cells, "ports": {}, "netnames": {}}


@pytest.mark.parametrize("spoil", ["unsigned", "register", "wide"])
def test_other_blocks_stay_alone(spoil):
    module = single_blocks(2)
    cell = module["cells"]["p1"]
    if spoil == "unsigned":
        cell["parameters"]["A_SIGNED"] = "0".rjust(32, "0")
    elif spoil == "register":
        cell["parameters"]["A_REG"] = "1"
    else:
        cell["connections"]["B"][-1] = 1000
    before = json.dumps(module)
    assert pair_products(module, 1) == 0 and json.dumps(module) == before
