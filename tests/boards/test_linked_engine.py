"""An engine with its host link on boards: jobs through the serial line of the finished design."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow import tools
from holigrail_hw.flow.board import build
from holigrail_hw.flow.board.proof import decode_and_check

sys.path.append(str(Path(__file__).parents[1] / "flow"))
from sample_engines import Repeat

pytestmark = [
    pytest.mark.synth,
    pytest.mark.icarus,
    pytest.mark.slow,
    pytest.mark.heavy,
    pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs the package iverilog"),
]


@pytest.mark.icestorm
@pytest.mark.skipif(tools.icebox_folder() is None, reason="needs the package fpga-icestorm")
def test_icebreaker_bitstream_with_block_memories(tmp_path):
    spec = Repeat(width=12)
    made = build.run(spec, Timing(), "icebreaker", tmp_path, check=False)
    assert made.met and made.latency is None and made.used["ICESTORM_RAM"][0] == 2
    proof = decode_and_check(spec, made, count=1)
    assert proof.source == "bitstream" and proof.items >= 1 and proof.memories == 2
    # The same bits are another design for a host that wants another one.
    with pytest.raises(DesignError, match="^link: test-repeat: the board must hold the design "):
        decode_and_check(replace(spec, width=11), made, count=1)


def test_ulx3s_netlist_with_memories(tmp_path):
    """It answers as golden does, and no longer if two data pins of a queue change places."""
    spec = Repeat(width=12)
    made = build.run(spec, Timing(), "ulx3s", tmp_path, check=False)
    assert made.met and made.netlist is not None
    assert decode_and_check(spec, made, count=1).source == "netlist"
    netlist = Path(made.netlist)
    text = netlist.read_text()
    broken = text.replace('"DIA3":', '"swap":').replace('"DIA4":', '"DIA3":')
    broken = broken.replace('"swap":', '"DIA4":')
    assert broken != text
    netlist.write_text(broken)
    with pytest.raises(DesignError, match="must equal the golden model"):
        decode_and_check(spec, made, count=1)
