"""round(a x + b) within two limits, with exact rationals a and b.

This is the meaning of QONNX's Quant behind sums, of RequantShift, of an average pool and of Aidge's
rescaling. Saturation and rounding may be exchanged, since the limits are integers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Any, ClassVar

import numpy as np

from .arrays import fractions

__all__ = ["Affine", "grown"]

_EXACT = 1 << 61


def grown(floor: Any, rest: Any, unit: Any, negative: Any, rounding: str) -> Any:
    """Where floor(v) must become floor(v) + 1, for v = floor + rest / unit.

    ``rounding`` is a name of :data:`.golden.requantization.ROUNDINGS`, without the stochastic one.
    """
    match rounding:
        case "nearest_even":
            return (2 * rest > unit) | ((2 * rest == unit) & (floor % 2 == 1))
        case "nearest_away":
            return (2 * rest > unit) | ((2 * rest == unit) & ~negative)
        case "nearest_zero":
            return (2 * rest > unit) | ((2 * rest == unit) & negative)
        case "nearest_up":
            return 2 * rest >= unit
        case "down":
            return rest < 0
        case "up":
            return rest > 0
        case "toward_zero":
            return (rest > 0) & negative
        case "away_from_zero":
            return (rest > 0) & ~negative
    raise ValueError(f"rounding must be a known one, not {rounding!r}")


@dataclass(frozen=True, eq=False)
class Affine:
    """``factor`` and ``offset`` are arrays of Fraction, broadcast against the tensor.

    With ``rounding`` *sign* the code is 1 where a x + b is 0 or more, else -1.
    """

    kind: ClassVar[str] = "affine"
    factor: np.ndarray
    offset: np.ndarray
    low: int
    high: int
    rounding: str = "nearest_even"

    @cached_property
    def _integers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """a, b and their common denominator, as integers."""
        factor, offset = np.broadcast_arrays(self.factor, self.offset)
        pairs = [*zip(factor.reshape(-1), offset.reshape(-1), strict=True)]
        units = [lcm(a.denominator, b.denominator) for a, b in pairs]
        found = []
        for column in (
            [int(a * u) for (a, _), u in zip(pairs, units, strict=True)],
            [int(b * u) for (_, b), u in zip(pairs, units, strict=True)],
            units,
        ):
            array = np.empty(len(column), object)
            array[:] = column
            found.append(array.reshape(factor.shape))
        return found[0], found[1], found[2]

    @property
    def direction(self) -> np.ndarray:
        """1 where codes grow with x, -1 where they fall."""
        return np.where((self.factor < 0).astype(bool), -1, 1)

    def mapped(self, move: Callable[[np.ndarray], np.ndarray]) -> "Affine":
        """The formula for a tensor whose elements were moved alike."""
        return replace(self, factor=move(self.factor), offset=move(self.offset))

    def limits(self) -> tuple[int, int]:
        """The least and the greatest code."""
        return self.low, self.high

    def apply(self, values: Any) -> np.ndarray:
        """Codes of integers or floats, exactly, as int64."""
        values = np.asarray(values)
        if not values.size:
            return np.zeros(values.shape, np.int64)
        if values.dtype.kind == "f":
            return self._of_floats(values)
        a, b, unit = self._integers
        largest = max(abs(int(values.max())), abs(int(values.min())))
        if (
            largest * max(map(abs, a.reshape(-1)))
            + max(map(abs, b.reshape(-1)))
            + 2 * max(unit.reshape(-1))
            < _EXACT
            and values.dtype != object
        ):
            a, b, unit = (array.astype(np.int64) for array in (a, b, unit))
            return self._divided(values * a + b, unit)
        return self._of_floats(values)

    def _divided(self, total: Any, unit: Any) -> np.ndarray:
        if self.rounding == "sign":
            return np.where((total >= 0).astype(bool), 1, -1)
        floor = total // unit
        negative = (total < 0).astype(bool) if total.dtype == object else total < 0
        up = grown(floor, total - floor * unit, unit, negative, self.rounding)
        codes = np.clip(floor + np.asarray(up).astype(floor.dtype), self.low, self.high)
        return codes.astype(np.int64)

    def _of_floats(self, values: np.ndarray) -> np.ndarray:
        """By float64, and by Fractions wherever an error of float64 could change the code."""
        factor, offset = (array.astype(np.float64) for array in (self.factor, self.offset))
        product = values.astype(np.float64) * factor
        near = product + offset
        bound = 2.0**-50 * (np.abs(product) + np.abs(offset)) + 2.0**-1000
        if self.rounding == "sign":
            codes = np.where(near >= 0, 1.0, -1.0)
            doubtful = np.abs(near) <= bound
        else:
            doubled = 2 * near
            doubtful = np.abs(doubled - np.rint(doubled)) <= 2 * bound
            floor = np.floor(near)
            up = grown(floor, near - floor, 1.0, near < 0, self.rounding)
            codes = np.clip(floor + up, self.low, self.high)
            # What saturates by far needs no more care.
            doubtful &= (near > self.low - 2 - bound) & (near < self.high + 2 + bound)
        codes = codes.astype(np.int64)
        places = np.nonzero(doubtful)
        if len(places[0]):
            a, b = (np.broadcast_to(x, near.shape)[places] for x in (self.factor, self.offset))
            chosen = np.broadcast_to(values, near.shape)[places]
            exact = fractions(chosen) * a + b
            unit = np.empty(len(exact), object)
            unit[:] = [v.denominator for v in exact]
            total = np.empty(len(exact), object)
            total[:] = [v.numerator for v in exact]
            codes[places] = self._divided(total, unit)
        return codes

    def text(self) -> str:
        """The formula for people."""
        return f"clip({self.rounding}(a x + b), {self.low}, {self.high})"

    @staticmethod
    def rescaling(
        factor: Any, offset: Any, scale: Any, zero: Any, low: int, high: int, rounding: str
    ) -> "Affine":
        """round((factor x + offset) / scale + zero)."""
        factor, offset, scale, zero = (fractions(v) for v in (factor, offset, scale, zero))
        return Affine(
            np.asarray(factor / scale, object),
            np.asarray(offset / scale + zero, object),
            low,
            high,
            rounding,
        )

    def clipped(self, low: Fraction | None, high: Fraction | None) -> "Affine":
        """The formula with narrower limits: rationals in units of codes, which are rounded."""
        limits = []
        for bound, limit in ((low, self.low), (high, self.high)):
            if bound is None:
                limits.append(limit)
                continue
            one = fractions(1)
            at = replace(self, factor=one, offset=fractions(bound))
            limits.append(int(at.apply(np.zeros(1, np.int64))[0]))
        return replace(self, low=limits[0], high=limits[1])
