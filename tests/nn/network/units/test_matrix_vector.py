"""Matrices with stored weights: every order and folding, sums and cycles."""

import numpy as np
import pytest
from timed import check

from holigrail_hw.core import Timing
from holigrail_hw.nn.network.stream.units.matrix_vector.shape import Depthwise, MatrixVector
from holigrail_hw.nn.network.stream.units.unit import Integers

WIDE = Integers(-5, 7)


def made(cls, seed, folds, pe, simd, wide=WIDE, **options):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-7, 8, (folds[0] * simd, folds[1] * pe))
    bias = rng.integers(-50, 50, folds[1] * pe)
    zero = int(rng.integers(-3, 4))
    ends = [(end - zero) * weights for end in (wide.low, wide.high)]
    low, high = np.minimum(*ends).sum(0) + bias, np.maximum(*ends).sum(0) + bias
    return cls(weights, bias, wide, Integers.of(low, high), 3, pe, simd, zero, **options)


CASES = [
    (MatrixVector, (1, 1), 2, 3, {}),
    (MatrixVector, (3, 1), 1, 2, {"timing": Timing(period_ns=4.0, device="ecp5")}),
    (MatrixVector, (3, 2), 2, 1, {}),
    (MatrixVector, (1, 4), 1, 2, {"timing": Timing(period_ns=6.0, device="ice40hx8k")}),
    (MatrixVector, (5, 3), 1, 1, {"multiplier": "dsp", "timing": Timing(period_ns=12.0)}),
    (MatrixVector, (3, 2), 2, 1, {"order": "accumulate"}),
    (MatrixVector, (1, 3), 1, 2, {"order": "accumulate", "multiplier": "tree"}),
    (MatrixVector, (2, 6), 1, 1, {"order": "accumulate", "timing": Timing(period_ns=5.0)}),
    (Depthwise, (3, 2), 2, 1, {}),
    (Depthwise, (1, 1), 1, 4, {"timing": Timing(period_ns=5.0, device="ecp5")}),
    (Depthwise, (2, 3), 1, 2, {}),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_sums(number):
    cls, folds, pe, simd, options = CASES[number]
    check(made(cls, number, folds, pe, simd, **options), seed=number)


@pytest.mark.heavy
def test_many_sums():
    rng = np.random.default_rng(5)
    for number in range(40):
        options = {"timing": Timing(period_ns=float(rng.integers(2, 12)), device="ecp5")}
        cls = (MatrixVector, Depthwise)[number % 3 == 0]
        if cls is MatrixVector:
            options["order"] = ("replay", "accumulate")[number % 2]
        folds = tuple(int(n) for n in rng.integers(1, 8, 2))
        pe, simd = (int(n) for n in rng.integers(1, 4, 2))
        wide = Integers(*[(0, 1), (-1, 0), (-128, 127), (0, 15)][number % 4])
        check(made(cls, number, folds, pe, simd, wide, **options), seed=number)
