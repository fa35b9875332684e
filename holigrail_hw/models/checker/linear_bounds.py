"""Linear bounds of numbers in the inputs of a box, as integers in units of 2^-96.

They are columns, one per input that varies and one of constants. Factors are rounded, and what
that can change is added to the constants.
"""

from collections.abc import Sequence
from typing import Any

from .functions import UNIT
from .sums import dot, size_of, up

__all__ = ["ONE", "SLOPE", "LinearBounds"]

ONE = 1 << UNIT
SLOPE = 30
"""Slopes of lines are in units of 2^-30."""


class LinearBounds:
    """Linear bounds of a layer's numbers in the inputs that vary: columns, constants last."""

    def __init__(self, low: Sequence[int], high: Sequence[int]):
        self.box = [*zip(low, high, strict=True)]
        self.axes = [i for i, (a, b) in enumerate(self.box) if a < b]
        # What rounding all factors of a bound down by a unit can change.
        self.room = sum(up(size_of(*self.box[i]), UNIT) for i in self.axes) + 2
        count = len(low)
        columns = [[ONE if i == axis else 0 for i in range(count)] for axis in self.axes]
        still = [0 if i in self.axes else a for i, (a, b) in enumerate(self.box)]
        self.low, self.high = [*columns, still], [[*column] for column in [*columns, still]]

    def through(self, step: Any) -> None:
        """Sums of a layer."""
        low: list[list[int]] = [[] for _ in self.low]
        high: list[list[int]] = [[] for _ in self.low]
        columns = [*zip(self.low, self.high, strict=True)]
        for row, bias in zip(step.weights, step.bias, strict=True):
            plus = [max(w, 0) for w in row]
            minus = [min(w, 0) for w in row]
            for place, (under, over) in enumerate(columns):
                low[place].append((dot(plus, under) + dot(minus, over)) >> step.places)
                high[place].append(up(dot(plus, over) + dot(minus, under), step.places))
            low[-1][-1] += bias[0] - self.room
            high[-1][-1] += bias[1] + self.room
        self.low, self.high = low, high

    def ends(self, row: Sequence[int], places: int) -> tuple[int, int]:
        """The least and the greatest sum of products with factors in units of 2^-places."""
        plus, minus = [max(w, 0) for w in row], [min(w, 0) for w in row]
        low = [dot(plus, a) + dot(minus, b) for a, b in zip(self.low, self.high, strict=True)]
        high = [dot(plus, b) + dot(minus, a) for a, b in zip(self.low, self.high, strict=True)]
        least, most = low[-1] << UNIT, high[-1] << UNIT
        for axis, a, b in zip(self.axes, low, high, strict=False):
            least += a * self.box[axis][a < 0]
            most += b * self.box[axis][b >= 0]
        return least >> UNIT + places, up(most, UNIT + places)

    def least(self, at: int) -> int:
        """The least value of a number's lower bound."""
        total = self.low[-1][at] << UNIT
        for axis, column in zip(self.axes, self.low, strict=False):
            total += column[at] * self.box[axis][column[at] < 0]
        return total >> UNIT

    def most(self, at: int) -> int:
        """The greatest value of its upper bound."""
        total = self.high[-1][at] << UNIT
        for axis, column in zip(self.axes, self.high, strict=False):
            total += column[at] * self.box[axis][column[at] >= 0]
        return up(total, UNIT)

    def line(self, at: int, below: tuple[int, int], over: tuple[int, int]) -> None:
        """A number behind lines: slopes in units of 2^-30, and constants."""
        for column in self.low:
            column[at] = (column[at] * below[0]) >> SLOPE
        for column in self.high:
            column[at] = up(column[at] * over[0], SLOPE)
        self.low[-1][at] += below[1] - self.room
        self.high[-1][at] += over[1] + self.room
