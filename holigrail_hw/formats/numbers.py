"""Numbers as people write them (integers, floats, fractions, arrays of them) made exact.

A fraction whose denominator is no power of two has no finite binary form. It is cut off below
every bit that rounding can look at, and the lowest bit kept is set: a *sticky* bit, which says
that the number lies strictly between two neighbours.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from .errors import FormatError
from .exact import FINITE, INFINITE, NAN, Exact
from .integers import INT64_BITS, narrow

__all__ = ["exact_from_numbers"]


def exact_from_numbers(values: Any, precision: int, finest: int | None) -> Exact:
    """Integers, floats, Fractions or an array of them as exact numbers.

    ``precision``: how many leading bits of an endless fraction must be right.
    ``finest``: in addition, all its bits down to 2^finest; None if the leading bits suffice.
    """
    # Without dtype=object NumPy turns mixed lists such as [2**63, -1] into rounded floats.
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    if array.dtype == object:
        return _from_objects(array, precision, finest)
    if array.dtype.kind in "iub":
        return _from_integers(array)
    if array.dtype.kind == "V" and array.dtype.names is None or array.dtype.kind == "f":
        if array.dtype.itemsize <= 8:
            return _from_float64(_to_float64(array))
        return _from_objects(array.astype(object), precision, finest)
    raise FormatError(f"values must be real numbers, not {array.dtype}")


def _to_float64(array: np.ndarray) -> np.ndarray:
    try:
        # A signalling NaN may raise the invalid flag on its way; it stays a NaN.
        with np.errstate(invalid="ignore"):
            return array.astype(np.float64)
    except (TypeError, ValueError):
        raise FormatError(f"values must be real numbers, not {array.dtype}") from None


def _from_float64(array: np.ndarray) -> Exact:
    bits = np.ascontiguousarray(array).reshape(array.shape).view(np.uint64)
    field = (bits >> np.uint64(52)).astype(np.int64) & 0x7FF
    fraction = bits.astype(np.int64) & ((1 << 52) - 1)
    is_special = field == 0x7FF
    significand = np.where(field > 0, fraction + (1 << 52), fraction)
    category = np.where(is_special, np.where(fraction == 0, INFINITE, NAN), FINITE)
    return Exact(
        (bits >> np.uint64(63)) != 0,
        np.where(is_special, 0, significand),
        np.maximum(field, 1) - 1075,
        category.astype(np.uint8),
    )


def _from_integers(array: np.ndarray) -> Exact:
    is_small = not array.size or (
        int(array.max()) < 1 << INT64_BITS and int(array.min()) > -1 << INT64_BITS
    )
    integers = array.astype(np.int64 if is_small else object)
    return Exact(
        np.asarray(integers < 0, bool),
        np.asarray(abs(integers), integers.dtype),
        np.zeros(array.shape, np.int64),
        np.full(array.shape, FINITE, np.uint8),
    )


def _from_objects(array: np.ndarray, precision: int, finest: int | None) -> Exact:
    rows = [_from_one(value, precision, finest) for value in array.ravel().tolist()]
    sign, significand, exponent, category = zip(*rows, strict=True) if rows else ((),) * 4
    wide = np.empty(len(rows), object)
    wide[:] = significand
    return Exact(
        np.array(sign, bool),
        narrow(wide),
        np.array(exponent, np.int64),
        np.array(category, np.uint8),
    ).reshape(array.shape)


def _from_one(value: Any, precision: int, finest: int | None) -> tuple[bool, int, int, int]:
    if isinstance(value, int | np.integer):
        return bool(value < 0), abs(int(value)), 0, FINITE
    if isinstance(value, float | np.floating):
        is_negative = math.copysign(1.0, value) < 0
        if np.isnan(value):
            return is_negative, 0, 0, NAN
        if np.isinf(value):
            return is_negative, 0, 0, INFINITE
        numerator, denominator = value.as_integer_ratio()
        return is_negative, abs(numerator), 1 - denominator.bit_length(), FINITE
    if isinstance(value, Fraction):
        return _from_fraction(value, precision, finest)
    raise FormatError(f"values must be real numbers, not {type(value).__name__}")


def _from_fraction(
    value: Fraction, precision: int, finest: int | None
) -> tuple[bool, int, int, int]:
    numerator, denominator = abs(value.numerator), value.denominator
    if denominator & (denominator - 1) == 0:
        return value < 0, numerator, 1 - denominator.bit_length(), FINITE
    exponent = numerator.bit_length() - denominator.bit_length() - precision
    if finest is not None:
        exponent = min(exponent, finest)
    quotient = (numerator << max(-exponent, 0)) // (denominator << max(exponent, 0))
    return value < 0, quotient | 1, exponent, FINITE
