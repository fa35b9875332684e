"""Queues, converters and cuts: beats stay as they are, and come in the right cycles."""

import numpy as np
import pytest
from timed import check, measured

from holigrail_hw.nn.network.stream.units.routing.shape import Cut, Queue, WidthConverter
from holigrail_hw.nn.network.stream.units.unit import Integers

ALL = Integers(-8, 7)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 9])
def test_queues(depth):
    rng = np.random.default_rng(depth)
    beats = rng.integers(-8, 8, (60, 2))
    queue = Queue(ALL, 2, depth)
    got, taken, left = measured(queue.component(), [beats], 60)
    assert np.array_equal(got[0], beats)
    # A queue of one beat cannot take one while it gives the other.
    pace = 2 if depth == 1 else 1
    assert taken[0] == [pace * n for n in range(60)]
    assert left[0] == [pace * n + 1 for n in range(60)]
    opens = 30
    got, taken, left = measured(queue.component(), [beats], 60, None, lambda k, c: c >= opens)
    assert np.array_equal(got[0], beats)
    assert taken[0][: depth + 1] == [*range(depth), opens + 1]
    coins = rng.random((97, 2)) < 0.5
    for quick in (0, 1):
        got, _, _ = measured(
            queue.component(),
            [beats],
            60,
            lambda k, c, m, quick=quick: coins[c % 97, 0] | (quick == 1),
            lambda k, c: coins[c % 97, 1],
        )
        assert np.array_equal(got[0], beats)


@pytest.mark.parametrize("lanes", [(1, 3), (2, 4), (6, 2), (3, 1), (6, 4)])
def test_converters(lanes):
    units = WidthConverter.chain(ALL, 12, *lanes)
    assert [units[0].lanes_in, units[-1].lanes_out] == list(lanes)
    for unit in units:
        check(unit)


def test_no_converter_is_needed():
    assert WidthConverter.chain(ALL, 12, 4, 4) == []


def test_cuts():
    check(Cut(ALL, 2, 9, (0, 3, 4, 5, 8)))
    check(Cut(ALL, 1, 4, (2,)))
