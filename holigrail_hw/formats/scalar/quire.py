"""Quires: fixed point wide enough for exact sums of products of posits, and NaR.

With 2^-L the smallest posit of N bits and E exponent bits, and 2^L the largest, L = (N - 2) * 2^E,
products of two of them are multiples of 2^-2L up to 2^2L. Between the sign and these 4 L bits lie
31 bits of carry guard, so that 2^31 - 1 products cannot overflow: 4 L + 32 bits in two's
complement, which are 16 N for the two exponent bits of the standard. The code 10...0 is NaR.

What is no multiple of 2^-2L is rounded. Sums out of range saturate at the largest number, or wrap
modulo 2^width, where one that happens to become 10...0 is NaR.

Reference: Posit Working Group, Standard for Posit Arithmetic (2022), sections 3.4 and 5.11.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from ..base import Format
from ..errors import FormatError
from ..exact import NAN, Exact
from ..integers import widen
from ..plain_values import settle_fields
from ..registry import number_system
from ..rounding import Rounder
from .fixed import FixedFormat
from .posit import PositFormat

__all__ = ["QuireFormat"]

_NAME = re.compile("quire(0|[1-9][0-9]*)(?:_(0|[1-9][0-9]*))?")
_GUARD = 31
_STANDARD_EXPONENT = 2


@number_system
@dataclass(frozen=True)
class QuireFormat(Format):
    """The quire of posits of ``posit_width`` bits with ``exponent_width`` exponent bits."""

    posit_width: int
    exponent_width: int = _STANDARD_EXPONENT

    kind: ClassVar[str] = "quire"
    signed: ClassVar[bool] = True
    has_nan: ClassVar[bool] = True  # type: ignore[override]
    adds_exactly: ClassVar[bool] = True  # type: ignore[override]
    overflow_modes: ClassVar[tuple[str, ...]] = ("saturate", "wrap")
    listed_names: ClassVar[tuple[str, ...]] = ("quire8", "quire16", "quire32")
    patterns: ClassVar[Mapping[str, str]] = {
        "quire{W}": "quire of standard posits of W bits (2 to 32), 16 W bits wide",
        "quire{W}_{E}": "quire of posits of W bits with E exponent bits (0 to 4)",
    }

    def __post_init__(self) -> None:
        integers = ("posit_width", "exponent_width")
        settle_fields(self, "quire: ", FormatError, integers=integers)
        try:
            PositFormat(self.posit_width, self.exponent_width)
        except FormatError as error:
            limit = str(error).partition(": ")[2]
            raise FormatError(f"{self.name}: the posit's {limit}") from None

    @classmethod
    def parse_name(cls, name: str) -> "QuireFormat | None":
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        return cls(int(match[1]), _STANDARD_EXPONENT if match[2] is None else int(match[2]))

    @property
    def name(self) -> str:
        standard = self.exponent_width == _STANDARD_EXPONENT
        return f"quire{self.posit_width}" + ("" if standard else f"_{self.exponent_width}")

    @property
    def summary(self) -> str:
        posit = f"posit{self.posit_width}_{self.exponent_width}"
        return f"{self.width}-bit quire of {posit}, in units of 2^{self.least_place}"

    @property
    def width(self) -> int:
        return 2 * self._places + _GUARD + 1

    @property
    def _places(self) -> int:
        return 2 * (self.posit_width - 2) << self.exponent_width

    @property
    def nar_code(self) -> int:
        """The code of NaR, that of the sign alone."""
        return 1 << (self.width - 1)

    @property
    def least_place(self) -> int:
        return -self._places

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        largest = (self.nar_code - 1) * Fraction(2) ** self.least_place
        return -largest, largest

    @property
    def is_exact_in_float64(self) -> bool:
        return self.width <= 53

    @property
    def _finest_exponent(self) -> int:  # type: ignore[override]
        return self.least_place

    @property
    def _register(self) -> FixedFormat:
        return FixedFormat(self.width, signed=True, fraction_width=self._places)

    def corner_codes(self) -> list[int]:
        return self._register.corner_codes()

    def _unpack(self, codes: np.ndarray) -> Exact:
        exact = self._register._unpack(codes)
        is_nar = codes == (self.nar_code if self.width > 64 else np.uint64(self.nar_code))
        significand = np.where(is_nar, 0, exact.significand)
        category = np.where(is_nar, NAN, exact.category).astype(np.uint8)
        return Exact(exact.sign & ~is_nar.astype(bool), significand, exact.exponent, category)

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        codes = self._register._project(exact, rounder, overflow)
        if overflow == "saturate":
            # The least number of two's complement is the code of NaR.
            codes = np.where(codes == self.nar_code, self.nar_code + 1, codes)
        codes = np.where(exact.is_finite, widen(codes), self.nar_code)
        return codes if self.width > 64 else codes.astype(np.uint64)
