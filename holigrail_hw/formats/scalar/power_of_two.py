"""E8M0: powers of two without sign or zero, the scales of microscaling blocks.

The code c, 0 to 254, is 2^(c - 127); 255 is NaN, the only value that is no number.

Results beyond either end become that end, zero too, which has no code: 2^-127 is the nearest to it.
Less than zero, and infinity, become NaN. Ties go to the even code; ``nearest_away`` sends them up,
as ml_dtypes does.

Reference: OCP Microscaling Formats (MX) Specification 1.0 (2023), section 5.4.1.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from ..base import Format
from ..exact import FINITE, NAN, Exact
from ..integers import INT64_BITS, bit_length, jam, narrow
from ..registry import number_system
from ..rounding import Rounder

__all__ = ["PowerOfTwoFormat"]


@number_system
@dataclass(frozen=True)
class PowerOfTwoFormat(Format):
    """The format ``e8m0``."""

    kind: ClassVar[str] = "power of two"
    name: ClassVar[str] = "e8m0"  # type: ignore[override]
    summary: ClassVar[str] = "8-bit power of two without sign or zero, 2^-127 to 2^127"  # type: ignore[override]
    listed_names: ClassVar[tuple[str, ...]] = ("e8m0",)
    width: ClassVar[int] = 8
    bias: ClassVar[int] = 127
    nan_code: ClassVar[int] = 255
    signed: ClassVar[bool] = False
    has_zero: ClassVar[bool] = False  # type: ignore[override]
    has_nan: ClassVar[bool] = True  # type: ignore[override]
    saturates: ClassVar[bool] = True  # type: ignore[override]
    holds_sums: ClassVar[bool] = False  # type: ignore[override]
    is_power_of_two: ClassVar[bool] = True  # type: ignore[override]
    is_exact_in_float64: ClassVar[bool] = True  # type: ignore[override]
    least_place: ClassVar[int] = -127  # type: ignore[override]

    @classmethod
    def parse_name(cls, name: str) -> "PowerOfTwoFormat | None":
        return cls() if name == cls.name else None

    @property
    def largest_code(self) -> int:
        """Code of the largest number."""
        return self.nan_code - 1

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        return Fraction(1, 1 << 127), Fraction(1 << 127)

    def corner_codes(self) -> list[int]:
        return [0, 1, 2, 126, 127, 128, 129, 253, 254, 255]

    def _unpack(self, codes: np.ndarray) -> Exact:
        is_nan = codes == self.nan_code
        return Exact(
            np.zeros(codes.shape, bool),
            np.where(is_nan, 0, 1),
            codes.astype(np.int64) - self.bias,
            np.where(is_nan, NAN, FINITE).astype(np.uint8),
        )

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        significand, exponent = exact.significand, exact.exponent
        if significand.dtype == object:
            # Rounding sees only the leading bits; the others matter through one sticky bit.
            seen = max(rounder.random_width + 3, INT64_BITS)
            excess = np.maximum(bit_length(significand) - seen, 0)
            significand, exponent = narrow(jam(significand, excess)), exponent + excess
        shift = np.maximum(bit_length(significand) - 1, 0)
        codes = exponent + shift + self.bias
        one = np.ones(shift.shape, significand.dtype)
        remainder = np.where(significand == 0, 0, significand - (one << shift))
        codes = codes + rounder.up(remainder, shift, (codes & 1).astype(bool), exact.sign)
        codes = np.where(significand == 0, 0, np.clip(codes, 0, self.largest_code))
        is_nan = ~exact.is_finite | (exact.sign & (significand != 0))
        return np.where(is_nan, self.nan_code, codes).astype(np.uint64)
