"""A reset in the middle of a frame leaves no trace."""

import numpy as np
import pytest
from timed import measured, predicted

from holigrail_hw.models.source.windows import Window
from holigrail_hw.nn.network.stream.units.joining.shape import Concat
from holigrail_hw.nn.network.stream.units.matrix_vector.shape import MatrixVector
from holigrail_hw.nn.network.stream.units.pool.shape import Pool
from holigrail_hw.nn.network.stream.units.routing.shape import WidthConverter
from holigrail_hw.nn.network.stream.units.unit import Integers
from holigrail_hw.nn.network.stream.units.window.shape import ParallelWindow, SerialWindow

CODE = Integers(-8, 7)
SAME = Window((3, 3), pads=(1, 1, 1, 1))
WEIGHTS = np.arange(-9, 9).reshape(3, 6)
WIDE = Integers(-300, 300)
UNITS = [
    SerialWindow((4, 3, 2), SAME, CODE, 1),
    ParallelWindow((4, 3, 2), SAME, CODE, 1),
    MatrixVector(WEIGHTS, WEIGHTS[0], CODE, WIDE, 4, 1, 1),
    MatrixVector(WEIGHTS, WEIGHTS[0], CODE, WIDE, 4, 1, 1, order="accumulate"),
    Pool((5, 4, 2), Window((2, 2), (2, 2)), "sum", CODE, 1),
    Concat((CODE, CODE), CODE, 1, (1, 2), 4),
    WidthConverter(CODE, 24, 3, 1),
    WidthConverter(CODE, 24, 1, 3),
]


@pytest.mark.parametrize("number", range(len(UNITS)))
@pytest.mark.parametrize("cycles", [13, 40])
def test_resets(number, cycles):
    unit = UNITS[number]
    flow, rng = unit.flow(), np.random.default_rng(number)
    lanes = unit.lanes_in if isinstance(unit.lanes_in, tuple) else (unit.lanes_in,)
    data = [
        rng.integers(-8, 8, (2, side.tokens * n))
        for side, n in zip(flow.inputs, lanes, strict=True)
    ]
    wanted = unit.apply(*data).reshape(-1, unit.lanes_out)
    inputs = [a.reshape(-1, n) for a, n in zip(data, lanes, strict=True)]
    got, _, left = measured(unit.component(), inputs, len(wanted), spoilt=cycles)
    assert np.array_equal(got[0], wanted)
    assert left[0] == predicted(flow, 2)[1]
