"""What units say of themselves without their hardware."""

import subprocess
import sys

import numpy as np
import pytest

from holigrail_hw.models.source.windows import Window
from holigrail_hw.nn.network.stream.units.joining.shape import Add
from holigrail_hw.nn.network.stream.units.matrix_vector.shape import MatrixVector
from holigrail_hw.nn.network.stream.units.pool.shape import Pool
from holigrail_hw.nn.network.stream.units.routing.shape import Queue, WidthConverter
from holigrail_hw.nn.network.stream.units.unit import Integers
from holigrail_hw.nn.network.stream.units.window.shape import ParallelWindow, SerialWindow

PACKAGES = "constant_graph elementwise joining matrix_vector pool routing window".split()
CODE = Integers(-8, 7)
SAME = Window((3, 3), pads=(1, 1, 1, 1))


def test_descriptions_need_no_amaranth():
    names = [f"holigrail_hw.nn.network.stream.units.{name}.shape" for name in PACKAGES]
    program = f"import sys, {', '.join(names)}; sys.exit('amaranth' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("low", "high", "width", "signed"),
    [(0, 0, 1, False), (0, 1, 1, False), (0, 8, 4, False), (-1, 0, 1, True), (-8, 8, 5, True)],
)
def test_integers_take_the_fewest_bits(low, high, width, signed):
    assert (Integers(low, high).width, Integers(low, high).signed) == (width, signed)
    assert Integers.of(np.array([high, low])) == Integers(low, high)
    assert Integers(low, low).union(Integers(high, high)) == Integers(low, high)


@pytest.mark.parametrize("folds", [1, 40])
def test_large_memories_are_blocks(folds):
    weights = np.ones((2 * folds, 4), np.int64)
    units = [
        SerialWindow((9, 9, 2 * folds), SAME, CODE, 2),
        ParallelWindow((9, 9, 2 * folds), SAME, CODE, 2),
        MatrixVector(weights, weights[0], CODE, Integers(-640, 640), 3, 2, 2),
        Pool((9, 9, 2 * folds), Window((3, 3), (3, 3)), "sum", CODE, 2),
        Queue(CODE, 2, 2 * folds),
    ]
    for unit in units:
        cost = unit.cost("ecp5")
        assert (cost["memory_bits"] > 0) == (folds > 1), unit
        assert cost["luts"] > 0 and cost["flip_flops"] > 0 and cost["dsps"] == 0
    multiplied = MatrixVector(weights, weights[0], CODE, CODE, 3, 2, 2, multiplier="dsp")
    assert multiplied.cost("ecp5")["dsps"] == 4


def test_outputs_hold_what_may_come():
    assert SerialWindow((4, 4, 1), SAME, Integers(1, 3), 1).output == Integers(0, 3)
    assert SerialWindow((4, 4, 1), Window((3, 3)), Integers(1, 3), 1).output == Integers(1, 3)
    assert Pool((4, 4, 1), Window((2, 2), (2, 2)), "sum", Integers(-2, 3), 1).output.high == 12
    adder = Add((CODE, CODE), Integers(-16, 14), 1, (1, 1), 4)
    assert adder.cost("ecp5")["luts"] > 0
    chain = WidthConverter.chain(CODE, 12, 6, 4)
    assert [unit.lanes_out for unit in chain] == [2, 4]
