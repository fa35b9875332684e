"""The registry of boards, and what a build writes for each of them."""

import os
import re
import stat
from pathlib import Path

import pytest
from conftest import mac

from holigrail_hw.core.errors import DesignError, RequestError, ToolError
from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.primitives import device_models
from holigrail_hw.flow.board import build
from holigrail_hw.flow.board.board import board, boards
from holigrail_hw.flow.synth.devices import TARGETS
from holigrail_hw.formats import parse


def test_registry_holds_one_board_per_file():
    folder = Path(__file__).parents[2] / "boards"
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert set(boards()) == files
    assert {"icebreaker", "ulx3s", "tang_nano_9k", "zcu104"} <= files


@pytest.mark.parametrize("name", boards())
def test_board_agrees_with_its_platform(name):
    entry = board(name)
    assert entry.platform().default_clk_frequency == entry.clock_hz
    assert entry.model in device_models()
    assert (entry.target is None) == (entry.vendor_tool is not None)
    assert entry.target is None or entry.target in TARGETS
    # The serial line's error stays well below half a bit in ten.
    assert abs(entry.clock_hz / entry.divisor / entry.baud - 1) < 0.02


def test_unknown_board():
    with pytest.raises(RequestError, match=r"^build: board must be one of .*, not 'breadboard'$"):
        board("breadboard")


@pytest.mark.synth
@pytest.mark.heavy
def test_gowin_bitstream(built):
    made = built("tang_nano_9k", "rows")
    text = made.bitstream.read_text()
    bits = [line for line in text.splitlines() if not line.startswith("//")]
    assert len(bits) > 500 and all(set(line) <= {"0", "1"} for line in bits)
    assert made.result.met and made.result.fmax_mhz > 27
    assert 300 < made.result.used["LUT4"][0] < 1500


def test_closed_vendor_gets_a_project(tmp_path):
    result = build.run(mac(), Timing(), "zcu104", tmp_path)
    assert result.bitstream is None and result.met is None
    assert result.note.startswith("not built here: Vivado is closed")
    folder = tmp_path / result.top
    assert (folder / "NOT_BUILT.txt").read_text() == result.note + "\n"
    assert sorted(result.files) == sorted(str(path) for path in folder.iterdir())
    assert "synth_design" in (folder / "top.tcl").read_text()
    pins = (folder / "top.xdc").read_text()
    for pin in ("F23", "E23", "A20", "C19"):
        assert re.search(rf"\b{pin}\b", pins)
    verilog = (folder / "top.v").read_text()
    assert "module top(" in verilog
    assert str(Path(__file__).parents[2]) not in verilog


def test_closed_vendor_project_is_reproducible(tmp_path):
    texts = []
    for name in ("one", "two"):
        result = build.run(mac(), Timing(), "zcu104", tmp_path / name)
        texts.append({Path(path).name: Path(path).read_bytes() for path in result.files})
    assert texts[0] == texts[1]


@pytest.mark.synth
@pytest.mark.heavy
def test_board_without_room(tmp_path):
    # A product of 64 x 64 bits takes sixteen DSP blocks; an UP5K has eight.
    wide = parse("int64")
    spec = type(mac())(a=wide, b=wide, accumulator=wide, multiplier="dsp")
    with pytest.raises(DesignError) as caught:
        build.run(spec, Timing(), "icebreaker", tmp_path)
    assert re.fullmatch(
        r"build: the design must fit on icebreaker, not need .*\d\d of 8 ICESTORM_DSP.*",
        str(caught.value),
    )
    assert caught.value.exit_code == 1 and caught.value.hint
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith("_logs")] == []


def test_unwritable_folder(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(RequestError) as caught:
        build.run(mac(), Timing(), "icebreaker", blocker / "out")
    assert str(caught.value) == (
        f"build: the output folder must be writable, not {blocker / 'out'} (Not a directory)"
    )


def _stand_in(folder: Path, text: str) -> Path:
    """A program that replaces a tool."""
    program = folder / "stand_in"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_missing_tool(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTPNR_ICE40", str(tmp_path / "nowhere"))
    with pytest.raises(ToolError) as caught:
        build.run(mac(), Timing(), "icebreaker", tmp_path / "out")
    assert str(caught.value) == (
        "nextpnr-ice40: the variable NEXTPNR_ICE40 must name a program, "
        f"not '{tmp_path / 'nowhere'}'"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.synth
def test_killed_tool_leaves_nothing_behind(tmp_path, monkeypatch):
    program = _stand_in(tmp_path, "echo placing; kill -9 $$")
    monkeypatch.setenv("NEXTPNR_ICE40", str(program))
    out = tmp_path / "out"
    with pytest.raises(ToolError) as caught:
        build.run(mac(), Timing(), "icebreaker", out)
    message = str(caught.value)
    assert message.startswith(
        "nextpnr-ice40: must finish with status 0, not be killed by signal 9 "
        "(SIGKILL, probably out of memory)\n"
    )
    assert "command: " in message and "  placing" in message
    (logs,) = out.iterdir()
    assert logs.name.endswith("_logs")
    assert (logs / "nextpnr.log").read_text() == "placing\n"
    assert os.fspath(logs / "nextpnr.log") in message
