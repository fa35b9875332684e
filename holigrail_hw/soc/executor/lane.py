"""The requantisation lane: sums of 32 bits become codes, exactly, with one rounding or with two.

Twice: gemmlowp's saturating rounding doubling high multiply, then a rounding shift with ties away
from zero (Jacob et al., Quantization and Training of Neural Networks, 2018). Once: one rounding of
the whole product, ties up.
"""

from typing import Any

import numpy as np

__all__ = ["rescaled", "wrapped"]

_HALF = 31


def wrapped(values: Any) -> np.ndarray:
    """Integers modulo 2^32, from -2^31 to 2^31 - 1, as int64."""
    return (
        np.asarray(values, np.int64)
        .astype(np.uint64)
        .astype(np.uint32)
        .astype(np.int32)
        .astype(np.int64)
    )


def rescaled(sums: Any, multiplier: Any, shift: Any, once: Any) -> np.ndarray:
    """round(sums multiplier / 2^(31 + shift)) as int64.

    Parameters
    ----------
    sums : integers of 32 bits
    multiplier : integers from 0 to 2^31 - 1
    shift : integers from 0 to 31
    once : bool
        One rounding, ties up; else two, ties of the second away from zero.
    """
    product = np.asarray(sums, np.int64) * np.asarray(multiplier, np.int64)
    shift = np.asarray(shift, np.int64)
    if once:
        # The sum of product and half may need 64 bits and a sign: add what is above the last bit.
        return _shifted_up(product, shift + _HALF)
    # The product is below 2^62, so the doubled high half never saturates.
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(nudged >= 0, nudged >> _HALF, -(-nudged >> _HALF))
    mask = (np.int64(1) << shift) - 1
    return (high >> shift) + ((high & mask) > (mask >> 1) + (high < 0))


def _shifted_up(product: np.ndarray, places: np.ndarray) -> np.ndarray:
    """floor(product / 2^places + 1/2), for 31 to 62 places."""
    return ((product >> (places - 1)) + 1) >> 1
