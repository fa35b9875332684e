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

from holigrail_hw.formats import FINITE, INFINITE, NAN, Exact, Format

from .catalogue import KNOWN

__all__ = ["Values", "tabulated", "values_of"]


@dataclass(frozen=True, eq=False)
class Values:
    """``floor`` is floor(f 2^bits) at every code, ``inexact`` whether that is below f.

    ``category`` is that of :class:`.formats.Exact`; ``negative`` the sign of zeros and infinities.
    """

    bits: int
    floor: Any
    inexact: Any
    category: Any
    negative: Any

    def exact(self) -> Exact:
        """The values, with the bit below the last place set where something was cut off."""
        is_finite = self.category == FINITE
        below = (self.floor < 0).astype(bool)
        # Of a negative number the floor of the magnitude is one less than that of its floor.
        magnitude = np.where(below, -self.floor - self.inexact.astype(object), self.floor)
        significand = np.where(is_finite, 2 * magnitude + self.inexact.astype(object), 0)
        sign = np.where(below & is_finite, True, self.negative)
        exponent = np.full(below.shape, -self.bits - 1, np.int64)
        return Exact(sign.astype(bool), significand, exponent, self.category)


@lru_cache(maxsize=32)
def values_of(
    function: str, table: tuple[int | Fraction, ...] | None, input: Format, bits: int
) -> Values:
    """A known function, or the numbers of a table, at every code of a format in ascending order.

    Infinities take the limits of the function; where it has no value, the category is NAN, and at a
    pole INFINITE.
    """
    if table is not None:
        return _of_table(table, bits)
    known = KNOWN[function]
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
