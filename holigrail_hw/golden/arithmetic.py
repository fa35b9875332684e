"""Exact sums and products, with the special values of IEEE 754-2019 sections 6 and 7.

Nothing here rounds: a result is projected onto a format afterwards. The rounding mode matters
only for the sign of an exact zero sum (section 6.3): x + (-x) is +0, but -0 when rounding down.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, INFINITE, NAN, Exact, Rounding
from holigrail_hw.formats.integers import INT64_BITS, bit_length, largest_bits, widen

__all__ = [
    "EQUAL",
    "GREATER",
    "LESS",
    "UNORDERED",
    "add",
    "compare",
    "fused_multiply_add",
    "multiply",
    "negate",
]

LESS, EQUAL, GREATER, UNORDERED = -1, 0, 1, 2


def multiply(x: Exact, y: Exact) -> Exact:
    """x * y, exactly; operands broadcast. 0 * infinity is NaN."""
    x, y, shape = _flat_pair(x, y)
    a, b = x.significand, y.significand
    if largest_bits(a) + largest_bits(b) > INT64_BITS:
        a, b = widen(a), widen(b)
    is_nan = x.is_nan | y.is_nan | (x.is_infinite & y.is_zero) | (x.is_zero & y.is_infinite)
    is_infinite = x.is_infinite | y.is_infinite
    return Exact(
        x.sign ^ y.sign, a * b, x.exponent + y.exponent, _category(is_nan, is_infinite)
    ).reshape(shape)


def add(x: Exact, y: Exact, rounding: str = Rounding.NEAREST_EVEN) -> Exact:
    """x + y, exactly; operands broadcast. Infinities of opposite signs give NaN."""
    x, y, shape = _flat_pair(x, y)
    a, b, exponent = _aligned(x, y)
    total = np.where(x.sign, -a, a) + np.where(y.sign, -b, b)
    zero_sign = np.where(
        (a == 0) & (b == 0) & (x.sign == y.sign), x.sign, Rounding(rounding) is Rounding.DOWN
    )
    sign = np.where(total == 0, zero_sign, total < 0)
    sign = np.where(x.is_infinite, x.sign, np.where(y.is_infinite, y.sign, sign))
    is_nan = x.is_nan | y.is_nan | (x.is_infinite & y.is_infinite & (x.sign != y.sign))
    is_infinite = x.is_infinite | y.is_infinite
    is_finite = ~(is_nan | is_infinite)
    return Exact(
        sign.astype(bool), abs(total) * is_finite, exponent, _category(is_nan, is_infinite)
    ).reshape(shape)


def fused_multiply_add(
    x: Exact, y: Exact, z: Exact, rounding: str = Rounding.NEAREST_EVEN
) -> Exact:
    """x * y + z, exactly."""
    return add(multiply(x, y), z, rounding)


def negate(x: Exact) -> Exact:
    """-x: the sign flips, that of zeros, infinities and NaN too."""
    return replace(x, sign=~x.sign)


def compare(x: Exact, y: Exact) -> np.ndarray:
    """LESS, EQUAL, GREATER or UNORDERED (a NaN) as int8; +0 equals -0."""
    x, y, shape = _flat_pair(x, y)
    a, b, _ = _aligned(x, y)
    # An infinity has significand 0 and outweighs every finite number.
    left = np.where(x.sign, -a, a), np.where(x.sign, -1, 1) * x.is_infinite
    right = np.where(y.sign, -b, b), np.where(y.sign, -1, 1) * y.is_infinite
    is_less = (left[1] < right[1]) | ((left[1] == right[1]) & (left[0] < right[0]))
    is_equal = (left[1] == right[1]) & (left[0] == right[0])
    order = np.where(is_equal, EQUAL, np.where(is_less, LESS, GREATER))
    return np.where(x.is_nan | y.is_nan, UNORDERED, order).astype(np.int8).reshape(shape)


def _flat_pair(x: Exact, y: Exact) -> tuple[Exact, Exact, tuple[int, ...]]:
    shape = np.broadcast_shapes(x.shape, y.shape)
    return x.broadcast_to(shape).ravel(), y.broadcast_to(shape).ravel(), shape


def _aligned(x: Exact, y: Exact) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Significands of x and y at a common exponent, and that exponent.

    The exponent is element by element the smaller one; that of a zero does not count.
    """
    a: Any = x.significand
    b: Any = y.significand
    exponent_a = np.where(a == 0, y.exponent, x.exponent)
    exponent_b = np.where(b == 0, exponent_a, y.exponent)
    exponent = np.minimum(exponent_a, exponent_b)
    shift_a, shift_b = exponent_a - exponent, exponent_b - exponent
    bits = np.maximum(bit_length(a) + shift_a, bit_length(b) + shift_b)
    if int(bits.max(initial=0)) >= INT64_BITS:
        a, b = widen(a), widen(b)
    return a << shift_a, b << shift_b, exponent


def _category(is_nan: np.ndarray, is_infinite: np.ndarray) -> np.ndarray:
    return np.where(is_nan, NAN, np.where(is_infinite, INFINITE, FINITE)).astype(np.uint8)
