"""Case analysis of netlists: gates by hand, and a multiplier whose modes are all simulated."""

from pathlib import Path

import numpy as np
import pytest

from holigrail_hw.arith.envision_multiplier import EnvisionMultiplier
from holigrail_hw.core import RequestError
from holigrail_hw.flow.synth.asic.cases import Case
from holigrail_hw.flow.synth.asic.circuit import Circuit
from holigrail_hw.flow.synth.asic.library import open_library
from holigrail_hw.flow.synth.asic.mapping import Netlist, Way
from holigrail_hw.flow.synth.asic.measure import MappedDesign
from holigrail_hw.flow.synth.asic.path import longest_paths

SMALL = Path(__file__).parent / "small_cells.lib"


@pytest.fixture(scope="module")
def small():
    return open_library(SMALL)


@pytest.fixture(scope="module")
def multiplier(small):
    return MappedDesign(EnvisionMultiplier(width=4), library=small)


@pytest.fixture
def chain(small) -> Circuit:
    """y = nand(a, not not b)."""
    gates = [("INV", {"A": 3, "Y": 4}), ("INV", {"A": 4, "Y": 5})]
    gates.append(("NAND2", {"A": 2, "B": 5, "Y": 6}))
    module = {
        "ports": {
            "a": {"direction": "input", "bits": [2]},
            "b": {"direction": "input", "bits": [3]},
            "y": {"direction": "output", "bits": [6]},
        },
        "cells": {f"cell{i}": {"type": k, "connections": {p: [b] for p, b in pins.items()}}
                  for i, (k, pins) in enumerate(gates)},
        "netnames": {},
    }  # fmt: skip
    return Circuit(Netlist(module, 0.0, Way(False, False)), small, "test")


def path(circuit: Circuit, **given: bool) -> list[str]:
    case = Case(circuit, {circuit.ports[name][0]: value for name, value in given.items()})
    return [cell for cell, _ in longest_paths(circuit, circuit.loads(), case).hops]


def test_a_path_ends_where_a_constant_decides(chain):
    assert path(chain) == path(chain, a=True) == ["INV", "INV", "NAND2"]
    # A zero at one input decides the output of a NAND.
    assert path(chain, a=False) == []
    assert path(chain, b=True) == ["NAND2"]
    (output,) = chain.ports["y"]
    assert Case(chain, {chain.ports["a"][0]: False}).constants[output] is True
    assert output not in Case(chain, {}).constants
    assert (
        Case(chain, dict.fromkeys((*chain.ports["a"], *chain.ports["b"]), True)).constants[output]
        is False
    )


def simulated(design: MappedDesign, mode: int) -> np.ndarray:
    """All nets for all pairs of operands, as bits."""
    circuit = design.circuit
    values = circuit.fresh(4)
    lanes = np.arange(256)
    for name, numbers in (("a", lanes & 15), ("b", lanes >> 4), ("mode", np.full(256, mode))):
        for place, net in enumerate(circuit.ports[name]):
            bits = (numbers >> place & 1).astype(np.uint8)
            values[net] = np.packbits(bits, bitorder="little").view(np.uint64)
    circuit.settle(values)
    return np.unpackbits(values.view(np.uint8), axis=1, bitorder="little")


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_constants_of_a_mode_are_constant(multiplier, mode):
    nets = multiplier.circuit.ports["mode"]
    case = Case(multiplier.circuit, {net: bool(mode >> i & 1) for i, net in enumerate(nets)})
    seen = simulated(multiplier, mode)
    still = {net for net in range(len(seen)) if len(set(seen[net])) == 1}
    assert set(case.constants) <= still
    assert all(seen[net][0] == value for net, value in case.constants.items())
    # Gates that constants decide one by one are most of those that stand still.
    assert len(case.constants) > 0.6 * len(still)


def test_paths_of_modes_get_shorter(small):
    multiplier = MappedDesign(EnvisionMultiplier(width=8), library=small)
    free = multiplier.longest_path_ns({})
    modes = [multiplier.longest_path_ns({"mode": (3, mode)}) for mode in range(3)]
    assert free >= modes[0] > modes[1] > modes[2] > 0
    zeros = {"mode": (3, 0), "a": (15, 0), "b": (15, 0)}
    assert modes[0] > multiplier.longest_path_ns(zeros) > 0
    everything = dict.fromkeys(("a", "b"), (255, 85)) | {"mode": (3, 1)}
    assert multiplier.longest_path_ns(everything) == 0


def test_items_of_subwords_switch_less(multiplier):
    rng, energies = np.random.default_rng(1), []
    codes = {name: rng.integers(0, 16, 400, dtype=np.uint64) for name in ("a", "b")}
    for mode in range(3):
        found = multiplier.measured({**codes, "mode": np.full(400, mode, np.uint64)})
        assert found.compared == 400
        energies.append(found.energy.dynamic)
    assert energies[0] > energies[1] > energies[2]
    still = {name: np.full(400, 9, np.uint64) for name in ("a", "b")}
    still["mode"] = np.zeros(400, np.uint64)
    assert multiplier.measured(still).energy.dynamic < 0.02 * energies[2]


@pytest.mark.parametrize(
    ("constant", "message"),
    [
        ({"mode": (4, 4)}, "an input mode of 3 bits to be constant, not of 2"),
        ({"p": (1, 1)}, "an input p of 1 bits to be constant, not of 0"),
    ],
)
def test_refusals(multiplier, constant, message):
    with pytest.raises(RequestError) as caught:
        multiplier.longest_path_ns(constant)
    assert str(caught.value) == f"asic: envision-multiplier must have {message}"
