"""Arrays of non-negative integers of any size: int64 while they fit, Python integers above.

An array of significands has dtype int64 when every element has at most ``INT64_BITS`` bits, else
dtype object. The two bits kept free let the rounding kernel double a remainder, and shift any
significand down to zero, without leaving int64.
"""

from typing import Any

import numpy as np

__all__ = ["INT64_BITS", "bit_length", "jam", "largest_bits", "narrow", "widen"]

INT64_BITS = 61

_POWERS_OF_TWO = np.left_shift(1, np.arange(63, dtype=np.int64))

_object_bit_length: Any = np.frompyfunc(int.bit_length, 1, 1)


def bit_length(magnitudes: np.ndarray) -> np.ndarray:
    """Number of bits of each element, as int64; 0 for zero."""
    if magnitudes.dtype == object:
        return _object_bit_length(magnitudes).astype(np.int64)
    return np.searchsorted(_POWERS_OF_TWO, magnitudes, side="right")


def largest_bits(magnitudes: np.ndarray) -> int:
    """Number of bits of the largest element; 0 for an empty array."""
    return int(magnitudes.max()).bit_length() if magnitudes.size else 0


def narrow(magnitudes: np.ndarray) -> np.ndarray:
    """The same values as int64 if all of them fit."""
    if magnitudes.dtype == object and largest_bits(magnitudes) <= INT64_BITS:
        return magnitudes.astype(np.int64)
    return magnitudes


def widen(magnitudes: np.ndarray) -> np.ndarray:
    """The same values as Python integers."""
    return magnitudes.astype(object)


def jam(magnitudes: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Drop the ``count`` lowest bits (an array); if any of them was set, set the new lowest bit.

    Rounding at a position above the new lowest bit gives the same result before and after.
    """
    kept: Any = magnitudes >> count
    is_inexact = (kept << count) != magnitudes
    return kept | is_inexact.astype(kept.dtype)
