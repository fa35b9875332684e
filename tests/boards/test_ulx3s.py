"""ULX3S: bitstream, the netlist's proof, and loading it through a virtual cable."""

import shutil

import pytest
from virtual_cable import LFE5U_25F, VirtualCable, VirtualEcp5

from holigrail_hw.core.errors import DesignError, RequestError, ToolError
from holigrail_hw.flow import tools
from holigrail_hw.flow.board import flash
from holigrail_hw.flow.board.proof import decode_and_check

# The iCEBreaker's tests do the same always.
pytestmark = [pytest.mark.synth, pytest.mark.slow, pytest.mark.heavy]

(_LOADER,) = (row for row in tools.report() if row["name"] == "openFPGALoader")
needs_loader = pytest.mark.skipif(
    _LOADER["status"] != "ok", reason=f"openFPGALoader: {_LOADER['status']}, {_LOADER['install']}"
)


@pytest.mark.icarus
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs the package iverilog")
def test_netlist_with_a_dsp_block_answers_as_golden(built):
    made = built("ulx3s", "dsp")
    assert made.result.met and made.result.used["MULT18X18D"][0] == 1
    assert decode_and_check(made.spec, made.result).source == "netlist"


@pytest.mark.icarus
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs the package iverilog")
def test_changed_netlist_is_caught(built, tmp_path):
    made = built("ulx3s", "dsp").copy_to(tmp_path / "copy")
    netlist = tmp_path / "copy" / made.result.netlist.rsplit("/", 1)[1]
    text = netlist.read_text()
    # The multiplier's low product bits change places.
    broken = text.replace('"P1":', '"swap":').replace('"P2":', '"P1":').replace('"swap":', '"P2":')
    assert broken != text
    netlist.write_text(broken)
    with pytest.raises(DesignError, match="^self-test: the answer must be "):
        decode_and_check(made.spec, made.result)


@needs_loader
def test_loader_writes_the_file_into_the_device(built, tmp_path):
    made = built("ulx3s", "dsp")
    device = VirtualEcp5()
    with VirtualCable(device) as cable:
        result = flash.run(made.bitstream, "ulx3s", virtual_cable=cable.address, log_dir=tmp_path)
    file = made.bitstream.read_bytes()
    header = len(file) - len(device.image)
    # The loader leaves out the file's comments: everything before the configuration data.
    assert file[header:] == device.image
    assert file[:header].startswith(b"\xff\x00Part: LFE5U-85F") and header < 64
    assert result.board == "ulx3s" and result.answer is None


@needs_loader
def test_changed_byte_is_seen(built, tmp_path):
    """The comparison above has teeth: another file gives other bytes."""
    made = built("ulx3s", "dsp")
    data = bytearray(made.bitstream.read_bytes())
    data[-200] ^= 1
    other = tmp_path / "other.bit"
    other.write_bytes(data)
    device = VirtualEcp5()
    with VirtualCable(device) as cable:
        flash.run(other, "ulx3s", virtual_cable=cable.address, log_dir=tmp_path)
    assert device.image and not made.bitstream.read_bytes().endswith(device.image)


@needs_loader
def test_wrong_device_is_refused(built, tmp_path):
    device = VirtualEcp5(LFE5U_25F)
    with VirtualCable(device) as cable, pytest.raises(DesignError) as caught:
        flash.run(
            built("ulx3s", "dsp").bitstream,
            "ulx3s",
            virtual_cable=cable.address,
            log_dir=tmp_path,
        )
    assert str(caught.value) == (
        "flash: the attached device must be that of ulx3s, not another one "
        "(its IDCODE differs from the bitstream's)"
    )
    assert device.image == b""


@needs_loader
def test_no_board_attached(built, tmp_path):
    with pytest.raises(ToolError) as caught:
        flash.run(built("ulx3s", "dsp").bitstream, "ulx3s", log_dir=tmp_path)
    assert str(caught.value) == (
        "flash: the board ulx3s must be attached, but none was found on USB"
    )
    assert caught.value.exit_code == 3 and "plug the board in" in caught.value.hint


@needs_loader
def test_bad_cable_address(built, tmp_path):
    with pytest.raises(RequestError, match="^flash: a virtual cable must be ADDRESS:PORT, not"):
        flash.run(
            built("ulx3s", "dsp").bitstream, "ulx3s", virtual_cable="nowhere", log_dir=tmp_path
        )
