"""Maxima and sums over windows: values and cycles, for odd shapes."""

import numpy as np
import pytest
from timed import check

from holigrail_hw.models.source.windows import Window
from holigrail_hw.nn.network.stream.units.pool.shape import Pool, Reduce
from holigrail_hw.nn.network.stream.units.unit import Integers


def pools(count, seed, most):
    rng = np.random.default_rng(seed)
    while count:
        kernel = tuple(rng.integers(1, 4, 2).tolist())
        strides = tuple(int(k + rng.integers(0, 2)) for k in kernel)
        pads = [int(rng.integers(0, k)) for k in (*kernel, *kernel)]
        window = Window(kernel, strides, (1, 1), tuple(pads))
        size = tuple(rng.integers(1, most + 1, 2).tolist())
        if min(window.outputs(*size)) < 1:
            continue
        folds, lanes = (int(n) for n in rng.integers(1, 4, 2))
        how = ("maximum", "sum")[count % 2]
        unit = Pool((*size, folds * lanes), window, how, Integers(-6, 3), lanes)
        if not unit.refusals():
            count -= 1
            yield unit


def test_pools():
    for number, unit in enumerate(pools(6, 3, 6)):
        check(unit, seed=number, stalls=number % 2 == 0)


def test_global_sums():
    check(Pool((2, 3, 4), Window((2, 3)), "sum", Integers(0, 5), 2))


@pytest.mark.heavy
def test_many_pools():
    for number, unit in enumerate(pools(60, 4, 9)):
        check(unit, seed=number)


def test_pools_that_are_refused():
    for window, text in (
        (Window((2, 2), (1, 1)), "windows must not overlap"),
        (Window((2, 2), (3, 3), (2, 2)), "taps of a window must be neighbours"),
        (Window((1, 1), (1, 1), (1, 1), (1, 0, 0, 0)), "every window must hold a pixel"),
    ):
        unit = Pool((4, 4, 1), window, "sum", Integers(0, 5), 1)
        assert text in "; ".join(unit.refusals())


@pytest.mark.parametrize("how", ["maximum", "sum"])
def test_taps(how):
    check(Reduce(how, 3, 4, Integers(-4, 3), 2))
