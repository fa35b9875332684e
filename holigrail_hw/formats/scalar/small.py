"""One-bit and two-bit weights of binary and ternary neural networks."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..base import Format
from ..exact import FINITE, NAN, Exact
from ..registry import number_system
from ..rounding import Rounder
from .fixed import round_to_integers

__all__ = ["BinaryFormat", "TernaryFormat"]

_UNITS = (Fraction(-1), Fraction(1))


@number_system
@dataclass(frozen=True)
class BinaryFormat(Format):
    """-1 (code 0) and +1 (code 1). Negative numbers become -1; zeros and NaN become +1."""

    kind: ClassVar[str] = "binary"
    overflow_modes: ClassVar[tuple[str, ...]] = ("saturate",)
    name: ClassVar[str] = "binary"  # type: ignore[override]
    listed_names: ClassVar[tuple[str, ...]] = ("binary",)
    summary: ClassVar[str] = "1 bit: -1 and +1"  # type: ignore[override]
    width: ClassVar[int] = 1
    signed: ClassVar[bool] = True
    is_exact_in_float64: ClassVar[bool] = True  # type: ignore[override]
    least_place: ClassVar[int] = 0  # type: ignore[override]
    number_range: ClassVar[tuple[Fraction, Fraction]] = _UNITS  # type: ignore[override]
    is_fixed_like: ClassVar[bool] = True  # type: ignore[override]
    holds_sums: ClassVar[bool] = False  # type: ignore[override]
    few_numbers: ClassVar[str] = "-1 or 1"
    has_zero: ClassVar[bool] = False  # type: ignore[override]

    @classmethod
    def parse_name(cls, name: str) -> "BinaryFormat | None":
        return cls() if name == cls.name else None

    def corner_codes(self) -> list[int]:
        return [0, 1]

    def _unpack(self, codes: np.ndarray) -> Exact:
        return _units(codes == 0, np.ones(codes.shape, np.int64))

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        is_negative = exact.sign & ~exact.is_zero & (exact.category != NAN)
        return (~is_negative).astype(np.uint64)


@number_system
@dataclass(frozen=True)
class TernaryFormat(Format):
    """-1 (code 11), 0 (code 00; 10 is read as 0 too) and +1 (code 01).

    Numbers are rounded to an integer, then clamped to -1..1; NaN becomes 0.
    """

    kind: ClassVar[str] = "ternary"
    overflow_modes: ClassVar[tuple[str, ...]] = ("saturate",)
    name: ClassVar[str] = "ternary"  # type: ignore[override]
    listed_names: ClassVar[tuple[str, ...]] = ("ternary",)
    summary: ClassVar[str] = "2 bits: -1, 0 and +1"  # type: ignore[override]
    width: ClassVar[int] = 2
    signed: ClassVar[bool] = True
    is_exact_in_float64: ClassVar[bool] = True  # type: ignore[override]
    least_place: ClassVar[int] = 0  # type: ignore[override]
    number_range: ClassVar[tuple[Fraction, Fraction]] = _UNITS  # type: ignore[override]
    is_fixed_like: ClassVar[bool] = True  # type: ignore[override]
    holds_sums: ClassVar[bool] = False  # type: ignore[override]
    few_numbers: ClassVar[str] = "-1, 0 or 1"
    _finest_exponent: ClassVar[int | None] = 0

    @classmethod
    def parse_name(cls, name: str) -> "TernaryFormat | None":
        return cls() if name == cls.name else None

    def corner_codes(self) -> list[int]:
        return [0, 1, 2, 3]

    def _unpack(self, codes: np.ndarray) -> Exact:
        return _units(codes == 3, codes.astype(np.int64) & 1)

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        integers: Any = np.clip(round_to_integers(exact, 0, rounder), -1, 1).astype(np.int64)
        integers = np.where(exact.is_infinite, np.where(exact.sign, -1, 1), integers)
        return (integers & 3).astype(np.uint64)


def _units(sign: np.ndarray, significand: np.ndarray) -> Exact:
    zeros = np.zeros(sign.shape, np.int64)
    return Exact(sign, significand, zeros, np.full(sign.shape, FINITE, np.uint8))
