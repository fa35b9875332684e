"""TensorFlow Lite's softmax of 8-bit codes, bit for bit as its reference kernels compute it.

exp in Q5.26, the sum in Q12.19, one reciprocal by three steps of Newton's method (gemmlowp's
fixed-point library; Jacob and Warden, 2015).
"""

from typing import Any

import numpy as np

__all__ = ["powers_of", "shares_of", "softmax_codes"]

_ONE = 1 << 31
_STEPS = (
    (24, 1672461947),
    (25, 1302514674),
    (26, 790015084),
    (27, 290630308),
    (28, 39332535),
    (29, 720401),
    (30, 242),
)


def _product(a: Any, b: Any) -> np.ndarray:
    """Saturating rounding doubling high multiply; the saturating case does not occur."""
    total = np.asarray(a, np.int64) * b
    nudged = total + np.where(total >= 0, 1 << 30, 1 - (1 << 30))
    return np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))


def _halved(x: np.ndarray, places: Any) -> np.ndarray:
    """Division by 2^places, ties away from zero."""
    mask = (np.int64(1) << places) - 1
    return (x >> places) + ((x & mask) > (mask >> 1) + (x < 0))


def _saturated(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -_ONE, _ONE - 1)


def _exponential(a: np.ndarray) -> np.ndarray:
    """exp of a Q5.26 number that is not positive, in Q0.31."""
    quarter = 1 << 24
    low = (a & (quarter - 1)) - quarter
    x = _saturated(low << 5) + (1 << 28)
    square = _product(x, x)
    cube, fourth = _product(square, x), _product(square, square)
    rest = _halved(_product(_halved(fourth, 2) + cube, 715827883) + square, 1)
    value = 1895147668 + _product(x + rest, 1895147668)
    left = low - a
    for bit, factor in _STEPS:
        value = np.where(left >> bit & 1, _product(value, factor), value)
    return np.where(a == 0, _ONE - 1, value)


def powers_of(differences: np.ndarray, mantissa: int, shift: int) -> np.ndarray:
    """exp(beta scale x) in Q0.31 of codes x that are not positive; 0 where it is too small."""
    least = -(31 * (1 << 26) >> shift)
    kept = differences >= least
    argument = _product(np.where(kept, differences, 0) << shift, mantissa)
    return np.where(kept, _exponential(argument), 0)


def shares_of(powers: np.ndarray) -> np.ndarray:
    """Codes of powers over their sum, over the last axis."""
    total = _halved(powers, 12).sum(axis=-1, keepdims=True)
    lead = 32 - np.floor(np.log2(total)).astype(np.int64) - 1
    half = (((total << lead) - _ONE) + _ONE) >> 1
    y = 1515870810 + _product(half, -1010580540)
    for _ in range(3):
        y = y + _saturated(_product(y, (1 << 29) - _product(half, y)) << 2)
    reciprocal = _saturated(y << 1)
    result = _halved(_product(reciprocal, powers), (12 - lead) + 31 - 8) - 128
    return np.clip(result, -128, 127)


def softmax_codes(codes: np.ndarray, mantissa: int, shift: int) -> np.ndarray:
    """Codes of the result, over the last axis."""
    codes = codes.astype(np.int64)
    differences = codes - codes.max(axis=-1, keepdims=True)
    return shares_of(powers_of(differences, mantissa, shift))
