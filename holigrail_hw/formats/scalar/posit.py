"""Posits: sign, regime, exponent and fraction, with more fraction bits for numbers near one.

The code of a negative number is the two's complement of that of its magnitude. After the sign come
a run of r equal bits and one opposite bit (the regime), ``exponent_width`` bits of exponent e, and
the fraction f; bits beyond the end of the code are 0. With k = r - 1 for ones and k = -r for zeros

    magnitude = 2^(k * 2^exponent_width + e) * (1 + f).

The code 0 is zero, 10...0 is NaR, the only value that is no number; infinities become NaR. Rounding
works on the bit string: the code of unlimited length is cut off at the width, and what was cut off
decides in every rounding mode, ties to nearest by the code's last bit. No number but zero becomes
zero, and none becomes NaR: beyond the smallest and the largest magnitude it is that one.

Reference: Posit Working Group, Standard for Posit Arithmetic (2022); Gustafson and Yonemoto,
"Beating Floating Point at its Own Game" (2017).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..base import Format
from ..errors import FormatError
from ..exact import FINITE, NAN, Exact
from ..integers import INT64_BITS, bit_length, jam, largest_bits, narrow, widen
from ..plain_values import settle_fields
from ..registry import number_system
from ..rounding import Rounder, truncate

__all__ = ["PositFormat"]

_NAME = re.compile("posit(0|[1-9][0-9]*)_(0|[1-9][0-9]*)")
_WIDEST = 32
_WIDEST_EXPONENT = 4


@number_system
@dataclass(frozen=True)
class PositFormat(Format):
    """A posit of ``width`` bits, 2 to 32, with ``exponent_width`` bits of exponent, 0 to 4."""

    width: int
    exponent_width: int = 2

    kind: ClassVar[str] = "posit"
    signed: ClassVar[bool] = True
    has_nan: ClassVar[bool] = True  # type: ignore[override]
    saturates: ClassVar[bool] = True  # type: ignore[override]
    is_exact_in_float64: ClassVar[bool] = True  # type: ignore[override]
    listed_names: ClassVar[tuple[str, ...]] = ("posit8_2", "posit16_2", "posit32_2")
    patterns: ClassVar[Mapping[str, str]] = {
        "posit{W}_{E}": "posit of W bits (2 to 32) with E exponent bits (0 to 4)"
    }

    def __post_init__(self) -> None:
        integers = ("width", "exponent_width")
        settle_fields(self, "posit: ", FormatError, integers=integers)
        limits = (("width", 2, _WIDEST), ("exponent width", 0, _WIDEST_EXPONENT))
        for what, low, high in limits:
            given = getattr(self, what.replace(" ", "_"))
            if not low <= given <= high:
                raise FormatError(
                    f"{self.name}: {what} must be between {low} and {high}, not {given}"
                )

    @classmethod
    def parse_name(cls, name: str) -> "PositFormat | None":
        match = _NAME.fullmatch(name)
        return cls(int(match[1]), int(match[2])) if match else None

    @property
    def name(self) -> str:
        return f"posit{self.width}_{self.exponent_width}"

    @property
    def summary(self) -> str:
        bits = f"{self.exponent_width} exponent bits"
        return f"{self.width}-bit posit, {bits}, largest 2^{self.largest_exponent}"

    @property
    def largest_exponent(self) -> int:
        """Of the largest number, a power of two; the smallest positive one is its reciprocal."""
        return (self.width - 2) << self.exponent_width

    @property
    def nar_code(self) -> int:
        """The code of NaR, that of the sign alone."""
        return 1 << (self.width - 1)

    @property
    def least_place(self) -> int:
        return -self.largest_exponent

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        largest = Fraction(2) ** self.largest_exponent
        return -largest, largest

    def corner_codes(self) -> list[int]:
        top, one = self.nar_code - 1, self.nar_code >> 1
        near_one = {one - 1, one, one + 1, one + (one >> 1), one >> 1}
        positive = {code for code in {1, 2, 3, top - 1, top, *near_one} if 0 < code <= top}
        negative = {2 * self.nar_code - code for code in positive}
        return sorted({0, self.nar_code} | positive | negative)

    def _unpack(self, codes: np.ndarray) -> Exact:
        packed, digits = codes.astype(np.int64), self.width - 1
        is_nar = packed == self.nar_code
        sign = (packed > self.nar_code) & ~is_nar
        body = np.where(sign, 2 * self.nar_code - packed, packed)
        body = np.where(is_nar, 0, body)
        ones = (body >> (digits - 1)) & 1 == 1
        run = digits - bit_length(np.where(ones, body ^ (self.nar_code - 1), body))
        regime = np.where(ones, run - 1, -run)
        # What is left after the bit that ends the run, which may lie beyond the code.
        left = np.maximum(digits - run - 1, 0)
        rest = body & ((1 << left) - 1)
        places = np.maximum(left - self.exponent_width, 0)
        exponent = (rest >> places) << np.maximum(self.exponent_width - left, 0)
        significand = (rest & ((1 << places) - 1)) + (1 << places)
        return Exact(
            sign,
            np.where(body == 0, 0, significand),
            (regime << self.exponent_width) + exponent - places,
            np.where(is_nar, NAN, FINITE).astype(np.uint8),
        )

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        leading = exact.exponent + bit_length(exact.significand) - 1
        # Beyond the ends every number is an end; the bit string is made of one just beyond.
        end = self.largest_exponent
        string, length = self._bit_string(
            exact.significand, np.clip(leading, -end - 1, end), rounder.random_width
        )
        shift = length - (self.width - 1)
        body, remainder = truncate(string, shift)
        is_odd = (body & 1).astype(bool)
        body = (body + rounder.up(remainder, shift, is_odd, exact.sign)).astype(np.int64)
        body = np.where(leading >= end, self.nar_code - 1, body)
        body = np.clip(body, 1, self.nar_code - 1)
        codes = np.where(exact.sign, 2 * self.nar_code - body, body)
        codes = np.where(exact.significand == 0, 0, codes)
        return np.where(exact.is_finite, codes, self.nar_code).astype(np.uint64)

    def _bit_string(
        self, significand: np.ndarray, leading: np.ndarray, random_width: int
    ) -> tuple[Any, np.ndarray]:
        """Regime, exponent and fraction without a limit, and how many bits they have together."""
        # Rounding sees only the leading bits; the others matter through one sticky bit.
        size = max(min(largest_bits(significand), self.width + random_width + 3), 1)
        excess = bit_length(significand) - size
        digits: Any = narrow(jam(significand, np.maximum(excess, 0))) << np.maximum(-excess, 0)
        if self.width + self.exponent_width + size > INT64_BITS - 1:
            digits = widen(digits)
        one = digits * 0 + 1
        regime = leading >> self.exponent_width
        run = np.where(regime < 0, -regime, regime + 1)
        first = np.where(regime < 0, one, ((one << run) - 1) << 1)
        exponent = leading & ((1 << self.exponent_width) - 1)
        string = (first << self.exponent_width) + exponent
        # The hidden one is no part of the code.
        string = (string << (size - 1)) + (digits - (one << (size - 1)))
        return string, run + 1 + self.exponent_width + size - 1
