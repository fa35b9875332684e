"""Exception flags of operations that are rounded once to a float (IEEE 754-2019, section 7).

===============  ================================================================================
invalid          the result is NaN and no operand is; or it is NaN or infinite, not by a division
                 by zero, and the format has no such value
divide by zero   the exact result is infinite, all operands being finite
overflow         rounded as if exponents had no end, the magnitude exceeds the largest number
underflow        the result is inexact, not zero, and tiny: less than the smallest normal number,
                 *before* rounding, or *after* rounding as if exponents had no end
inexact          the result is not the exact one, or overflow
===============  ================================================================================

NaN operands are quiet: nothing is signalled about them.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, Exact
from holigrail_hw.formats.integers import bit_length, widen
from holigrail_hw.formats.rounding import Rounder, truncate

from .arithmetic import EQUAL, compare
from .rules import Projection

__all__ = ["exception_flags"]


def exception_flags(
    operands: Sequence[Exact], exact: Exact, codes: np.ndarray, how: Projection, tininess: str
) -> np.ndarray:
    """Codes of the format ``flags`` for exact results that became ``codes``.

    ``tininess`` is ``before`` or ``after``; the result's format is a binary float with subnormals.
    """
    format: Any = how.result
    any_nan = np.logical_or.reduce([x.is_nan for x in operands])
    all_finite = np.logical_and.reduce([x.is_finite for x in operands])
    divide_by_zero = exact.is_infinite & all_finite
    lacking = (exact.is_nan & (not format.has_nan)) | (
        exact.is_infinite & ~divide_by_zero & (not format.has_infinity)
    )
    invalid = (exact.is_nan & ~any_nan) | lacking
    rounded = _rounded(exact, how)
    largest = _number(format.number_range[1], exact.shape)
    tiny_below = _number(Fraction(2) ** format.minimum_exponent, exact.shape)
    overflow = exact.is_finite & (compare(_magnitude(rounded), largest) > EQUAL)
    inexact = exact.is_finite & (compare(exact, format.unpack(codes)) != EQUAL)
    judged = rounded if tininess == "after" else exact
    is_tiny = compare(_magnitude(judged), tiny_below) < EQUAL
    underflow = inexact & is_tiny & (exact.significand != 0)
    bits = (inexact | overflow, underflow, overflow, divide_by_zero, invalid)
    return sum(bit.astype(np.uint64) << np.uint64(place) for place, bit in enumerate(bits))  # type: ignore[return-value]


def _rounded(exact: Exact, how: Projection) -> Exact:
    """Rounded to the format's precision, as if exponents had no end."""
    format: Any = how.result
    rounder = Rounder.create(how.rounding, how.random, how.random_width)
    significand = widen(exact.significand)
    leading = bit_length(significand) - 1 + exact.exponent
    place = leading - format.fraction_width
    shift = place - exact.exponent
    kept, rest = truncate(significand, shift)
    odd = (kept & 1).astype(bool)
    if format.fraction_width == 0:
        # The code's last bit is that of the exponent.
        odd = (leading + format.bias) & 1 == 1
    kept = kept + rounder.up(rest, shift, odd, exact.sign)
    return Exact(exact.sign, kept * (exact.significand != 0), place, exact.category)


def _magnitude(x: Exact) -> Exact:
    return Exact(np.zeros(x.shape, bool), x.significand, x.exponent, x.category)


def _number(value: Fraction, shape: tuple[int, ...]) -> Exact:
    """A positive binary fraction, in an array."""
    place = 1 - value.denominator.bit_length()
    one = np.array(value.numerator, object), np.array(place, np.int64)
    sign, category = np.array(False), np.array(FINITE, np.uint8)
    return Exact(sign, *one, category).broadcast_to(shape)
