"""Products in DSP blocks: as many blocks as products, and results as golden says."""

import pytest
from amaranth.back import verilog

from holigrail_hw.arrays.gemm.buffer import Buffer
from holigrail_hw.flow.synth import synth
from holigrail_hw.soc.hardware.large_scratchpad import LargeScratchpad

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
    """``synth_ice40 -dsp`` leaves one of two."""
    source = tmp_path / "chain.v"
    source.write_text(CHAIN)
    result = synth.run([source], "chain", "ice40up5k", work_dir=tmp_path / "w", place=False)
    assert result.dsps == 2


@pytest.mark.synth
def test_the_halves_of_a_buffer_are_large_memories(tmp_path):
    source = tmp_path / "buffer.v"
    source.write_text(verilog.convert(Buffer("large", 16, 64), name="buffer"))
    result = synth.run([source], "buffer", "ice40up5k", work_dir=tmp_path / "w", place=False)
    assert result.cells["SB_SPRAM256KA"] == 2


@pytest.mark.synth
def test_the_banks_of_a_scratchpad_with_one_port_are_large_memories(tmp_path):
    source = tmp_path / "pad.v"
    source.write_text(verilog.convert(LargeScratchpad(256, 2), name="pad"))
    result = synth.run([source], "pad", "ice40up5k", work_dir=tmp_path / "w", place=False)
    assert result.cells["SB_SPRAM256KA"] == result.memories == 2
