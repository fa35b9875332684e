"""Floats of FloPoCo: two bits beside sign, exponent and fraction say what kind of number it is.

From the highest bit down: exception bits, sign, exponent field e of E bits, fraction m of F bits.

====  ===========================================================
00    zero, with a sign
01    (-1)^sign * (2^F + m) * 2^(e - b - F), the bias b = 2^(E-1) - 1
10    infinity, with a sign
11    NaN
====  ===========================================================

Every exponent field is that of normal numbers: there is one more binade at each end than in a float
of IEEE 754 of these widths, and there are no subnormal numbers. Results are rounded as if exponents
had no end; what is then below the smallest number is the zero of its sign, what is above the
largest infinite, or the largest where rounding is directed inwards. Results write 0 in all fields
that mean nothing, and those are not looked at in operands.

Reference: de Dinechin and Pasca, "Designing Custom Arithmetic Data Paths with FloPoCo" (2011).
"""

import re
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

__all__ = ["ExceptionBitsFormat"]

_NAME = re.compile("flopoco(0|[1-9][0-9]*)_(0|[1-9][0-9]*)")
_LIMITS = (("exponent width", 2, 8), ("fraction width", 1, 23))
_NORMAL, _INFINITY, _NAN = 1, 2, 3


@number_system
@dataclass(frozen=True)
class ExceptionBitsFormat(Format):
    """A float of ``exponent_width`` (2 to 8), ``fraction_width`` (1 to 23) and three more bits."""

    exponent_width: int
    fraction_width: int

    kind: ClassVar[str] = "float with exception bits"
    signed: ClassVar[bool] = True
    has_nan: ClassVar[bool] = True  # type: ignore[override]
    has_infinity: ClassVar[bool] = True  # type: ignore[override]
    has_negative_zero: ClassVar[bool] = True  # type: ignore[override]
    is_exact_in_float64: ClassVar[bool] = True  # type: ignore[override]
    listed_names: ClassVar[tuple[str, ...]] = ("flopoco5_10", "flopoco8_23")
    patterns: ClassVar[Mapping[str, str]] = {
        "flopoco{E}_{M}": "FloPoCo's float with two exception bits, E exponent bits (2 to 8) and M"
        " fraction bits (1 to 23)"
    }

    def __post_init__(self) -> None:
        settle_fields(self, "flopoco: ", FormatError, integers=("exponent_width", "fraction_width"))
        for what, low, high in _LIMITS:
            given = getattr(self, what.replace(" ", "_"))
            if not low <= given <= high:
                raise FormatError(
                    f"{self.name}: {what} must be between {low} and {high}, not {given}"
                )

    @classmethod
    def parse_name(cls, name: str) -> "ExceptionBitsFormat | None":
        match = _NAME.fullmatch(name)
        return cls(int(match[1]), int(match[2])) if match else None

    @property
    def name(self) -> str:
        return f"flopoco{self.exponent_width}_{self.fraction_width}"

    @property
    def summary(self) -> str:
        largest = self.format_code(self.largest_code).split("(")[1].rstrip(")")
        fields = f"2-1-{self.exponent_width}-{self.fraction_width}, bias {self.bias}"
        return f"{self.width}-bit float with exception bits, {fields}, largest {largest}"

    @property
    def width(self) -> int:
        return self.magnitude_width + 3

    @property
    def magnitude_width(self) -> int:
        """Bits of exponent and fraction."""
        return self.exponent_width + self.fraction_width

    @property
    def bias(self) -> int:
        """What exponent fields are above the exponents."""
        return (1 << (self.exponent_width - 1)) - 1

    @property
    def largest_code(self) -> int:
        """Code of the largest finite number."""
        return self.code_of(_NORMAL) | ((1 << self.magnitude_width) - 1)

    @property
    def nan_code(self) -> int:
        """The NaN that results carry."""
        return self.code_of(_NAN)

    def code_of(self, kind: int) -> int:
        """The code of these exception bits and zeros."""
        return kind << (self.magnitude_width + 1)

    @property
    def least_place(self) -> int:
        return -self.bias - self.fraction_width

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        top = (1 << self.exponent_width) - 1 - self.bias - self.fraction_width
        largest = ((2 << self.fraction_width) - 1) * Fraction(2) ** top
        return -largest, largest

    def corner_codes(self) -> list[int]:
        top, one = (1 << self.magnitude_width) - 1, self.bias << self.fraction_width
        unit = 1 << self.fraction_width
        magnitudes = {0, 1, unit - 1, unit, one - 1, one, one + 1, one + unit // 2, top - 1, top}
        found = {self.code_of(_NORMAL) | magnitude for magnitude in magnitudes}
        found |= {self.code_of(kind) | rest for kind in (0, _INFINITY, _NAN) for rest in (0, top)}
        sign = 1 << self.magnitude_width
        return sorted(found | {code | sign for code in found})

    def plain_codes(self, rng: np.random.Generator, codes: np.ndarray) -> np.ndarray | None:
        """Most numbers are normal, where only a quarter of all codes are."""
        low = (1 << (self.magnitude_width + 1)) - 1
        return (codes & low) | self.code_of(_NORMAL)

    def _unpack(self, codes: np.ndarray) -> Exact:
        packed = codes.astype(np.int64)
        kind = packed >> (self.magnitude_width + 1)
        unit = 1 << self.fraction_width
        is_number = kind == _NORMAL
        field = (packed >> self.fraction_width) & ((1 << self.exponent_width) - 1)
        category = np.where(kind == _NAN, NAN, np.where(kind == _INFINITY, INFINITE, FINITE))
        return Exact(
            ((packed >> self.magnitude_width) & 1).astype(bool) & (kind != _NAN),
            np.where(is_number, unit + (packed & (unit - 1)), 0),
            field - self.bias - self.fraction_width,
            category.astype(np.uint8),
        )

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        significand, exponent = exact.significand, exact.exponent
        if significand.dtype == object:
            # Rounding sees only the leading bits; the others matter through one sticky bit.
            seen = self.fraction_width + rounder.random_width + 3
            excess = np.maximum(bit_length(significand) - max(seen, INT64_BITS), 0)
            significand, exponent = narrow(jam(significand, excess)), exponent + excess
        leading = exponent + bit_length(significand) - 1
        shift = leading - self.fraction_width - exponent
        kept, rest = truncate(significand, np.where(significand == 0, 0, shift))
        # The hidden bit adds one to the field, and so does a carry out of the fraction.
        magnitude = ((leading + self.bias - 1) << self.fraction_width) + kept.astype(np.int64)
        magnitude = magnitude + rounder.up(rest, shift, (magnitude & 1).astype(bool), exact.sign)
        top = (1 << self.magnitude_width) - 1
        over = exact.is_finite & (significand != 0) & (magnitude > top)
        stops = over & rounder.stops_at_largest(exact.sign)
        is_zero = exact.is_finite & ((significand == 0) | (magnitude < 0))
        kind = np.where(exact.is_infinite | (over & ~stops), _INFINITY, _NORMAL)
        kind = np.where(exact.is_nan, _NAN, np.where(is_zero, 0, kind))
        magnitude = np.where(kind == _NORMAL, np.where(stops, top, magnitude), 0)
        sign = (exact.sign & ~exact.is_nan).astype(np.int64) << self.magnitude_width
        return ((kind << (self.magnitude_width + 1)) | sign | magnitude).astype(np.uint64)
