"""Matrices as graphs of adders: sums and cycles, with registers where the clock needs them."""

import numpy as np
import pytest
from timed import check

from holigrail_hw.core import Timing
from holigrail_hw.nn.network.stream.units.constant_graph.shape import ConstantGraph
from holigrail_hw.nn.network.stream.units.unit import Integers


@pytest.mark.parametrize(
    ("wide", "zero", "period"),
    [((0, 15), 0, None), ((-4, 3), -1, 3.0), ((-128, 127), 5, 8.0)],
)
def test_sums(wide, zero, period):
    rng = np.random.default_rng(8)
    weights, bias = rng.integers(-7, 8, (5, 4)), rng.integers(-99, 99, 4)
    weights[:, 2] = 0
    ends = [(end - zero) * weights for end in wide]
    low, high = np.minimum(*ends).sum(0) + bias, np.maximum(*ends).sum(0) + bias
    timing = Timing(period_ns=period, device="ecp5")
    unit = ConstantGraph(
        weights,
        bias,
        Integers(*wide),
        Integers.of(low, high),
        7,
        zero,
        timing,
        iterations=10,
        search_time=5.0,
    )
    assert (unit.flow().latency > 1) == (period is not None)
    check(unit)


def test_inputs_of_known_ranges():
    weights = np.array([[3], [5], [-7]])
    unit = ConstantGraph(
        weights,
        np.array([2]),
        Integers(-8, 7),
        Integers(-30, 60),
        3,
        low=np.array([-8, 4, 0]),
        high=np.array([7, 4, 3]),
        iterations=5,
    )
    assert unit.layer.matrix == ((3, 0, -7),) and unit.layer.biases == (22,)
    assert unit.layer.results == ((22 - 24 - 21, 22 + 21),)
