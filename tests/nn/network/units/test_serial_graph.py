"""Matrices as graphs of adders for single bits: sums and cycles, for any width and offset."""

import numpy as np
import pytest
from timed import check

from holigrail_hw.core import Timing
from holigrail_hw.nn.network.stream.units.serial_graph import hardware
from holigrail_hw.nn.network.stream.units.serial_graph.shape import SerialGraph
from holigrail_hw.nn.network.stream.units.unit import Integers

RANGES = [
    ((0, 15), 0, None),
    ((-4, 3), -1, 3.0),
    ((-128, 127), 5, 8.0),
    ((0, 1), 1, None),
    ((-1, 0), 0, 2.0),
    ((3, 6), 2, None),
]


def unit_of(wide, zero, period, seed=8, sizes=(5, 4)):
    rng = np.random.default_rng(seed)
    weights, bias = rng.integers(-7, 8, sizes), rng.integers(-99, 99, sizes[1])
    weights[:, sizes[1] // 2] = 0
    ends = [(end - zero) * weights for end in wide]
    low, high = np.minimum(*ends).sum(0) + bias, np.maximum(*ends).sum(0) + bias
    timing = Timing(period_ns=period, device="ecp5")
    output = Integers.of(low, high)
    return SerialGraph(
        weights, bias, Integers(*wide), output, 6, zero, timing, iterations=10, search_time=5.0
    )


@pytest.mark.parametrize(("wide", "zero", "period"), RANGES)
def test_sums(wide, zero, period):
    unit = unit_of(wide, zero, period)
    assert unit.flow().cycles == 6 * unit.input.width
    check(unit)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(12))
def test_random_matrices(seed):
    rng = np.random.default_rng(seed)
    low = int(rng.integers(-40, 20))
    wide, period = (low, low + int(rng.integers(1, 200))), [None, 3.0, 9.0][seed % 3]
    sizes = (int(rng.integers(1, 7)), int(rng.integers(1, 5)))
    check(unit_of(wide, int(rng.integers(-9, 9)), period, seed, sizes))


def test_a_planted_fault_is_noticed(monkeypatch):
    """A bias whose low bits come in the wrong order."""
    monkeypatch.setattr(
        SerialGraph, "biases", property(lambda self: [int(b) + 1 for b in self.bias])
    )
    with pytest.raises(AssertionError):
        check(unit_of(*RANGES[0]))
    assert hardware.graph_plan(unit_of(*RANGES[0])).latency == 0
