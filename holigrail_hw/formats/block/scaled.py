"""Numbers times a scale that they share, exactly."""

import numpy as np

from ..exact import FINITE, INFINITE, NAN, Exact
from ..integers import INT64_BITS, largest_bits, widen

__all__ = ["scaled"]


def scaled(numbers: Exact, scale: Exact) -> Exact:
    """The numbers, whose last axis is that of the block, times their scale.

    NaN where the scale is not finite; an infinity times 0 is NaN.
    """
    factor = scale[..., np.newaxis]
    a, b = numbers.significand, factor.significand
    if largest_bits(a) + largest_bits(b) > INT64_BITS:
        a, b = widen(a), widen(b)
    is_nan = numbers.is_nan | ~factor.is_finite | (numbers.is_infinite & factor.is_zero)
    category = np.where(is_nan, NAN, np.where(numbers.is_infinite, INFINITE, FINITE))
    return Exact(
        numbers.sign ^ factor.sign,
        np.where(is_nan, 0, a * b),
        numbers.exponent + factor.exponent,
        category.astype(np.uint8),
    )
