"""TensorFlow Lite's rescaling with two roundings (gemmlowp; Jacob et al., 2018).

A saturating rounding doubling high multiply by a mantissa of 31 bits, then a rounding shift to the
right with ties away from zero. :func:`mantissas` splits a real multiplier as the runtime does.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

__all__ = ["TwiceRounded", "mantissas"]


def mantissas(factors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mantissas of 31 bits and shifts to the left, of doubles above zero."""
    significands, exponents = np.frexp(np.asarray(factors, np.float64))
    mantissa = np.floor(significands * 2.0**31 + 0.5).astype(np.int64)
    full = mantissa == 1 << 31
    mantissa, exponents = np.where(full, mantissa >> 1, mantissa), exponents + full
    tiny = exponents < -31
    return np.where(tiny, 0, mantissa), np.where(tiny, 0, exponents).astype(np.int64)


@dataclass(frozen=True, eq=False)
class TwiceRounded:
    """``mantissa`` and ``shift`` (to the left) are int64 arrays, broadcast against the tensor."""

    kind: ClassVar[str] = "twice_rounded"
    mantissa: np.ndarray
    shift: np.ndarray
    zero: int
    low: int
    high: int
    before: int = 0
    centre: int = 0

    @property
    def direction(self) -> np.ndarray:
        """Codes never fall where x grows."""
        return np.ones_like(self.mantissa)

    def mapped(self, move: Callable[[np.ndarray], np.ndarray]) -> "TwiceRounded":
        """The formula for a tensor whose elements were moved alike."""
        return replace(self, mantissa=move(self.mantissa), shift=move(self.shift))

    def limits(self) -> tuple[int, int]:
        """The least and the greatest code."""
        return self.low, self.high

    def apply(self, values: Any) -> np.ndarray:
        """Codes of integers, as int64; (x - centre) << before must fit into 32 bits."""
        values = (np.asarray(values).astype(np.int64) - self.centre) << self.before
        left, right = np.maximum(self.shift, 0), np.maximum(-self.shift, 0)
        product = (values << left) * self.mantissa
        nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
        high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))
        mask = (np.int64(1) << right) - 1
        limit = (mask >> 1) + (high < 0)
        codes = (high >> right) + ((high & mask) > limit)
        return np.clip(codes + self.zero, self.low, self.high)

    def text(self) -> str:
        """The formula for people."""
        return f"clip(round(round(x m / 2^31) 2^e) + {self.zero}, {self.low}, {self.high})"
