"""From exact numbers to the codes of a block: first the scale, then the elements.

All of it is done with Fractions, so that a scale need not be a power of two.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from ..base import Format
from ..exact import Exact
from ..rounding import Rounding
from .codes import joined

__all__ = ["SCALE_RULES", "block_codes"]

SCALE_RULES = {
    "floor": Rounding.TOWARD_ZERO,
    "ceil": Rounding.UP,
    "nearest": Rounding.NEAREST_EVEN,
}
"""How the exact scale of each rule is rounded."""

How = tuple[str, Any, int]
"""Rounding mode of the elements, random words, and how many bits these have."""


def block_codes(block: Any, exact: Exact, rule: str, how: How) -> np.ndarray:
    """Codes of blocks; ``exact`` has a block in each row."""
    element, scale = block.element, block.scale
    rounding, words, random_width = how
    if scale is None:
        overflow = element.overflow_of("saturate")
        codes = element.project(exact, rounding, words, random_width, overflow)
        return joined(block, codes, None)
    is_dead = ~np.all(exact.is_finite, axis=-1)
    values = exact.to_fractions()
    factors, scales = _scales(block, values, is_dead, rule)
    is_dead = is_dead | np.array([factor == 0 for factor in factors], bool)
    low, high = element.number_range
    quotients = np.empty(values.shape, object)
    for row, factor in enumerate(factors):
        divisor = factor if not is_dead[row] else None
        quotients[row] = [_quotient(value, divisor, low, high) for value in values[row]]
    codes = element.encode(quotients, rounding, words, random_width, _overflow(element))
    codes[is_dead] = int(element.encode(0))
    return joined(block, codes, scales)


def _scales(
    block: Any, values: np.ndarray, is_dead: np.ndarray, rule: str
) -> tuple[list[Fraction], np.ndarray]:
    """Numbers and codes of the scales; the number of a dead row means nothing."""
    scale = block.scale
    largest = block.element.number_range[1]
    low, high = scale.number_range
    wanted = np.empty(len(values), object)
    for row, numbers in enumerate(values):
        if is_dead[row]:
            wanted[row] = float("nan")
            continue
        most = max(abs(Fraction(v)) for v in numbers)
        wanted[row] = _floor(most, largest) if rule == "floor" else most / largest
        wanted[row] = min(max(wanted[row], max(low, Fraction(0))), high)
    codes = scale.encode(wanted, SCALE_RULES[rule], overflow=_overflow(scale))
    numbers = scale.unpack(codes).to_fractions()
    return [Fraction(0) if v != v else Fraction(v) for v in numbers], codes


def _floor(most: Fraction, largest: Fraction) -> Fraction:
    """The power of two of the numbers over that of the elements."""
    if most == 0:
        return Fraction(0)
    return Fraction(2) ** (_exponent(most) - _exponent(largest))


def _exponent(value: Fraction) -> int:
    """Of the largest power of two that is not above a positive number."""
    found = value.numerator.bit_length() - value.denominator.bit_length()
    return found if Fraction(2) ** found <= value else found - 1


def _quotient(value: Any, divisor: Fraction | None, low: Fraction, high: Fraction) -> Any:
    """The number over the scale, in the range of the elements; a float where it is -0."""
    if divisor is None:
        return Fraction(0)
    if value == 0:
        return value
    return min(max(value / divisor, low), high)


def _overflow(format: Format) -> str | None:
    return format.overflow_of("saturate")
