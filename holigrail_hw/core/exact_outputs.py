"""What outputs stand for before anything is truncated, and how far they may be off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from holigrail_hw.formats import FixedFormat, Rounding

__all__ = ["ExactOutputs", "clamped", "numbers_of", "rounding_error"]


@dataclass(frozen=True)
class ExactOutputs:
    """Exact values by output, an item each, and the error that the operator states.

    ``bounds`` hold for the magnitude of output minus exact value. A value that a saturating output
    cannot hold is its nearest end here. ``wraps``: differences count modulo the output's range.
    """

    values: Mapping[str, Sequence[Fraction]]
    bounds: Mapping[str, Fraction]
    wraps: bool = False


def numbers_of(codes: Sequence[int], format: FixedFormat) -> list[Fraction]:
    """The numbers that codes of a fixed-point format stand for."""
    unit = Fraction(2) ** -format.fraction_width
    half = 1 << (format.width - 1)
    signs = half if format.signed else 0
    return [unit * ((int(code) ^ signs) - signs) for code in codes]


def clamped(values: Sequence[Fraction], format: FixedFormat) -> list[Fraction]:
    """Values out of the range of a format become the nearest end of it."""
    unit = Fraction(2) ** -format.fraction_width
    low, high = format.minimum * unit, format.maximum * unit
    return [min(max(value, low), high) for value in values]


def rounding_error(fraction_width: int, result: FixedFormat, rounding: Rounding) -> Fraction:
    """The most by which rounding from so many fraction bits changes a number."""
    if fraction_width <= result.fraction_width:
        return Fraction(0)
    unit = Fraction(2) ** -result.fraction_width
    nearest = rounding in (Rounding.NEAREST_EVEN, Rounding.NEAREST_AWAY)
    return unit / 2 if nearest else unit
