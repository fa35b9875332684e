"""``holigrail flash network --check``: a stand-in for the loader, a simulated board behind a port.

Nothing but the loading is left out: the command line, the bytes of the serial port, and the whole
design of the board, which is simulated.
"""

import pytest
from played_board import loaded_by_nobody, serial_port

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


@pytest.mark.parametrize(
    "name", ["stream", *(pytest.param(n, marks=pytest.mark.heavy) for n in [*STYLES][1:])]
)
def test_a_board_is_loaded_and_checked(name, tmp_path, monkeypatch, capsys):
    image = loaded_by_nobody(tmp_path, monkeypatch)
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
