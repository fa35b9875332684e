"""Exact numbers: the common ground of all formats and of the golden models.

Every finite number of a binary format is (-1)^sign * significand * 2^exponent with integers, and
so is every sum and product of such numbers. ``Exact`` holds arrays of them, with infinities and
NaN beside, and never rounds.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from .integers import widen

__all__ = ["FINITE", "INFINITE", "NAN", "Exact"]

FINITE, INFINITE, NAN = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Exact:
    """Arrays of exact numbers, all of one shape.

    ``sign``: bool, True for negative; zeros, infinities and NaN have one too.
    ``significand``: non-negative, int64 (at most 61 bits) or Python integers; 0 unless finite.
    ``exponent``: int64, without meaning where the significand is 0.
    ``category``: uint8, one of FINITE, INFINITE, NAN.
    """

    sign: np.ndarray
    significand: np.ndarray
    exponent: np.ndarray
    category: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sign.shape

    @property
    def is_finite(self) -> np.ndarray:
        return self.category == FINITE

    @property
    def is_infinite(self) -> np.ndarray:
        return self.category == INFINITE

    @property
    def is_nan(self) -> np.ndarray:
        return self.category == NAN

    @property
    def is_zero(self) -> np.ndarray:
        return (self.category == FINITE) & (self.significand == 0)

    def reshape(self, *shape) -> "Exact":
        return self._each(lambda array: array.reshape(*shape))

    def ravel(self) -> "Exact":
        return self if self.sign.ndim == 1 else self.reshape(-1)

    def broadcast_to(self, shape: tuple[int, ...]) -> "Exact":
        if shape == self.shape:
            return self
        return self._each(lambda array: np.broadcast_to(array, shape))

    def __getitem__(self, index) -> "Exact":
        return self._each(lambda array: np.asarray(array[index], array.dtype))

    def __len__(self) -> int:
        return len(self.sign)

    def widened(self) -> "Exact":
        """The same numbers with Python integers as significands."""
        return replace(self, significand=widen(self.significand))

    def to_float64(self) -> np.ndarray:
        """The numbers as float64; the caller knows that each is exact there."""
        flat = self.ravel()
        magnitude = np.ldexp(flat.significand.astype(np.float64), flat.exponent)
        magnitude[flat.is_infinite] = np.inf
        magnitude[flat.is_nan] = np.nan
        return np.where(flat.sign, -magnitude, magnitude).reshape(self.shape)

    def to_fractions(self) -> np.ndarray:
        """The numbers as Fractions in an object array; -0, infinities and NaN stay floats."""
        flat, values = self.ravel(), np.empty(self.sign.size, object)
        columns = (flat.sign, flat.significand, flat.exponent, flat.category)
        for index, (sign, significand, exponent, category) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            if category == NAN:
                values[index] = float("nan")
            elif category == INFINITE:
                values[index] = -float("inf") if sign else float("inf")
            elif significand == 0:
                values[index] = -0.0 if sign else Fraction(0)
            else:
                value = Fraction(significand) * Fraction(2) ** exponent
                values[index] = -value if sign else value
        return values.reshape(self.shape)

    def _each(self, change) -> "Exact":
        return Exact(
            change(self.sign),
            change(self.significand),
            change(self.exponent),
            change(self.category),
        )
