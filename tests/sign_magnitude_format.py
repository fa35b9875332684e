"""A number system from outside the package: fixed point as sign and magnitude, ``smfix8_en3``.

The highest bit of a code is the sign. -0 is read as zero, and never written.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from holigrail_hw.formats import FINITE, Exact, Format
from holigrail_hw.formats.registry import number_system
from holigrail_hw.formats.scalar.fixed import round_to_integers

_NAME = re.compile(r"smfix([2-9]|[1-5]\d)_en(-?\d+)")


@number_system
@dataclass(frozen=True)
class SignMagnitudeFormat(Format):
    """Numbers from -m to m times 2^-fraction_width, with m = 2^(width-1) - 1; they saturate."""

    width: int
    fraction_width: int

    kind: ClassVar[str] = "sign-magnitude"
    overflow_modes: ClassVar[tuple[str, ...]] = ("saturate",)
    listed_names: ClassVar[tuple[str, ...]] = ("smfix8_en3",)
    patterns: ClassVar[dict[str, str]] = {"smfix{W}_en{F}": "fixed point, sign and magnitude"}
    signed: ClassVar[bool] = True
    is_fixed_like: ClassVar[bool] = True  # type: ignore[override]
    is_exact_in_float64: ClassVar[bool] = False  # type: ignore[override]

    @classmethod
    def parse_name(cls, name):
        match = _NAME.fullmatch(name)
        return match and cls(int(match[1]), int(match[2]))

    @property
    def name(self):
        return f"smfix{self.width}_en{self.fraction_width}"

    @property
    def summary(self):
        return f"{self.width}-bit sign and magnitude, in units of 2^{-self.fraction_width}"

    @property
    def sign_code(self):
        return 1 << (self.width - 1)

    @property
    def least_place(self):
        return -self.fraction_width

    @property
    def number_range(self):
        largest = (self.sign_code - 1) * Fraction(2) ** self.least_place
        return -largest, largest

    @property
    def _finest_exponent(self):
        return self.least_place

    def corner_codes(self):
        codes = {0, 1, self.sign_code - 2, self.sign_code - 1}
        return sorted(codes | {code + self.sign_code for code in codes})

    def _unpack(self, codes):
        magnitude = codes.astype(np.int64) & (self.sign_code - 1)
        sign = (codes.astype(np.int64) >= self.sign_code) & (magnitude > 0)
        places = np.full(codes.shape, self.least_place)
        return Exact(sign, magnitude, places, np.full(codes.shape, FINITE, np.uint8))

    def _project(self, exact, rounder, overflow):
        top = self.sign_code - 1
        whole = np.clip(round_to_integers(exact, self.least_place, rounder), -top, top)
        whole = np.where(exact.is_infinite, np.where(exact.sign, -top, top), whole)
        return np.where(whole < 0, self.sign_code - whole, whole).astype(np.uint64)
