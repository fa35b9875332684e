"""Integers and fixed point: code * 2^-fraction_width, two's complement when signed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..base import Format
from ..errors import FormatError
from ..exact import FINITE, Exact
from ..integers import INT64_BITS, bit_length, jam, narrow, widen
from ..plain_values import settle_fields
from ..registry import number_system
from ..rounding import Rounder, truncate

__all__ = ["MAXIMUM_WIDTH", "FixedFormat"]

MAXIMUM_WIDTH = 4096
"""Widest accumulator. The formats a user can name end at 64 bits."""

_MAXIMUM_FRACTION_WIDTH = 8192
_WIDEST_NAMED = 64
_NUMBER = "(0|[1-9][0-9]*)"
_INTEGER = re.compile(f"(u?)int{_NUMBER}")
_FIXED = re.compile(f"([su])fix{_NUMBER}_en(-?{_NUMBER})")


@number_system
@dataclass(frozen=True)
class FixedFormat(Format):
    """A number is an integer of ``width`` bits times 2^-fraction_width.

    ``fraction_width`` may be negative or larger than ``width``. ``int1`` holds -1 and 0.
    Results out of range saturate (the default) or wrap modulo 2^width; NaN becomes 0, infinities
    saturate, or become 0 when wrapping. Zero has no sign.
    """

    width: int
    signed: bool = True
    fraction_width: int = 0

    kind: ClassVar[str] = "fixed"
    listed_names: ClassVar[tuple[str, ...]] = tuple(
        f"{prefix}{width}" for width in (4, 8, 16, 32) for prefix in ("int", "uint")
    )
    patterns: ClassVar[Mapping[str, str]] = {
        "int{W}": "signed integer of W bits, 1 to 64",
        "uint{W}": "unsigned integer of W bits, 1 to 64",
        "sfix{W}_en{F}": "signed fixed point of W bits, F of them after the point"
        " (F may be negative)",
        "ufix{W}_en{F}": "unsigned fixed point",
    }
    overflow_modes: ClassVar[tuple[str, ...]] = ("saturate", "wrap")

    def __post_init__(self) -> None:
        integers = ("width", "fraction_width")
        settle_fields(self, "fixed point: ", FormatError, integers=integers, flags=("signed",))
        if not 1 <= self.width <= MAXIMUM_WIDTH:
            raise FormatError(
                f"fixed point: width must be between 1 and {MAXIMUM_WIDTH}, not {self.width}"
            )
        if abs(self.fraction_width) > _MAXIMUM_FRACTION_WIDTH:
            raise FormatError(
                f"{self.name}: fraction width must be between -{_MAXIMUM_FRACTION_WIDTH} and "
                f"{_MAXIMUM_FRACTION_WIDTH}, not {self.fraction_width}"
            )

    @classmethod
    def parse_name(cls, name: str) -> "FixedFormat | None":
        if match := _INTEGER.fullmatch(name):
            return _named(name, not match[1], int(match[2]), 0)
        if match := _FIXED.fullmatch(name):
            return _named(name, match[1] == "s", int(match[2]), int(match[3]))
        if re.fullmatch(f"[su]fix{_NUMBER}", name):
            hint = f"fixed point needs its fraction bits, as in '{name}_en4'"
            raise FormatError(f"no format named {name!r}", hint=hint)
        return None

    @property
    def name(self) -> str:
        if self.fraction_width == 0:
            return f"{'int' if self.signed else 'uint'}{self.width}"
        return f"{'s' if self.signed else 'u'}fix{self.width}_en{self.fraction_width}"

    @property
    def summary(self) -> str:
        what = "integer" if self.fraction_width == 0 else "fixed point"
        sign = "signed" if self.signed else "unsigned"
        unit = "" if self.fraction_width == 0 else f", in units of 2^{-self.fraction_width}"
        return f"{self.width}-bit {sign} {what}, {self.minimum} to {self.maximum}{unit}"

    @property
    def minimum(self) -> int:
        """Smallest number, in units of the last place."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest number, in units of the last place."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def least_place(self) -> int:
        return -self.fraction_width

    @property
    def integer_range(self) -> tuple[int, int]:
        return self.minimum, self.maximum

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        unit = Fraction(2) ** self.least_place
        return self.minimum * unit, self.maximum * unit

    @property
    def is_fixed_like(self) -> bool:
        return True

    @property
    def codes_are_integers(self) -> bool:
        return True

    @property
    def is_exact_in_float64(self) -> bool:
        bits = self.width - self.signed
        return bits <= 53 and -970 <= -self.fraction_width <= 970

    @property
    def _finest_exponent(self) -> int:  # type: ignore[override]
        return -self.fraction_width

    def corner_codes(self) -> list[int]:
        top, alternating = self.maximum, int("01" * ((self.width + 1) // 2), 2)
        integers = [0, 1, 2, 3, top, top - 1, top // 2, top // 2 + 1, alternating]
        integers += [-number for number in integers] + [self.minimum, self.minimum + 1]
        one = Fraction(2) ** self.fraction_width
        if one.denominator == 1:
            integers += [one.numerator, -one.numerator, one.numerator // 2]
        in_range = {number for number in integers if self.minimum <= number <= top}
        mask = (1 << self.width) - 1
        return sorted({number & mask for number in in_range} | {~alternating & mask})

    def _unpack(self, codes: np.ndarray) -> Exact:
        sign = np.zeros(codes.shape, bool)
        if self.signed:
            border = 1 << (self.width - 1)
            sign = codes >= (border if codes.dtype == object else np.uint64(border))
        if codes.dtype == object:
            significand: Any = np.where(sign, (1 << self.width) - codes, codes)
        else:
            # Modulo 2^64 the mask cuts 2^width - code correctly at every width up to 64.
            mask = np.uint64((1 << self.width) - 1)
            significand = np.where(sign, (~codes + np.uint64(1)) & mask, codes)
            if self.width <= INT64_BITS:
                significand = significand.astype(np.int64)
        if self.width > INT64_BITS:
            significand = narrow(widen(significand))
        return Exact(
            sign,
            significand,
            np.full(codes.shape, -self.fraction_width, np.int64),
            np.full(codes.shape, FINITE, np.uint8),
        )

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        integers = round_to_integers(exact, -self.fraction_width, rounder)
        if overflow == "saturate":
            is_wide = integers.dtype == object or self.width > INT64_BITS
            integers = widen(integers) if is_wide else integers
            integers = np.clip(integers, self.minimum, self.maximum)
            integers[exact.is_infinite & exact.sign] = self.minimum
            integers[exact.is_infinite & ~exact.sign] = self.maximum
        if self.width > 64 or integers.dtype == object:
            codes = widen(integers) & ((1 << self.width) - 1)
            return codes if self.width > 64 else codes.astype(np.uint64)
        return integers.astype(np.uint64) & np.uint64((1 << self.width) - 1)


def _named(name: str, signed: bool, width: int, fraction_width: int) -> FixedFormat:
    if not 1 <= width <= _WIDEST_NAMED:
        raise FormatError(
            f"{name}: width must be between 1 and {_WIDEST_NAMED}, not {width}",
            hint="wider fixed point exists only as an exact accumulator inside an operator"
            if width > _WIDEST_NAMED
            else None,
        )
    return FixedFormat(width, signed, fraction_width)


def round_to_integers(exact: Exact, exponent: int, rounder: Rounder) -> np.ndarray:
    """Signed integers nearest to exact * 2^-exponent; 0 for infinities and NaN."""
    significand, shift = exact.significand, exponent - exact.exponent
    if significand.dtype == object:
        # Bits that no rounding mode looks at would only keep the numbers large.
        excess = np.maximum(shift - (rounder.random_width + 2), 0)
        significand, shift = narrow(jam(significand, excess)), shift - excess
    shift = np.where(significand == 0, 0, shift)
    if significand.dtype != object:
        result_bits = bit_length(significand) - np.minimum(shift, 0)
        if int(result_bits.max(initial=0)) > INT64_BITS:
            significand = widen(significand)
    magnitude, remainder = truncate(significand, shift)
    is_odd = (magnitude & 1).astype(bool)
    magnitude = magnitude + rounder.up(remainder, shift, is_odd, exact.sign)
    return np.where(exact.sign, -magnitude, magnitude)
