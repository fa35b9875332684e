"""Exception flags of a float operation, as the bits of one small value (IEEE 754-2019, section 7).

From the lowest bit: inexact, underflow, overflow, divide by zero, invalid; the order of RISC-V and
of Berkeley TestFloat. A value counts as an unsigned integer where one is asked for.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..base import Format
from ..exact import Exact
from ..registry import number_system
from ..rounding import Rounder
from .fixed import FixedFormat

__all__ = ["FLAG_NAMES", "FlagsFormat"]

FLAG_NAMES = ("inexact", "underflow", "overflow", "divide_by_zero", "invalid")
"""The flags from the lowest bit up."""

_BITS = FixedFormat(len(FLAG_NAMES), signed=False, fraction_width=0)


@number_system
@dataclass(frozen=True)
class FlagsFormat(Format):
    """The format ``flags``."""

    kind: ClassVar[str] = "flags"
    name: ClassVar[str] = "flags"  # type: ignore[override]
    summary: ClassVar[str] = "exception flags, from the lowest bit: " + ", ".join(FLAG_NAMES)  # type: ignore[override]
    width: ClassVar[int] = len(FLAG_NAMES)
    signed: ClassVar[bool] = False
    holds_sums: ClassVar[bool] = False  # type: ignore[override]
    is_exact_in_float64: ClassVar[bool] = True  # type: ignore[override]
    least_place: ClassVar[int] = 0  # type: ignore[override]

    @classmethod
    def parse_name(cls, name: str) -> "FlagsFormat | None":
        return cls() if name == cls.name else None

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        return Fraction(0), Fraction((1 << self.width) - 1)

    def corner_codes(self) -> list[int]:
        return [0, *(1 << bit for bit in range(self.width)), (1 << self.width) - 1]

    def format_code(self, code: int) -> str:
        found = [name for bit, name in enumerate(FLAG_NAMES) if int(code) >> bit & 1]
        return f"0x{int(code):02x} ({', '.join(found) or 'none'})"

    def _unpack(self, codes: np.ndarray) -> Exact:
        return _BITS._unpack(codes)

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> Any:
        return _BITS._project(exact, rounder, "saturate")
