"""A board without a board: a stand-in for the loader, and a pseudo terminal for the serial line."""

import os
import select
import threading
import tty
from contextlib import contextmanager
from pathlib import Path

__all__ = ["loaded_by_nobody", "serial_port"]


@contextmanager
def serial_port(board):
    """A pseudo terminal; bytes go to ``board`` and come from it, by ``write`` and ``read``.

    Without a board nobody answers.
    """
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    stop = threading.Event()

    def play():
        while not stop.is_set():
            if select.select([ours], [], [], 0.01)[0]:
                data = os.read(ours, 4096)
                if board is not None:
                    board.write(data)
            if board is not None:
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


def loaded_by_nobody(folder: Path, monkeypatch) -> Path:
    """A bitstream, and a loader that says that it has loaded it."""
    loader, image = folder / "loader", folder / "design.bin"
    loader.write_text('#!/bin/sh\n[ "$1" = --Version ] && echo loader v9.9\nexit 0\n')
    loader.chmod(0o755)
    monkeypatch.setenv("OPENFPGALOADER", str(loader))
    image.write_bytes(b"the bits")
    return image
