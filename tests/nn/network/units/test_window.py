"""Window generators: taps equal golden's, in the predicted cycles, for odd shapes of all kinds."""

from dataclasses import replace

import numpy as np
import pytest
from timed import check, predicted

from holigrail_hw.models.source.windows import Window
from holigrail_hw.nn.network.stream.units.unit import Integers
from holigrail_hw.nn.network.stream.units.window.shape import ParallelWindow, SerialWindow


def shapes(count, seed, most=6):
    rng = np.random.default_rng(seed)
    while count:
        kernel, strides = (tuple(rng.integers(1, n, 2).tolist()) for n in (5, 4))
        dilations = tuple(rng.integers(1, 3, 2).tolist())
        window = Window(kernel, strides, dilations)
        pads = [int(rng.integers(0, n)) for n in (*window.reach, *window.reach)]
        window = Window(kernel, strides, dilations, tuple(pads[i] for i in (0, 1, 2, 3)))
        size = tuple(rng.integers(1, most + 1, 2).tolist())
        if min(window.outputs(*size)) < 1:
            continue
        folds, lanes = (int(n) for n in rng.integers(1, 4, 2))
        count -= 1
        yield (*size, folds * lanes), window, lanes


def test_serial_windows():
    for number, (size, window, lanes) in enumerate(shapes(5, 1, 4)):
        order = ("dense", "depthwise")[number % 2]
        unit = SerialWindow(size, window, Integers(-3, 9), lanes, zero=-2, order=order)
        least = SerialWindow(size, window, Integers(-3, 9), lanes, order=order, capacity=unit.least)
        check(unit, seed=number, stalls=number % 3 == 0)
        check(least, frames=2, seed=number, stalls=number % 3 == 1)


def test_least_memory_is_least():
    for number, (size, window, lanes) in enumerate(shapes(40, 3, 7)):
        order = ("dense", "depthwise")[number % 2]
        unit = SerialWindow(size, window, Integers(0, 1), lanes, order=order)
        for capacity in {unit.least, max(unit.least - 1, 1)}:
            flow = replace(unit, capacity=capacity).flow()
            done = len(predicted(flow, 3)[1])
            assert (done == 3 * flow.outputs) == (capacity == unit.least)


@pytest.mark.heavy
def test_many_serial_windows():
    for number, (size, window, lanes) in enumerate(shapes(40, 2, 9)):
        order = ("dense", "depthwise")[number % 2]
        unit = SerialWindow(size, window, Integers(-3, 9), lanes, zero=-2, order=order)
        least = SerialWindow(size, window, Integers(-3, 9), lanes, order=order, capacity=unit.least)
        check(unit, seed=number)
        check(least, frames=2, seed=number)


def parallel(count, seed, most):
    for size, window, lanes in shapes(1 << 20, seed, most):
        unit = ParallelWindow(size, window, Integers(-3, 9), lanes, zero=-2)
        if not unit.refusals():
            yield unit
            count -= 1
            if not count:
                return


def test_parallel_windows():
    for number, unit in enumerate(parallel(6, 6, 5)):
        check(unit, seed=number, stalls=number % 2 == 0)


def test_same_windows_take_no_more_cycles_than_pixels():
    unit = ParallelWindow((5, 4, 1), Window((3, 3), pads=(1, 1, 1, 1)), Integers(0, 9), 1)
    check(unit)
    emitted = predicted(unit.flow(), 4)[1]
    assert emitted[3 * 20] - emitted[2 * 20] == unit.cycles == 20
    more = ParallelWindow((5, 4, 2), Window((3, 3), pads=(1, 1, 1, 1)), Integers(0, 9), 1)
    check(more, stalls=False)
    emitted = predicted(more.flow(), 4)[1]
    assert emitted[3 * 40] - emitted[2 * 40] == more.cycles == 42
    large = ParallelWindow((3, 33, 2), Window((3, 1), pads=(1, 0, 1, 0)), Integers(0, 9), 1)
    assert large.banks == 3
    check(large, stalls=False)


def test_parallel_windows_that_are_refused():
    for size, window, text in (
        ((1, 5, 1), Window((3, 3), pads=(1, 1, 1, 1)), "the first window must not lie below"),
        ((3, 3, 1), Window((1, 1), pads=(1, 0, 0, 0)), "no more windows than pixels"),
        ((6, 6, 2), Window((3, 3), (2, 2), pads=(0, 0, 1, 1)), "must have equal distances"),
    ):
        unit = ParallelWindow(size, window, Integers(0, 9), 1)
        assert text in "; ".join(unit.refusals())


@pytest.mark.heavy
def test_many_parallel_windows():
    for number, unit in enumerate(parallel(60, 7, 9)):
        check(unit, seed=number)
