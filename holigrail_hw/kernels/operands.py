"""Matrices of codes as floats, and what their formats say about products and sums."""

import functools
import math
from dataclasses import dataclass

import numpy as np

from holigrail_hw.formats import Format
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

__all__ = [
    "Reach",
    "decoded",
    "growth",
    "is_exact_in",
    "is_held_by",
    "largest",
    "measured",
    "reach",
    "significant_bits",
    "tops",
]

_TABLE_BITS = 16


@dataclass(frozen=True)
class Reach:
    """All numbers other than zero are multiples of 2^low and smaller than 2^high."""

    low: int
    high: int

    def __mul__(self, other: "Reach") -> "Reach":
        return Reach(self.low + other.low, self.high + other.high)

    def __or__(self, other: "Reach") -> "Reach":
        return Reach(min(self.low, other.low), max(self.high, other.high))

    @property
    def bits(self) -> int:
        """Of a fixed-point number without its sign that holds all of them."""
        return self.high - self.low

    def fits(self, other: "Reach") -> bool:
        """Whether it lies within another."""
        return self.low >= other.low and self.high <= other.high


@functools.cache
def reach(format: Format) -> Reach:
    """Of the finite numbers of a format."""
    low, high = format.number_range
    largest = max(abs(low), abs(high))
    # The denominator is a power of two.
    power = largest.numerator.bit_length() - largest.denominator.bit_length() + 1
    return Reach(format.least_place, power)


@functools.cache
def largest(format: Format) -> float:
    """The largest finite number of a format."""
    return float(format.number_range[1])


@functools.cache
def significant_bits(format: Format) -> int:
    """The most bits from the first to the last one of any finite number."""
    if isinstance(format, BinaryFloat):
        return format.significand_width
    if format.width <= _TABLE_BITS:
        significand = format.unpack(np.arange(1 << format.width, dtype=np.uint64)).significand
        odd = significand // np.maximum(significand & -significand, 1)
        return int(odd.max(initial=0)).bit_length()
    return reach(format).bits


def decoded(format: Format, codes: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """Numbers of codes; C order. Raises FormatError for what is no code."""
    if format.codes_are_integers and _TABLE_BITS < format.width <= 53:
        whole = format._checked_codes(codes).view(np.int64)
        if format.signed:
            whole = (whole << (64 - format.width)) >> (64 - format.width)
        return np.ldexp(whole.astype(np.float64), format.least_place).astype(dtype)
    if format.width > _TABLE_BITS:
        return np.ascontiguousarray(format.decode(codes), dtype)
    table = _table(format, dtype)
    whole = codes.dtype.kind == "u" and codes.dtype.itemsize * 8 <= format.width
    if not whole and codes.size:
        integer = codes.dtype.kind in "iu"
        if not integer or int(codes.min()) < 0 or int(codes.max()) >= len(table):
            codes = format._checked_codes(codes)
    return table.take(np.ascontiguousarray(codes), mode="wrap")


def tops(format: Format, numbers: np.ndarray) -> np.ndarray:
    """Powers of two above numbers, or above those too small to be normalised; 0 for 0.

    As :func:`holigrail_hw.golden.dot_products.top_place` says, also 0 for what is not finite.
    """
    mantissa, exponent = np.frexp(numbers)
    if format.subnormal_place is not None:
        exponent = np.maximum(exponent, format.subnormal_place + 1)
    usable = (mantissa != 0) & np.isfinite(numbers)
    return np.where(usable, np.ldexp(1.0, np.where(usable, exponent, 0)), 0.0)


def measured(numbers: np.ndarray) -> Reach | None:
    """The reach of finite floats as they are; None if all are zero."""
    values = np.abs(numbers[numbers != 0]).astype(np.float64)
    if not values.size:
        return None
    mantissa, exponent = np.frexp(values)
    whole = (mantissa * 2.0**53).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return Reach(int((exponent + trailing).min()) - 53, int(exponent.max()))


@functools.cache
def is_exact_in(format: Format, dtype: type) -> bool:
    """Whether a float type holds every number of a format."""
    bits, low, high = (24, -149, 128) if dtype is np.float32 else (53, -1000, 1000)
    found = reach(format)
    return significant_bits(format) <= bits and low <= found.low and found.high <= high


@functools.cache
def is_held_by(format: Format, outer: BinaryFloat) -> bool:
    """Whether a float with subnormal numbers has every finite number of a format."""
    return (
        significant_bits(format) <= outer.significand_width
        and reach(format).low >= outer.least_place
        and max(map(abs, format.number_range)) <= outer.number_range[1]
    )


@functools.cache
def _table(format: Format, dtype: type) -> np.ndarray:
    codes = np.arange(1 << format.width, dtype=np.uint64)
    with np.errstate(over="ignore"):
        table = np.asarray(format.decode(codes), np.float64).astype(dtype)
    table.setflags(write=False)
    return table


def growth(depth: int, unit: float) -> float:
    """At least (1 + unit)^depth; infinite if that is too large."""
    exponent = depth * math.log1p(unit)
    return math.inf if exponent > 600 else math.exp(exponent) * (1 + 2.0**-40)
