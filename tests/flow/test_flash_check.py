"""The host's side of the self-test, against a pseudo terminal that plays the board."""

import os
import socket
import threading
import time
import tty
from contextlib import contextmanager
from pathlib import Path

import pytest

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.core.errors import DesignError, RequestError, ToolError
from holigrail_hw.flow.board import self_test
from holigrail_hw.flow.board.board import board
from holigrail_hw.flow.board.flash import Check, ready, run
from holigrail_hw.flow.board.self_tested import SelfTested
from holigrail_hw.flow.board.serial_port import SerialPort, find_port

SPEC = Mac()
CHECK = Check(SPEC, seed=9, count=50)


@contextmanager
def played_board(reply):
    """A serial port; ``reply(command)`` is sent after nine bytes have come."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)

    def play():
        command = b""
        while len(command) < 9:
            command += os.read(ours, 9)
        # In two pieces, as a slow line would deliver it.
        answer = reply(command)
        os.write(ours, answer[:4])
        time.sleep(0.05)
        os.write(ours, answer[4:])

    player = threading.Thread(target=play, daemon=True)
    player.start()
    try:
        yield Path(os.ttyname(theirs))
    finally:
        player.join(timeout=5)
        os.close(ours)
        os.close(theirs)


def check_board(port):
    """The answer of the board, compared with golden."""
    goal = board("icebreaker")
    return SelfTested(SPEC).check(goal, port, CHECK.timing, CHECK.seed, CHECK.count)


def _honest(command):
    assert command == self_test.command(9, 50)
    return self_test.expected_answer(SPEC, 9, 50)


def test_right_answer():
    with played_board(_honest) as port:
        got = check_board(port)
    assert got == (50, self_test.expected_answer(SPEC, 9, 50).hex())


def test_wrong_signature():
    right = self_test.expected_answer(SPEC, 9, 50)
    wrong = right[:1] + bytes([right[1] ^ 1]) + right[2:]
    with played_board(lambda command: wrong) as port, pytest.raises(DesignError) as caught:
        check_board(port)
    assert str(caught.value) == (
        f"flash: the signature of 50 items from seed 9 must be {right[1:5].hex()}, "
        f"not {wrong[1:5].hex()}"
    )
    assert caught.value.exit_code == 1


def test_board_with_another_design():
    right = self_test.expected_answer(SPEC, 9, 50)
    other = right[:5] + b"abcd"
    with played_board(lambda command: other) as port, pytest.raises(DesignError) as caught:
        check_board(port)
    assert str(caught.value) == (
        f"flash: icebreaker must hold the design {right[5:].hex()}, not {b'abcd'.hex()}"
    )


def test_board_that_stays_silent(monkeypatch):
    monkeypatch.setattr("holigrail_hw.flow.board.self_tested._ANSWER_SECONDS", 0.2)
    with played_board(lambda command: b"") as port, pytest.raises(DesignError) as caught:
        check_board(port)
    assert str(caught.value) == "flash: icebreaker must answer 9 bytes, not 0"


def test_port_that_does_not_open(tmp_path):
    with pytest.raises(RequestError) as caught:
        SerialPort(tmp_path / "ttyNONE", 115200)
    assert str(caught.value) == (
        f"flash: the serial port {tmp_path / 'ttyNONE'} must open, "
        "not fail (No such file or directory)"
    )


def test_port_that_goes_away():
    ours, theirs = os.openpty()
    path = Path(os.ttyname(theirs))
    with SerialPort(path, 115200) as line:
        os.close(theirs)
        os.close(ours)
        with pytest.raises(ToolError) as caught:
            line.read(1, 1.0)
    assert str(caught.value).startswith(f"flash: the serial port {path} must stay open, not fail")


def test_file_that_is_no_port(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(RequestError, match="must open, not fail"):
        SerialPort(path, 115200)


def test_port_is_found_by_its_usb_name(tmp_path):
    for name in ("usb-1BitSquared_iCEBreaker-if00", "usb-1BitSquared_iCEBreaker-if01", "usb-other"):
        (tmp_path / name).write_text("")
    found = find_port("iCEBreaker", "icebreaker", tmp_path)
    assert found.name == "usb-1BitSquared_iCEBreaker-if01"
    with pytest.raises(ToolError) as caught:
        find_port("ULX3S", "ulx3s", tmp_path)
    assert str(caught.value) == (
        "flash: the serial port of ulx3s must be attached, not missing "
        f"(looked for {tmp_path}/*ULX3S*)"
    )


@pytest.mark.parametrize(
    "name, file, message",
    [
        ("icebreaker", "none.bin", "flash: the bitstream must exist, not "),
        ("icebreaker", "made.bit", "flash: a bitstream for icebreaker must be a .bin file, not "),
        ("zcu104", "made.bit", "flash: the board must be one this project builds for, not zcu104"),
        ("toaster", "made.bit", "flash: board must be one of "),
    ],
)
def test_requests_that_cannot_be(name, file, message, tmp_path):
    (tmp_path / "made.bit").write_bytes(b"bits")
    with pytest.raises(RequestError) as caught:
        run(tmp_path / file, name)
    assert str(caught.value).startswith(message)


def test_whole_verb_with_a_stand_in_loader(tmp_path, monkeypatch):
    """Load, then check: the loader copies the file, the pseudo terminal answers."""
    loader = tmp_path / "loader"
    loader.write_text(
        '#!/bin/sh\n[ "$1" = --Version ] && { echo loader v9.9; exit; }\n'
        f'echo "$@" > {tmp_path}/arguments\nfor file; do :; done; cp "$file" {tmp_path}/loaded\n'
    )
    loader.chmod(0o755)
    monkeypatch.setenv("OPENFPGALOADER", str(loader))
    image = tmp_path / "design.bin"
    image.write_bytes(b"the bits")
    with played_board(_honest) as port:
        result = run(image, "icebreaker", check=CHECK, serial=port)
    assert (tmp_path / "loaded").read_bytes() == b"the bits"
    assert (tmp_path / "arguments").read_text() == f"-b ice40_generic {image}\n"
    assert result.items == 50 and bytes.fromhex(result.answer) == _honest(self_test.command(9, 50))


def _loader_that_sees(folder, monkeypatch, devices):
    loader = folder / "loader"
    loader.write_text(f'#!/bin/sh\n[ "$1" = --Version ] || echo "found {devices} USB device"\n')
    loader.chmod(0o755)
    monkeypatch.setenv("OPENFPGALOADER", str(loader))


def test_no_board_is_found_out_first(tmp_path, monkeypatch):
    _loader_that_sees(tmp_path, monkeypatch, 0)
    with pytest.raises(ToolError) as caught:
        ready("icebreaker")
    assert str(caught.value) == (
        "flash: the board icebreaker must be attached, but none was found on USB"
    )
    _loader_that_sees(tmp_path, monkeypatch, 1)
    ready("icebreaker")


def test_what_the_check_needs_is_found_out_first(tmp_path, monkeypatch):
    _loader_that_sees(tmp_path, monkeypatch, 1)
    with pytest.raises(RequestError, match="the serial port .* must open, not fail"):
        ready("icebreaker", check=CHECK, serial=tmp_path / "ttyNONE")
    with pytest.raises(ToolError, match="the serial port of icebreaker must be attached"):
        ready("icebreaker", check=CHECK)
    with pytest.raises(RequestError, match="one this project builds for, not zcu104"):
        ready("zcu104")
    ours, theirs = os.openpty()
    ready("icebreaker", check=CHECK, serial=os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)


def test_a_virtual_cable_is_knocked_at_first(tmp_path, monkeypatch):
    _loader_that_sees(tmp_path, monkeypatch, 0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        ready("ulx3s", virtual_cable=address)
    with pytest.raises(ToolError) as caught:
        ready("ulx3s", virtual_cable=address)
    assert str(caught.value).startswith(
        f"flash: a virtual cable must answer at {address}, not fail ("
    )
    with pytest.raises(RequestError, match="^flash: a virtual cable must be ADDRESS:PORT, not"):
        ready("ulx3s", virtual_cable="nowhere")
