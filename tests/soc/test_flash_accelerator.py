"""``holigrail flash accelerator --check``: a stand-in for the loader, the firmware behind a port.

The firmware runs instruction by instruction on a model of its processor, the accelerator is the
executor: everything between the command line and the registers is the real thing.
"""

import numpy as np
import pytest
from memory_map_device import Accelerator as Device
from models.tflite_builder import one_operator
from played_board import loaded_by_nobody, serial_port
from test_served import Served

from holigrail_hw.cli.main import main
from holigrail_hw.core import Timing, find
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.core.site import Site
from holigrail_hw.soc.accelerator.network import program_of

SIZES = {"rows": "4", "columns": "4", "activation_depth": "64", "accumulator_depth": "64"}


def dense() -> bytes:
    """A file with one fully connected layer."""
    rng = np.random.default_rng(4)
    tensors = [
        ((1, 12), [0.25], [5], 0, None),
        ((6, 12), [0.01], [0], 0, rng.integers(-99, 99, (6, 12)).astype(np.int8)),
        ((6,), [0.0025], [0], 0, rng.integers(-99, 99, 6).astype(np.int32)),
        ((1, 6), [0.02], [-3], 0, None),
    ]
    options = ("FullyConnectedOptions", {"FusedActivationFunction": 0})
    return one_operator(9, tensors, [0, 1, 2], [3], options)


def board_of(spec) -> Served:
    """What the firmware has not said after so many instructions it does not say yet."""
    served = Served(Device(spec.on(Site()).machine))
    served.line.most = 2_000
    return served


@pytest.fixture
def asked(tmp_path, monkeypatch, capsys):
    """Flash and check a board of some sizes, as one of some others: status and text."""
    (tmp_path / "dense.tflite").write_bytes(dense())
    image = loaded_by_nobody(tmp_path, monkeypatch)

    def ask(held: dict[str, str], said: dict[str, str]) -> tuple[int, str]:
        every = {"model": str(tmp_path / "dense.tflite"), "processor": "picorv32"}
        kind, given = find("accelerator"), []
        for name, value in (every | said).items():
            given += [f"--{name.replace('_', '-')}", value]
        spec = kind(**parse_parameters(kind, every | held, who="accelerator"))
        with serial_port(board_of(spec)) as port:
            status = main(
                ["flash", "accelerator", *given, "--board", "icebreaker", "--bitstream", str(image)]
                + ["--check", "--items", "2", "--serial", str(port), "-o", str(tmp_path / "out")]
            )
        found = capsys.readouterr()
        return status, found.out + found.err

    return ask


def test_a_board_is_loaded_and_checked(asked):
    status, text = asked(SIZES, SIZES)
    assert status == 0, text
    assert "as golden says" in text and "1 layers and 2 answers" in text


def test_a_board_with_another_accelerator(asked):
    status, text = asked(SIZES | {"rows": "2"}, SIZES)
    assert status == 1
    assert "accelerator: the machine must have the digest " in text
    assert "hint: build it with the same parameters as those of the network" in text


def test_cycles_are_predicted_for_the_clock_of_the_system(tmp_path):
    """What is planned for a short period takes more cycles; the rest of it is for wires."""
    (tmp_path / "dense.tflite").write_bytes(dense())
    kind = find("accelerator")
    words = {"model": str(tmp_path / "dense.tflite"), "processor": "picorv32"} | SIZES
    spec = kind(**parse_parameters(kind, words, who="accelerator")).on(Site())
    fast = Timing(period_ns=10.0, device="ecp5")
    alone = {
        period: program_of(spec, Timing(period_ns=period, device="ecp5")).cycles
        for period in (6.0, 10.0)
    }
    predicted = spec.whole_system(fast).network[1].cycles
    assert predicted == alone[6.0] > alone[10.0] >= spec.whole_system().network[1].cycles
