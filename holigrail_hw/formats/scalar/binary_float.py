"""What all binary floats share: fields, codes to numbers, rounding, overflow.

The magnitude of a code, all its bits but the sign, is an exponent field e of ``exponent_width``
bits above a fraction m of f bits. With bias b it is the number

    e = 0:  m * 2^(1 - b - f)          (subnormal)
    e > 0:  (2^f + m) * 2^(e - b - f)  (normal)

Magnitudes are in the order of their numbers. Those above ``largest_code`` are special. A format
may do without subnormal numbers in two ways: *flushed* ones read as zero, or the field 0 is *full*
of normal numbers, and only the magnitude 0 is zero.

Rounding works on the magnitude as if it had no upper end; then what is too large is judged.
"""

from abc import abstractmethod
from fractions import Fraction
from typing import Any

import numpy as np

from ..base import Format
from ..exact import FINITE, INFINITE, NAN, Exact
from ..integers import INT64_BITS, bit_length, jam, narrow
from ..rounding import Rounder, Rounding, truncate
from .float_operands import distant_floats, plain_floats

__all__ = ["BinaryFloat"]


class BinaryFloat(Format):
    """A float in fields: sign (if ``signed``), exponent, fraction, from the highest bit down.

    A class says what the fields are and which codes are special; all else follows, in hardware too.
    """

    exponent_width: Any
    fraction_width: Any
    bias: Any
    subnormals: Any = True
    """Whether there are subnormal numbers."""
    full: Any = False
    """Whether the exponent field 0 holds normal numbers; there are no subnormal ones then."""
    keeps_infinity: Any = False
    """Whether only finite results that are too large become the largest finite number."""
    odd_stops: Any = True
    """Whether rounding to odd never goes beyond the largest finite number."""

    @property
    @abstractmethod
    def largest_code(self) -> int:
        """Code of the largest finite number."""

    @property
    @abstractmethod
    def infinity_code(self) -> int | None:
        """Code of +infinity, one more than ``largest_code``; None if there is no infinity."""

    @property
    @abstractmethod
    def nan_code(self) -> int | None:
        """The NaN that results carry, None if the format has no NaN."""

    @property
    def magnitude_width(self) -> int:
        """Bits of a code without its sign."""
        return self.exponent_width + self.fraction_width

    @property
    def width(self) -> int:  # type: ignore[override]
        return self.magnitude_width + bool(self.signed)

    @property
    def significand_width(self) -> int:
        """Bits of the significand with its hidden bit."""
        return self.fraction_width + 1

    @property
    def minimum_exponent(self) -> int:
        """Exponent of the smallest normal number, or of its binade if that is full."""
        return -self.bias if self.full else 1 - self.bias

    @property
    def subnormal_place(self) -> int | None:
        return self.minimum_exponent

    @property
    def maximum_exponent(self) -> int:
        """Exponent of the leading bit of the largest finite number (as if it were normal)."""
        lowest = 0 if self.full else 1
        return max(self.largest_code >> self.fraction_width, lowest) - self.bias

    @property
    def least_place(self) -> int:
        return self.minimum_exponent - self.fraction_width

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        field, fraction = divmod(self.largest_code, self.smallest_normal_code)
        hidden = self.smallest_normal_code if field or self.full else 0
        place = self.maximum_exponent - self.fraction_width
        largest = (fraction + hidden) * Fraction(2) ** place
        return (-largest if self.signed else Fraction(0)), largest

    @property
    def exponent_field(self) -> range:
        return range(self.fraction_width, self.magnitude_width)

    @property
    def has_infinity(self) -> bool:
        return self.infinity_code is not None

    @property
    def has_nan(self) -> bool:
        return self.nan_code is not None

    @property
    def sign_code(self) -> int:
        """The code with only the sign bit set; 0 without a sign."""
        return 1 << self.magnitude_width if self.signed else 0

    @property
    def nan_is_negative_zero(self) -> bool:
        """Whether the only NaN has the code of the sign alone, so that there is no -0."""
        return bool(self.signed) and self.nan_code == self.sign_code

    @property
    def infinity_has_own_field(self) -> bool:
        """Whether the greatest exponent field is infinity with fraction 0, else NaN."""
        top = (1 << self.exponent_width) - 1
        return self.infinity_code == top << self.fraction_width and not self.nan_is_negative_zero

    @property
    def flushes(self) -> bool:
        """Whether there are codes of subnormal numbers that read as zero."""
        return not (self.subnormals or self.full)

    @property
    def is_power_of_two(self) -> bool:
        return self.fraction_width == 0 and not self.signed

    @property
    def clamps(self) -> bool:
        """Whether every finite result that is too large becomes the nearest finite number."""
        return self.saturates or bool(self.keeps_infinity)

    @property
    def smallest_normal_code(self) -> int:
        """Code of the smallest number with exponent field 1."""
        return 1 << self.fraction_width

    @property
    def smallest_code(self) -> int:
        """Code of the smallest number above zero."""
        return self.smallest_normal_code if self.flushes else 1

    @property
    def is_exact_in_float64(self) -> bool:
        return self.least_place >= -1074 and self.maximum_exponent <= 1023

    def corner_codes(self) -> list[int]:
        normal, one = self.smallest_normal_code, self.bias << self.fraction_width
        top, alternating = (1 << self.magnitude_width) - 1, int("01" * self.width, 2)
        codes = {0, 1, normal - 1, normal, normal + 1, self.largest_code - 1, self.largest_code}
        codes |= {one - 1, one, one + 1, one + normal // 2, one + normal, top, top - 1}
        codes |= {self.largest_code + 1, self.largest_code + 2, alternating & top}
        codes.add(~alternating & top)
        if self.nan_code is not None:
            codes.add(self.nan_code & top)
        kept = {code for code in codes if 0 <= code <= top}
        return sorted(kept | {code | self.sign_code for code in kept})

    def plain_codes(self, rng: np.random.Generator, codes: np.ndarray) -> np.ndarray | None:
        return plain_floats(self, rng, codes) if self.fraction_width else None

    def distant_codes(
        self, rng: np.random.Generator, centre: np.ndarray
    ) -> list[np.ndarray] | None:
        return distant_floats(self, rng, centre)

    def _unpack(self, codes: np.ndarray) -> Exact:
        packed = codes.astype(np.int64)
        magnitude = packed & ((1 << self.magnitude_width) - 1)
        sign = packed != magnitude
        field = magnitude >> self.fraction_width
        fraction = magnitude & (self.smallest_normal_code - 1)
        is_normal = magnitude > 0 if self.full else field > 0
        category = np.full(codes.shape, FINITE, np.uint8)
        if self.nan_is_negative_zero:
            category[packed == self.nan_code] = NAN
        else:
            category[magnitude > self.largest_code] = NAN
        if self.infinity_code is not None:
            category[magnitude == self.infinity_code] = INFINITE
        significand = np.where(is_normal, fraction + self.smallest_normal_code, fraction)
        is_number = (category == FINITE) & (is_normal | bool(self.subnormals))
        if self.nan_is_negative_zero:
            is_zero = (category == FINITE) & ~(is_number & (magnitude != 0))
            sign = sign & ~is_zero & (category != NAN)
        lowest = 0 if self.full else 1
        exponent = np.maximum(field, lowest) - (self.bias + self.fraction_width)
        return Exact(sign, np.where(is_number, significand, 0), exponent, category)

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        significand, exponent = exact.significand, exact.exponent
        if significand.dtype == object:
            # Rounding sees only the leading bits; the others matter through one sticky bit.
            seen = self.significand_width + rounder.random_width + 2
            excess = np.maximum(bit_length(significand) - max(seen, INT64_BITS), 0)
            significand, exponent = narrow(jam(significand, excess)), exponent + excess
        leading = exponent + bit_length(significand) - 1
        if self.subnormals:
            leading = np.maximum(leading, self.minimum_exponent)
        leading = np.where(significand == 0, self.minimum_exponent, leading)
        shift = leading - self.fraction_width - exponent
        integer, remainder = truncate(significand, shift)
        # The hidden bit adds one to the exponent field, and so does a carry out of the fraction.
        codes = ((leading + self.bias - 1) << self.fraction_width) + integer.astype(np.int64)
        codes = codes + rounder.up(remainder, shift, (codes & 1).astype(bool), exact.sign)
        codes = np.where(codes < self.smallest_code, 0, codes)
        codes = np.where(significand == 0, 0, codes)
        return self._with_specials(codes, exact, rounder)

    def _with_specials(self, codes: np.ndarray, exact: Exact, rounder: Rounder) -> np.ndarray:
        """Magnitude codes, possibly too large, to codes with sign, infinities and NaN."""
        largest, is_infinite = self.largest_code, exact.category == INFINITE
        stops = rounder.stops_at_largest(exact.sign)
        inward = stops
        if rounder.mode is Rounding.TO_ODD:
            stops, inward = stops & self.odd_stops, stops & False
        stops = np.where(is_infinite, not self.has_infinity and self.clamps, stops | self.clamps)
        stops = stops | self.saturates
        is_over = is_infinite | (codes > largest)
        codes = np.where(is_over & stops, largest, codes)
        is_over &= ~stops
        is_nan = exact.category == NAN
        if self.infinity_code is not None:
            codes = np.where(is_over, self.infinity_code, codes)
        else:
            is_nan = is_nan | is_over
        if self.signed:
            is_negative = exact.sign if self.has_negative_zero else exact.sign & (codes != 0)
            codes = np.where(is_negative, codes | self.sign_code, codes)
        else:
            # No number is below zero: what is becomes zero, as it would the lowest one, or NaN.
            is_below = exact.sign & (is_infinite | (codes != 0))
            ends = self.clamps | (inward & ~is_infinite)
            codes = np.where(is_below, 0, codes)
            is_nan = is_nan | (is_below & ~ends)
        codes = np.where(is_nan, largest if self.nan_code is None else self.nan_code, codes)
        return codes.astype(np.uint64)
