"""iCEBreaker: from the operator to the bits, and the proof read back from the bits."""

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import mac

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow import tools
from holigrail_hw.flow.board import build
from holigrail_hw.flow.board.proof import decode_and_check
from holigrail_hw.flow.synth.ice40.bitstream import decode

pytestmark = [
    pytest.mark.synth,
    pytest.mark.icestorm,
    pytest.mark.icarus,
    pytest.mark.slow,
    pytest.mark.skipif(tools.icebox_folder() is None, reason="needs the package fpga-icestorm"),
    pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs the package iverilog"),
]


def test_bitstream_with_a_dsp_block_answers_as_golden(built):
    made = built("icebreaker", "dsp")
    assert made.result.met and made.result.used["ICESTORM_DSP"][0] == 1
    proof = decode_and_check(made.spec, made.result)
    assert proof.source == "bitstream" and proof.items == 200
    assert proof.dsps == 1
    assert proof.luts == made.result.used["ICESTORM_LC"][0]


@pytest.mark.heavy
def test_wrong_model_is_caught(built):
    """The same bits against the golden model of another operator of the same shape."""
    made = built("icebreaker", "dsp")
    other = mac(multiplier="dsp", overflow="saturate")
    with pytest.raises(DesignError, match="^self-test: the answer must be "):
        decode_and_check(other, made.result)


@pytest.mark.heavy
def test_flipped_bits_are_caught(built, tmp_path):
    """The look-up tables of one tile, inverted in the bitstream, change the answer."""
    made = built("icebreaker", "dsp").copy_to(tmp_path / "copy")
    _flip_tables(made, tmp_path)
    with pytest.raises(DesignError, match="^self-test: "):
        decode_and_check(made.spec, made.result)


def _flip_tables(made, folder):
    """Invert the tables of the busiest tile, by way of the textual form; packs the result."""
    found = tools.require("iceunpack", "icepack", who="test")
    shutil.copyfile(made.bitstream, folder / "in.bin")
    unpack = [*found["iceunpack"].command, "in.bin", "in.asc"]
    subprocess.run(unpack, cwd=folder, check=True)
    lines = (folder / "in.asc").read_text().splitlines()
    # Columns 36 to 43 of a logic tile's sixteen rows hold the tables of its eight cells.
    starts = [index for index, line in enumerate(lines) if line.startswith(".logic_tile")]
    start = max(starts, key=lambda index: "".join(lines[index + 1 : index + 17]).count("1"))
    swap = str.maketrans("01", "10")
    for row in range(start + 1, start + 17):
        line = lines[row]
        lines[row] = line[:36] + line[36:44].translate(swap) + line[44:]
    (folder / "out.asc").write_text("\n".join(lines) + "\n")
    pack = [*found["icepack"].command, "out.asc", "out.bin"]
    subprocess.run(pack, cwd=folder, check=True)
    assert (folder / "out.bin").read_bytes() != made.bitstream.read_bytes()
    shutil.copyfile(folder / "out.bin", made.bitstream)


@pytest.mark.heavy
def test_two_builds_give_the_same_bits(built, tmp_path):
    made = built("icebreaker", "dsp")
    again = build.run(made.spec, Timing(), "icebreaker", tmp_path, check=False)
    assert Path(again.bitstream).read_bytes() == made.bitstream.read_bytes()


def test_damaged_bitstream_is_refused(built, tmp_path):
    made = built("icebreaker", "dsp").copy_to(tmp_path / "copy")
    made.bitstream.write_bytes(b"no bitstream at all")
    with pytest.raises(DesignError) as caught:
        decode_and_check(made.spec, made.result)
    assert str(caught.value).startswith("iceunpack: must finish with status 0, not ")
    assert caught.value.hint == "the bitstream may be damaged; build it again"


def test_missing_bitstream_is_refused(built, tmp_path):
    made = built("icebreaker", "dsp")
    with pytest.raises(RequestError, match="^decode: the file must exist, not "):
        decode(tmp_path / "none.bin", tmp_path / "none.pcf", log=tmp_path / "log")
    assert made.bitstream.exists()
