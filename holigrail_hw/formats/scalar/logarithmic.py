"""Logarithmic numbers: a sign, and the binary logarithm of the magnitude in fixed point.

A code of W bits is a sign above a two's complement integer L of W - 1 bits; it is the number
(-1)^sign * 2^(L / 2^F). The least L stands for no number: with sign 0 it is zero, with sign 1 NaN.

Rounding works on the logarithm: it is rounded to a multiple of 2^-F by the usual modes, ties to the
even L. Nearest is therefore the nearest ratio, not the nearest difference. The logarithm of a
binary fraction is irrational, but for powers of two, so that there are no such ties. Magnitudes
beyond the largest number become that; those whose logarithm is rounded to less than that of the
smallest number become zero, in every mode. Infinities become NaN.

References: Kingsbury and Rayner, "Digital filtering using logarithmic arithmetic" (1971);
Swartzlander and Alexopoulos, "The sign/logarithm number system" (1975).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..base import Format
from ..errors import FormatError
from ..exact import Exact
from ..integers import bit_length, widen
from ..plain_values import settle_fields
from ..powers import root_powers
from ..registry import number_system
from ..rounding import Rounder

__all__ = ["LogarithmicFormat", "floor_log2"]

_NAME = re.compile("lns(0|[1-9][0-9]*)_(0|[1-9][0-9]*)")
_MOST_FRACTION, _MOST_INTEGER = 12, 11


@number_system
@dataclass(frozen=True)
class LogarithmicFormat(Format):
    """A code of ``width`` bits with ``fraction_width`` fraction bits in the logarithm."""

    width: int
    fraction_width: int

    kind: ClassVar[str] = "logarithmic"
    signed: ClassVar[bool] = True
    has_nan: ClassVar[bool] = True  # type: ignore[override]
    saturates: ClassVar[bool] = True  # type: ignore[override]
    has_binary_fractions: ClassVar[bool] = False  # type: ignore[override]
    is_exact_in_float64: ClassVar[bool] = False  # type: ignore[override]
    listed_names: ClassVar[tuple[str, ...]] = ("lns8_4", "lns12_6", "lns16_10")
    patterns: ClassVar[Mapping[str, str]] = {
        "lns{W}_{F}": "logarithm of W - 1 bits, F of them (0 to 12) after the point, and a sign;"
        " W from F + 3 to F + 11"
    }

    def __post_init__(self) -> None:
        settle_fields(self, "lns: ", FormatError, integers=("width", "fraction_width"))
        if not 0 <= self.fraction_width <= _MOST_FRACTION:
            raise FormatError(
                f"{self.name}: fraction width must be between 0 and {_MOST_FRACTION}, not"
                f" {self.fraction_width}"
            )
        low, high = self.fraction_width + 3, self.fraction_width + _MOST_INTEGER
        if not low <= self.width <= high:
            raise FormatError(
                f"{self.name}: width must be between {low} and {high} with {self.fraction_width}"
                f" fraction bits, not {self.width}"
            )

    @classmethod
    def parse_name(cls, name: str) -> "LogarithmicFormat | None":
        match = _NAME.fullmatch(name)
        return cls(int(match[1]), int(match[2])) if match else None

    @property
    def name(self) -> str:
        return f"lns{self.width}_{self.fraction_width}"

    @property
    def summary(self) -> str:
        step = 2.0 ** (0.5**self.fraction_width)
        return (
            f"{self.width}-bit logarithmic, {self.fraction_width} fraction bits, neighbours differ"
            f" by a factor of {step:.4g}, largest {float(self.number_range[1]):.4g}"
        )

    @property
    def zero_log(self) -> int:
        """The logarithm that stands for zero, and for NaN, in units of its last place."""
        return -1 << (self.width - 2)

    @property
    def largest_log(self) -> int:
        """The logarithm of the largest number, in units of its last place."""
        return -self.zero_log - 1

    @property
    def nan_code(self) -> int:
        """The only code of NaN."""
        return 3 << (self.width - 2)

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        """The ends, to 64 bits: they are irrational."""
        whole, part = divmod(self.largest_log, 1 << self.fraction_width)
        largest = root_powers(self.fraction_width, 64)[part] * Fraction(2) ** (whole - 64)
        return -largest, largest

    def corner_codes(self) -> list[int]:
        top = self.largest_log
        one = 1 << self.fraction_width
        logs = {0, 1, -1, one, -one, top, top - 1, -top, 1 - top, self.zero_log, one // 2}
        mask = (1 << (self.width - 1)) - 1
        codes = {log & mask for log in logs if self.zero_log <= log <= top}
        return sorted(codes | {code | (mask + 1) for code in codes})

    def fields(self, codes: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Sign, logarithm in units of its last place, whether zero, whether NaN; flat or not."""
        packed = np.asarray(codes).astype(np.int64)
        half = 1 << (self.width - 2)
        sign = packed >> (self.width - 1) != 0
        log = ((packed & (2 * half - 1)) ^ half) - half
        special = log == self.zero_log
        return sign & ~special, log, special & ~sign, special & sign

    def codes_of(self, sign: np.ndarray, log: Any, is_zero: Any, is_nan: Any) -> np.ndarray:
        """Codes of logarithms, rounded to units already; out of range they saturate."""
        log = np.where(is_zero, self.zero_log, np.clip(log, self.zero_log, self.largest_log))
        mask = (1 << (self.width - 1)) - 1
        codes = (log & mask) | np.where(sign & (log != self.zero_log), mask + 1, 0)
        return np.where(is_nan, self.nan_code, codes).astype(np.uint64)

    def decode(self, codes: Any) -> np.ndarray:
        """The numbers to float64 precision."""
        sign, log, is_zero, is_nan = self.fields(self._checked_codes(codes))
        whole, part = np.divmod(log, 1 << self.fraction_width)
        table = np.array([float(p) for p in root_powers(self.fraction_width, 64)])
        values = np.where(is_zero, 0.0, np.ldexp(table[part], whole - 64))
        return np.where(is_nan, np.nan, np.where(sign, -values, values))

    def format_code(self, code: int) -> str:
        value = float(self.decode(int(code)))
        return f"0x{int(code):0{-(-self.width // 4)}x} ({value:.6g})"

    def is_nan_code(self, codes: Any) -> np.ndarray:
        return self.fields(codes)[3]

    def is_negative_code(self, codes: Any) -> np.ndarray:
        return self.fields(codes)[0]

    def canonical_codes(self, codes: Any) -> np.ndarray:
        return np.asarray(codes)

    def sight(self, random_width: int = 0) -> tuple[int, int | None]:
        return 2 * self.width + random_width + 64, None

    def _unpack(self, codes: np.ndarray) -> Exact:
        raise TypeError(f"{self.name}: its numbers are no binary fractions")

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        guard = rounder.random_width + 1
        log, inexact = floor_log2(exact, self.fraction_width + guard)
        rest = 2 * log + inexact
        shift = np.full(log.shape, guard + 1)
        kept = rest >> shift
        odd = (kept & 1).astype(bool)
        kept = kept + rounder.up(rest - (kept << shift), shift, odd, exact.sign)
        return self.codes_of(exact.sign, kept, exact.significand == 0, ~exact.is_finite)


def floor_log2(exact: Exact, fraction_width: int) -> tuple[np.ndarray, np.ndarray]:
    """floor(2^fraction_width * log2 |x|) as int64, and whether anything was cut off.

    Without meaning for what is zero or not finite.
    """
    significand = np.where(exact.significand == 0, 1, exact.significand)
    bits = bit_length(significand)
    places = max(64, int(bits.max(initial=0)))
    wide = widen(significand) << (places - bits).astype(object)
    # The logarithm reaches k where the significand reaches the power, which is irrational.
    borders = np.array([p + 1 for p in root_powers(fraction_width, places - 1)[1:]], object)
    part = np.searchsorted(borders, wide, side="right").astype(np.int64)
    log = ((exact.exponent + bits - 1) << fraction_width) + part
    return log, wide != 1 << (places - 1)
