"""A compiled netlist: what is known at the start of an iCE40 is as it is, the rest is random."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from holigrail_hw.core.errors import ToolError
from holigrail_hw.flow import tools
from holigrail_hw.flow.board.uart_simulation import simulate
from holigrail_hw.flow.synth.ice40.bitstream import mac16_model
from holigrail_hw.flow.synth.netlist_program import unknown_bits

pytestmark = [pytest.mark.sampled, pytest.mark.cocotb]

_DEFINES = ["NO_ICE40_DEFAULT_ASSIGNMENTS"]
# Block memory in bits 15 to 0, large memory in bits 31 to 16, a flip-flop in bit 32.
# Steps: 0 nothing, 1 read word 4 of the block memory, 2 read word 9 of the large one, 3 write it,
# 4 nothing, 5 read it.
_CHIP = """
module chip(input clk, input [2:0] rx, output [32:0] tx);
reg started = 0;
always @(posedge clk) if (rx == 7) started <= 1;
wire [11:0] high;
wire [3:0] low;
wire [15:0] out = {high, low};
assign tx[32:16] = {started, out ^ {16{started}}};
SB_RAM40_4K #(.INIT_0(256'h12340000000000000000)) block(
  .RDATA(tx[15:0]), .RADDR(11'd4), .RCLK(clk), .RCLKE(1'b1), .RE(rx == 1),
  .WADDR(11'd0), .WDATA(16'd0), .MASK(16'd0), .WCLK(clk), .WCLKE(1'b1), .WE(1'b0));
SB_SPRAM256KA spram(
  .DATAOUT({high, low}), .ADDRESS(14'd9), .DATAIN(16'hbeef), .MASKWREN(4'hf), .WREN(rx == 3),
  .CHIPSELECT(rx == 2 || rx == 3 || rx == 5), .CLOCK(clk),
  .STANDBY(1'b0), .SLEEP(1'b0), .POWEROFF(1'b1));
endmodule
"""


@dataclass(frozen=True)
class Look:
    """What a bench of a netlist needs; what it saw goes into a file."""

    bench: ClassVar[str] = "unknown_bits_bench"
    who: ClassVar[str] = "look"
    simulator: ClassVar[str] = "verilator"
    what: ClassVar[str] = "six steps"
    clock, rx, tx, reset = "clk", "rx", "tx", ""

    seed: int
    seen: Path

    def environment(self):
        """The bench's variables."""
        known = tools.environment()["PYTHONPATH"]
        return {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), known]),
            "SEEN": str(self.seen),
        }


@pytest.mark.heavy
def test_memories_of_an_ice40(tmp_path):
    source, seen = tmp_path / "chip.v", tmp_path / "seen.json"
    source.write_text(_CHIP)

    def run(seed):
        files = [source, *mac16_model()]
        simulate(files, "chip", Look(seed, seen), log=tmp_path / "log", defines=_DEFINES)
        words = json.loads(seen.read_text())
        return [(word & 0xFFFF, word >> 16 & 0xFFFF, word >> 32) for word in words]

    runs = [run(seed) for seed in (1, 2)]
    small, large, started = zip(*[zip(*words, strict=True) for words in runs], strict=True)
    # What is known: flip-flops, contents from the bitstream, words that were written.
    assert started == ((0,) * 6,) * 2
    assert [words[1:] for words in small] == [(0x1234,) * 5] * 2
    assert [words[5] for words in large] == [0xBEEF] * 2
    # What is not: the runs differ, so these are not all zeros.
    unknown = [*zip(*large, strict=True)][:3] + [tuple(words[0] for words in small)]
    for values in unknown:
        assert len(set(values)) == 2, unknown
    assert run(1) == runs[0]


def test_every_seed_is_one_verilator_takes():
    for seed in (-1, 0, 1, 1 << 31, 0xFFFFFFFF):
        _, word = unknown_bits(seed)
        assert 1 <= int(word.rsplit("+", 1)[1]) < 1 << 31


def test_verilog_that_is_none_is_refused(tmp_path):
    source = tmp_path / "chip.v"
    source.write_text("module chip(input clk, input rx, output tx); nonsense endmodule\n")
    with pytest.raises(ToolError, match="^verilator: must finish with status 0, not 1"):
        simulate([source], "chip", Look(1, tmp_path / "seen"), log=tmp_path / "log")
