"""Blocks of an iCE40 UltraPlus that synthesis may lose, or refuse: multipliers, large memories."""

import pytest
from amaranth.back import verilog

from holigrail_hw.arrays.gemm_buffer import Buffer
from holigrail_hw.flow import synth
from holigrail_hw.flow.ice40_multipliers import has_lost_multipliers

LINE = "Checking top.{} for iCE40 DSP inference.\n"


@pytest.mark.parametrize(("blocks", "lost"), [(2, False), (1, True), (0, True)])
def test_products_and_blocks_are_counted(tmp_path, blocks, lost):
    log = tmp_path / "yosys.log"
    log.write_text("7.29. Executing ICE40_DSP pass\n" + LINE.format("a") + LINE.format("b"))
    cells = {f"cell{i}": {"type": "SB_MAC16"} for i in range(blocks)} | {"c": {"type": "SB_LUT4"}}
    assert has_lost_multipliers(log, cells) is lost


# Two elements of an array: a product, and a product added to it.
CHAIN = """
module chain (input clk, input signed [7:0] a, b, c, d, output reg signed [16:0] s);
  reg signed [7:0] e, f, g, h;
  reg signed [15:0] p, q, r;
  always @(posedge clk) begin
    e <= a; f <= b; g <= c; h <= d;
    p <= e * f;
    q <= p;
    r <= g * h;
    s <= q + r;
  end
endmodule
"""


@pytest.mark.synth
def test_a_chain_keeps_its_multipliers(tmp_path):
    """Yosys's own script leaves one of two."""
    source = tmp_path / "chain.v"
    source.write_text(CHAIN)
    result = synth.run([source], "chain", "ice40up5k", work_dir=tmp_path / "w", place=False)
    assert result.dsps == 2
    assert "mul2dsp" in (tmp_path / "w" / "chain.ys").read_text()


@pytest.mark.synth
def test_the_halves_of_a_buffer_are_large_memories(tmp_path):
    source = tmp_path / "buffer.v"
    source.write_text(verilog.convert(Buffer("large", 16, 64), name="buffer"))
    result = synth.run([source], "buffer", "ice40up5k", work_dir=tmp_path / "w", place=False)
    assert result.cells["SB_SPRAM256KA"] == 2
