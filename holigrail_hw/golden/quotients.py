"""Quotients and roots: exact as far as any rounding can see, with a sticky bit below.

A quotient or a root of binary fractions need not be one. It is cut off below every bit that the
rounding can look at, and the lowest bit kept is set if anything was cut off: a *sticky* bit, which
says that the number lies strictly between two neighbours (:mod:`holigrail_hw.formats.numbers`).
Whether anything was cut off is read from an integer remainder.

Special values are those of IEEE 754-2019 sections 6.1, 6.3, 7.2, 7.3 and 9.2: x/0 is an infinity,
0/0 and infinity/infinity are NaN, and so is the root of a negative number; the root of -0 is -0.
"""

import math
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, INFINITE, NAN, Exact
from holigrail_hw.formats.integers import bit_length, narrow, widen

__all__ = ["inverse_square_root", "quotient", "square_root"]

_integer_root: Any = np.frompyfunc(math.isqrt, 1, 1)


def quotient(x: Exact, y: Exact, precision: int, finest: int | None) -> Exact:
    """x / y; operands broadcast.

    ``precision``: how many leading bits must be right. ``finest``: in addition, all bits down to
    2^finest; None if the leading bits suffice.
    """
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = x.broadcast_to(shape).ravel(), y.broadcast_to(shape).ravel()
    a: Any = widen(x.significand)
    b: Any = widen(np.where(y.significand == 0, 1, y.significand))
    shift = precision + bit_length(b) - bit_length(a)
    exponent = x.exponent - y.exponent
    if finest is not None:
        shift = np.maximum(shift, exponent - finest)
    dividend, divisor = a << np.maximum(shift, 0), b << np.maximum(-shift, 0)
    kept = dividend // divisor
    is_finite = x.is_finite & y.is_finite & (y.significand != 0)
    significand = _with_sticky(kept, kept * divisor != dividend) * is_finite
    nan = x.is_nan | y.is_nan | (x.is_infinite & y.is_infinite) | (x.is_zero & y.is_zero)
    infinite = x.is_infinite | y.is_zero
    return _number(x.sign ^ y.sign, significand, exponent - shift, nan, infinite).reshape(shape)


def square_root(x: Exact, precision: int, finest: int | None) -> Exact:
    """The square root of x; ``precision`` and ``finest`` as for :func:`quotient`."""
    shape, x = x.shape, x.ravel()
    radicand: Any = widen(x.significand)
    shift = np.maximum(2 * precision - bit_length(radicand), 0)
    if finest is not None:
        shift = np.maximum(shift, x.exponent - 2 * finest)
    shift = shift + ((x.exponent - shift) & 1)
    radicand = radicand << shift
    kept = _integer_root(radicand)
    nan, infinite = x.is_nan | (x.sign & ~x.is_zero), x.is_infinite
    significand = _with_sticky(kept, kept * kept != radicand) * ~(nan | infinite)
    exponent = (x.exponent - shift) // 2
    return _number(x.sign & x.is_zero, significand, exponent, nan, infinite).reshape(shape)


def inverse_square_root(x: Exact, precision: int, finest: int | None) -> Exact:
    """1 / sqrt(x); ``precision`` and ``finest`` as for :func:`quotient`. -0 gives -infinity."""
    shape, x = x.shape, x.ravel()
    odd = x.exponent & 1
    divisor: Any = widen(np.where(x.significand == 0, 1, x.significand)) << odd
    half = (x.exponent - odd) // 2
    places = precision + (bit_length(divisor) + 1) // 2
    if finest is not None:
        places = np.maximum(places, -half - finest)
    one: Any = widen(np.ones(x.sign.shape, np.int64))
    whole = one << (2 * places)
    # The root of a number rounded down is the root rounded down.
    kept = _integer_root(whole // divisor)
    nan = x.is_nan | (x.sign & ~x.is_zero)
    is_finite = ~(nan | x.is_infinite | x.is_zero)
    significand = _with_sticky(kept, kept * kept * divisor != whole) * is_finite
    return _number(x.sign & x.is_zero, significand, -half - places, nan, x.is_zero).reshape(shape)


def _with_sticky(kept: np.ndarray, is_inexact: np.ndarray) -> Any:
    return kept | widen(is_inexact.astype(np.int64))


def _number(
    sign: np.ndarray,
    significand: np.ndarray,
    exponent: np.ndarray,
    nan: np.ndarray,
    infinite: np.ndarray,
) -> Exact:
    category = np.where(nan, NAN, np.where(infinite, INFINITE, FINITE)).astype(np.uint8)
    return Exact(sign, narrow(significand), exponent.astype(np.int64), category)
