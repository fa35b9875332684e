"""Which formulas a lane computes, for every sum that can occur."""

import random

import numpy as np
import pytest

from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.rounded_floats import DoubleAway
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded
from holigrail_hw.soc.compiler.requantisers import rescaling_of, same_codes


@pytest.mark.parametrize("size", [1, 4, 9, 16, 25, 36, 49, 64, 100, 125])
def test_means_round_as_they_should_for_every_sum(size):
    one = fractions(1).reshape(1, 1, 1)
    formula = Affine(one / size, one * 0, -128, 127, "nearest_away")
    ends = np.array([-128 * size]), np.array([127 * size])
    made = rescaling_of(formula, *ends, 3, times=2)
    assert made is not None
    sums = np.arange(-128 * size, 127 * size + 1)
    expected = np.where(sums >= 0, (sums + size // 2) // size, -((-sums + size // 2) // size))
    assert (made.apply(2 * sums[:, None])[:, 0] == expected).all()


def test_bisection_finds_what_every_sum_would():
    rng, numbers = random.Random(14), np.random.default_rng(14)
    seen = set()
    for _ in range(300):
        least = np.array([rng.randint(-900, 0)])
        greatest = least + rng.randint(0, 1800)
        steps = [np.sort(numbers.integers(least[0], greatest[0] + 1, 9)) for _ in range(2)]
        if rng.random() < 0.5:
            steps[1] = steps[0].copy()
            steps[1][rng.randrange(9)] += rng.choice((0, 0, 1))
            steps[1].sort()
        first, second = (lambda x, s=s: np.searchsorted(s, x, "right") for s in steps)
        every = np.arange(least[0], greatest[0] + 1)[:, None]
        expected = (first(every) == second(every)).all()
        assert same_codes(first, second, least, greatest)[0] == expected
        seen.add(bool(expected))
    assert seen == {True, False}


def test_a_formula_that_no_lane_has_is_refused():
    ends = np.array([-1 << 20]), np.array([1 << 20])
    assert rescaling_of(DoubleAway(np.array([1.5]), 0, -128, 127), *ends, 1) is None
    # Rounding down is half a code away from what lanes do.
    one = fractions(1).reshape(1)
    assert rescaling_of(Affine(one / 8, 0 * one, -128, 127, "down"), *ends, 1) is None
    twice = TwiceRounded(np.array([1 << 30]), np.array([1]), 0, -128, 127)
    assert rescaling_of(twice, *ends, 1) is None
