"""A function at every number of a format: floors at as many bits as wanted, and what is no number.

With one bit below the floor that says whether anything was cut off, every rounding to a format of
fewer places is right (the sticky bit of IEEE 754 arithmetic).
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import isinf, isnan
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, INFINITE, NAN, Exact, FixedFormat, Format

from .catalogue import KNOWN
from .evenly import CIRCLES, evenly_spaced

__all__ = ["MOST_SINGLE", "WIDE", "Values", "tabulated", "values_of"]

MOST_SINGLE = 20
"""Bits of x up to which every value may be computed on its own."""

WIDE = 15
"""Bits of fixed-point x from which on values are interpolated, with a proved error."""


@dataclass(frozen=True, eq=False)
class Values:
    """``floor`` is floor(f 2^bits) at every code, ``inexact`` whether that is below f.

    ``floor`` holds Python's integers, or of wide fixed-point formats those of 64 bits, if that many
    hold them. ``category`` is that of :class:`.formats.Exact`; ``negative`` the sign of zeros and
    infinities.
    """

    bits: int
    floor: Any
    inexact: Any
    category: Any
    negative: Any

    def exact(self, part: slice = slice(None)) -> Exact:
        """The values, with the bit below the last place set where something was cut off."""
        floor, inexact = self.floor[part], self.inexact[part]
        is_finite, one = self.category[part] == FINITE, inexact.astype(floor.dtype)
        below = (floor < 0).astype(bool)
        # Of a negative number the floor of the magnitude is one less than that of its floor.
        magnitude = np.where(below, -floor - one, floor)
        significand = np.where(is_finite, 2 * magnitude + one, 0)
        sign = np.where(below & is_finite, True, self.negative[part])
        exponent = np.full(below.shape, -self.bits - 1, np.int64)
        return Exact(sign.astype(bool), significand, exponent, self.category[part])


@lru_cache(maxsize=32)
def values_of(
    function: str,
    table: tuple[int | Fraction, ...] | None,
    input: Format,
    bits: int,
    compact: bool = False,
) -> Values:
    """A known function, or the numbers of a table, at every code of a format in ascending order.

    With ``compact`` the floors may be integers of 64 bits, which wide formats need.

    Infinities take the limits of the function; where it has no value, the category is NAN, and at a
    pole INFINITE.

    Raises
    ------
    OverflowError
        x has more than ``MOST_SINGLE`` bits, and 64 bits do not hold the values.
    """
    if table is not None:
        return _of_table(table, bits)
    known = KNOWN[function]
    may_be_wide = compact and function in CIRCLES
    if may_be_wide and isinstance(input, FixedFormat) and input.width >= WIDE:
        wide = _of_wide(function, input, bits)
        if wide is not None:
            return wide
        if input.width > MOST_SINGLE:
            raise OverflowError(f"values of {function} must fit into 64 bits")
    given = input.unpack(np.arange(1 << input.width, dtype=np.uint64)).widened()
    place = input.least_place
    x = np.where(given.sign, -given.significand, given.significand)
    x = np.where(x == 0, 0, x << np.maximum(given.exponent - place, 0).astype(object))
    is_finite = given.category == FINITE
    pole = known.poles(x).astype(bool) & is_finite
    inside = known.domain(x).astype(bool) & is_finite & ~pole
    floor, inexact = np.zeros(x.shape, object), np.zeros(x.shape, bool)
    floor[inside], inexact[inside] = known.floors(x[inside], place, bits)
    category = np.where(inside, FINITE, np.where(pole, INFINITE, NAN)).astype(np.uint8)
    negative = np.zeros(x.shape, bool)
    if known.pole < 0:
        negative[pole] = True
    else:
        negative[pole] = given.sign[pole]
    if known.keeps_zero_sign:
        negative |= inside & (x == 0).astype(bool) & given.sign
    for sign, limit in enumerate(reversed(known.limits)):
        _set_limit(
            limit, given.is_infinite & (given.sign == bool(sign)), bits, (floor, category, negative)
        )
    return Values(bits, floor, inexact, category, negative)


def _of_wide(function: str, input: FixedFormat, bits: int) -> Values | None:
    """All numbers of a fixed-point format in order; None if 64 bits do not hold the values."""
    known, place, count = KNOWN[function], input.least_place, 1 << input.width
    codes = np.arange(count, dtype=np.int64)
    half = count >> 1 if input.signed else 0
    x = (codes ^ half) - half
    pole, inside = known.poles(x), known.domain(x)
    inside &= ~pole
    floor, inexact = np.zeros(count, np.int64), np.zeros(count, bool)
    # Where f has a value: one stretch or, beside a pole, two.
    ends = np.flatnonzero(np.diff(np.concatenate([[False], np.roll(inside, half), [False]])))
    for first, last in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
        start = first - half
        found = evenly_spaced(function, known.floors, start, last - first, place, bits)
        if found is None:
            return None
        at = np.arange(start, start + last - first) & (count - 1)
        floor[at], inexact[at] = found
    category = np.where(inside, FINITE, np.where(pole, INFINITE, NAN)).astype(np.uint8)
    # Fixed point has one zero only, which is positive.
    return Values(bits, floor, inexact, category, pole & (known.pole < 0))


def _set_limit(limit: float, where: Any, bits: int, arrays: tuple[Any, Any, Any]) -> None:
    """What a function tends to, at infinities of one sign."""
    floor, category, negative = arrays
    category[where] = NAN if isnan(limit) else INFINITE if isinf(limit) else FINITE
    if not isnan(limit):
        negative[where] = str(limit).startswith("-")
        floor[where] = 0 if isinf(limit) else int(limit) << bits


def _of_table(table: tuple[int | Fraction, ...], bits: int) -> Values:
    scaled = [Fraction(number) * Fraction(2) ** bits for number in table]
    floor = np.array([number.__floor__() for number in scaled], object)
    inexact = np.array([number.denominator > 1 for number in scaled], bool)
    nothing = np.zeros(len(table), bool)
    return Values(bits, floor, inexact, nothing.astype(np.uint8) + FINITE, nothing)


def tabulated(function: Callable[[Any], Any], input: Format) -> tuple[int | Fraction, ...]:
    """A Python function at every number of a format, in the order of its codes, taken exactly.

    The function gets floats where the format's numbers are floats, else fractions; what it returns
    is an integer, a float or a fraction. For instance ``find("function")(f="table",
    values=tabulated(math.cbrt, parse("int8")))``.

    Raises
    ------
    ValueError
        It returns what is no finite number.
    """
    from holigrail_hw.formats.exact_numbers import exact_number

    codes = np.arange(1 << input.width, dtype=np.uint64)
    return tuple(exact_number(function(x)) for x in input.decode(codes).tolist())
