"""``holigrail flash network --check``: a stand-in for the loader, a simulated board behind a port.

Nothing but the loading is left out: the command line, the bytes of the serial port, and the whole
design of the board, which is simulated.
"""

import os
import select
import threading
import tty
from contextlib import contextmanager
from pathlib import Path

import pytest

from holigrail_hw.cli.main import main
from holigrail_hw.core import find
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.flow.simulate.byte_link import SimulatedLine

STYLES = {
    "stream": {"model": "example"},
    "engine": {"model": "example", "style": "engine", "rows": 1, "columns": 2},
    "windows": {
        **{"model": "example", "style": "engine", "rows": 1, "columns": 2},
        **{"windows": "engine", "sums": "engine"},
    },
    "parallel": {"model": "example", "style": "parallel", "iterations": 0},
}


@contextmanager
def serial_port(board):
    """A pseudo terminal; bytes go to ``board`` and come from it."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    stop = threading.Event()

    def play():
        while not stop.is_set():
            if select.select([ours], [], [], 0.01)[0]:
                board.write(os.read(ours, 4096))
            os.write(ours, board.read(1))

    player = threading.Thread(target=play, daemon=True)
    player.start()
    try:
        yield Path(os.ttyname(theirs))
    finally:
        stop.set()
        player.join(timeout=30)
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    "name", ["stream", *(pytest.param(n, marks=pytest.mark.heavy) for n in [*STYLES][1:])]
)
def test_a_board_is_loaded_and_checked(name, tmp_path, monkeypatch, capsys):
    loader, image = tmp_path / "loader", tmp_path / "design.bin"
    loader.write_text('#!/bin/sh\n[ "$1" = --Version ] && echo loader v9.9\nexit 0\n')
    loader.chmod(0o755)
    monkeypatch.setenv("OPENFPGALOADER", str(loader))
    image.write_bytes(b"the bits")
    network = find("network")
    given = STYLES[name]
    spec = network(**parse_parameters(network, given, who="network"))
    words = [word for n, value in given.items() for word in (f"--{n}", str(value))]
    board = SimulatedLine(spec)

    def flashed(more: list[str]) -> tuple[int, str]:
        with serial_port(board) as port:
            status = main(
                ["flash", "network", *more, "--board", "icebreaker", "--bitstream", str(image)]
                + ["--check", "--items", "40", "--serial", str(port), "-o", str(tmp_path / "out")]
            )
        found = capsys.readouterr()
        return status, found.out + found.err

    status, text = flashed(words)
    assert status == 0, text
    assert "as golden says" in text
    # Another network's board: it is known by what it says of its design.
    status, text = flashed([*words, "--requantiser", "multiplier"])
    assert status == 1 and "network" in text and "as golden says" not in text
