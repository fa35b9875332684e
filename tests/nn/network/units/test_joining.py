"""Sums of streams and channels side by side: values and cycles."""

from timed import check

from holigrail_hw.nn.network.stream.units.joining.shape import Add, Concat
from holigrail_hw.nn.network.stream.units.unit import Integers


def test_sums():
    ranges = (Integers(-4, 3), Integers(0, 9))
    check(Add(ranges, Integers(-31, 15), 3, (1, -3), 18))
    more = (*ranges, Integers(-1, 0))
    check(Add(more, Integers(-35, 28), 1, (5, 1, 6), 7))


def test_channels_side_by_side():
    ranges = (Integers(-4, 3), Integers(0, 9))
    check(Concat(ranges, Integers(-4, 9), 2, (1, 3), 4))
    check(Concat((*ranges, Integers(-20, 1)), Integers(-20, 9), 1, (2, 1, 1), 3))
