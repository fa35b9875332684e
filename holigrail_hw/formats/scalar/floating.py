"""Binary floating point: sign, exponent and fraction fields of any width, IEEE 754 style or not.

With exponent field e, fraction field m of f bits, and bias b, a number is

    e = 0:  (-1)^sign *      m * 2^(1 - b - f)          (subnormal; zero when flushed)
    e > 0:  (-1)^sign * (2^f + m) * 2^(e - b - f)

Four ways to spend codes on special values:

======  ========================================================  ===========================
ieee    top exponent field is infinity (m = 0) and NaN            IEEE 754, OCP E5M2
fn      only the code of all ones is NaN, either sign             OCP E4M3
finite  every code is a number                                    OCP FP6, FP4
fnuz    the code of -0 is the only NaN, there is no -0            E4M3FNUZ, E5M2FNUZ
======  ========================================================  ===========================

Flush: such a format has no subnormal numbers at all. The codes that would be subnormal are spare
codes of zero: whatever reads one (every operator, ``decode``, a comparison) reads the zero of its
sign, or the only zero where there is no -0 (fnuz). Nothing writes one: a result is rounded as if
exponents had no lower end, and if it then lies below the smallest normal number it is the zero of
its sign, in every rounding mode, ``up``, ``down`` and ``to_odd`` included. Operators that pass a
number on (maximum, minimum) write that zero, too; those that move codes and never read them as
numbers (codecs) leave them alone.

References: IEEE 754-2019; OCP 8-bit Floating Point Specification 1.0 (2023); OCP Microscaling
Formats 1.0 (2023).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from ..base import Format
from ..errors import FormatError
from ..exact import FINITE, INFINITE, NAN, Exact
from ..integers import INT64_BITS, bit_length, jam, narrow
from ..plain_values import settle_fields
from ..registry import number_system
from ..rounding import Rounder, truncate
from .float_names import NAMED_FLOATS, SPECIALS, float_name, named_fields
from .float_operands import distant_floats, plain_floats

__all__ = ["SPECIALS", "FloatFormat"]

_MAXIMUM_BIAS = 1000


@number_system
@dataclass(frozen=True)
class FloatFormat(Format):
    """A float of 1 + exponent_width + fraction_width bits; the sign is the highest bit.

    ``bias``: 2^(exponent_width-1) - 1 if left out (one more for fnuz).
    ``specials``: as above; ieee if left out, fn without fraction bits.
    ``subnormals``: False flushes, as above.
    ``saturate``: results too large, and infinities, become the largest finite number.

    Without it they become infinite (ieee) or NaN (fn, fnuz), unless the rounding mode is directed
    the other way. ``finite`` always saturates; NaN becomes its largest number.
    """

    exponent_width: int
    fraction_width: int
    bias: int = None  # type: ignore[assignment]
    specials: str = None  # type: ignore[assignment]
    subnormals: bool = True
    saturate: bool = False

    kind: ClassVar[str] = "float"
    listed_names: ClassVar[tuple[str, ...]] = tuple(NAMED_FLOATS)
    patterns: ClassVar[Mapping[str, str]] = {
        "e{E}m{M}": "float with E exponent bits (1 to 8) and M fraction bits (0 to 23),"
        " as IEEE 754",
        "e{E}m{M}_{options}": "options, in any order: ieee, fn, finite or fnuz; bias{B}; flush;"
        " sat",
    }
    signed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        who = f"e{self.exponent_width}m{self.fraction_width}"
        integers = ("exponent_width", "fraction_width", "bias")
        flags = ("subnormals", "saturate")
        settle_fields(self, f"{who}: ", FormatError, integers=integers, flags=flags)
        _check(who, "exponent width", self.exponent_width, 1, 8)
        _check(who, "fraction width", self.fraction_width, 0, 23)
        if self.specials is None:
            object.__setattr__(self, "specials", "ieee" if self.fraction_width else "fn")
        if self.specials not in SPECIALS:
            allowed = ", ".join(SPECIALS)
            raise FormatError(f"{who}: specials must be one of {allowed}, not {self.specials!r}")
        if self.specials == "ieee" and self.fraction_width == 0:
            raise FormatError(
                f"{who}_ieee: fraction width must be at least 1 to tell infinity from NaN, not 0",
                hint=f"{who}_fn has one NaN, {who}_finite has none",
            )
        if self.bias is None:
            object.__setattr__(self, "bias", self.default_bias)
        _check(who, "bias", self.bias, -_MAXIMUM_BIAS, _MAXIMUM_BIAS)
        if self.specials == "finite":
            # It saturates anyway; one format must not have two spellings.
            object.__setattr__(self, "saturate", False)
        smallest = 1 if self.subnormals else self.smallest_normal_code
        if self.largest_code < smallest:
            raise FormatError(
                f"{self.name}: must have a finite number other than zero, not only zero",
                hint="use a wider exponent, subnormals, or 'finite'",
            )

    @classmethod
    def parse_name(cls, name: str) -> "FloatFormat | None":
        fields = named_fields(name)
        return None if fields is None else cls(**fields)

    @property
    def name(self) -> str:
        return float_name(self)

    @property
    def summary(self) -> str:
        largest = self.format_code(self.largest_code).split("(")[1].rstrip(")")
        fields = f"1-{self.exponent_width}-{self.fraction_width}, bias {self.bias}"
        options = ["flushed"] * (not self.subnormals) + ["saturating"] * self.saturate
        parts = [f"{self.width}-bit float", fields, self.specials, *options, f"largest {largest}"]
        return ", ".join(parts)

    @property
    def width(self) -> int:  # type: ignore[override]
        return 1 + self.exponent_width + self.fraction_width

    @property
    def significand_width(self) -> int:
        """Bits of the significand with its hidden bit."""
        return self.fraction_width + 1

    @property
    def default_bias(self) -> int:
        return (1 << (self.exponent_width - 1)) - (self.specials != "fnuz")

    @property
    def minimum_exponent(self) -> int:
        """Exponent of the smallest normal number."""
        return 1 - self.bias

    @property
    def subnormal_place(self) -> int | None:
        return self.minimum_exponent

    @property
    def maximum_exponent(self) -> int:
        """Exponent of the leading bit of the largest finite number (as if it were normal)."""
        return max(self.largest_code >> self.fraction_width, 1) - self.bias

    @property
    def saturates(self) -> bool:
        """Whether every overflow gives the largest finite number."""
        return self.saturate or self.specials == "finite"

    @property
    def least_place(self) -> int:
        return self.minimum_exponent - self.fraction_width

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        field, fraction = divmod(self.largest_code, self.smallest_normal_code)
        significand = fraction + (self.smallest_normal_code if field else 0)
        largest = significand * Fraction(2) ** (self.least_place + max(field, 1) - 1)
        return -largest, largest

    @property
    def exponent_field(self) -> range:
        return range(self.fraction_width, self.width - 1)

    @property
    def has_infinity(self) -> bool:
        return self.specials == "ieee"

    @property
    def has_nan(self) -> bool:
        return self.specials != "finite"

    @property
    def has_negative_zero(self) -> bool:
        return self.specials != "fnuz"

    @property
    def sign_code(self) -> int:
        """The code with only the sign bit set."""
        return 1 << (self.width - 1)

    @property
    def smallest_normal_code(self) -> int:
        return 1 << self.fraction_width

    @property
    def largest_code(self) -> int:
        """Code of the largest finite number."""
        top = self.sign_code - 1
        if self.specials == "ieee":
            return top - self.smallest_normal_code
        return top - (self.specials == "fn")

    @property
    def infinity_code(self) -> int | None:
        """Code of +infinity, None if the format has no infinity."""
        return self.largest_code + 1 if self.has_infinity else None

    @property
    def nan_code(self) -> int | None:
        """The NaN that results carry, None if the format has no NaN."""
        match self.specials:
            case "ieee":
                return self.largest_code + 1 + (self.smallest_normal_code >> 1)
            case "fn":
                return self.largest_code + 1
            case "fnuz":
                return self.sign_code
        return None

    @property
    def is_exact_in_float64(self) -> bool:
        return self.least_place >= -1074 and self.maximum_exponent <= 1023

    def corner_codes(self) -> list[int]:
        normal, one = self.smallest_normal_code, self.bias << self.fraction_width
        top, alternating = self.sign_code - 1, int("01" * self.width, 2)
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
        sign, magnitude = packed >= self.sign_code, packed & (self.sign_code - 1)
        field = magnitude >> self.fraction_width
        fraction = magnitude & (self.smallest_normal_code - 1)
        is_normal = field > 0
        category = np.full(codes.shape, FINITE, np.uint8)
        if self.specials == "fnuz":
            category[packed == self.sign_code] = NAN
        else:
            category[magnitude > self.largest_code] = NAN
        if self.has_infinity:
            category[magnitude == self.infinity_code] = INFINITE
        significand = np.where(is_normal, fraction + self.smallest_normal_code, fraction)
        is_number = (category == FINITE) & (is_normal | self.subnormals)
        if self.specials == "fnuz":
            sign = sign & (is_number & (magnitude != 0))
        exponent = np.maximum(field, 1) - (self.bias + self.fraction_width)
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
        if not self.subnormals:
            codes = np.where(codes < self.smallest_normal_code, 0, codes)
        codes = np.where(significand == 0, 0, codes)
        return self._with_specials(codes, exact, rounder)

    def _with_specials(self, codes: np.ndarray, exact: Exact, rounder: Rounder) -> np.ndarray:
        """Magnitude codes, possibly too large, to codes with sign, infinities and NaN."""
        largest, is_infinite = self.largest_code, exact.category == INFINITE
        stops = rounder.stops_at_largest(exact.sign) & ~is_infinite | self.saturates
        is_over = is_infinite | (codes > largest)
        codes = np.where(is_over & stops, largest, codes)
        is_over &= ~stops
        is_nan = exact.category == NAN
        if self.infinity_code is not None:
            codes = np.where(is_over, self.infinity_code, codes)
        else:
            is_nan = is_nan | is_over
        is_negative = exact.sign if self.has_negative_zero else exact.sign & (codes != 0)
        codes = np.where(is_negative, codes | self.sign_code, codes)
        codes = np.where(is_nan, largest if self.nan_code is None else self.nan_code, codes)
        return codes.astype(np.uint64)


def _check(who: str, what: str, given: int, low: int, high: int) -> None:
    if not low <= given <= high:
        raise FormatError(f"{who}: {what} must be between {low} and {high}, not {given}")
