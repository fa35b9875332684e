"""Real coefficients as multiples of the last place of a fixed-point format.

A coefficient *c* becomes the integer nearest to c 2^f, where f is the fraction width of the
format; of two equally near ones, the even one (round half to even, IEEE 754-2019, 4.3.1). The
arithmetic is exact, so ties are detected exactly. An integer outside the range of the format is
rejected unless saturation is requested. The errors of the quantised coefficients bound those of
everything that is linear in them: |error of y| <= largest |x| times the sum of |errors|.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.formats.exact_numbers import number_text

__all__ = [
    "OVERFLOWS",
    "complaints",
    "fraction_width",
    "overflow_help",
    "quantisation_facts",
    "quantise",
]

OVERFLOWS = ("refuse", "saturate")
overflow_help = "a coefficient out of the range of coefficient_format"

Number = int | Fraction


def quantise(numbers: Sequence[Number], format: Format | None) -> tuple[int, ...]:
    """The integers for numbers that :func:`complaints` finds nothing wrong with; they saturate."""
    if format is None:
        return tuple(int(number) for number in numbers)
    assert isinstance(format, FixedFormat)
    low, high = format.minimum, format.maximum
    return tuple(max(low, min(high, _nearest(number, format))) for number in numbers)


def fraction_width(format: Format | None) -> int:
    """Fraction bits of the integers."""
    return format.fraction_width if isinstance(format, FixedFormat) else 0


def complaints(
    name: str, numbers: Sequence[Number], format: Format | None, overflow: str
) -> list[str]:
    """What is wrong with the numbers of parameter ``name``, one line each."""
    if format is None:
        first = next((n for n in numbers if isinstance(n, Fraction)), None)
        if first is None:
            return []
        return [
            f"{name} must be integers, not {number_text(first)}, unless coefficient_format is"
            " given, sfix12_en11 for example, to which they are rounded"
        ]
    if not isinstance(format, FixedFormat):
        return [f"coefficient_format must be an integer or fixed point, not {format}"]
    if overflow == "saturate":
        return []
    for index, number in enumerate(numbers):
        if not format.minimum <= _nearest(number, format) <= format.maximum:
            ends = [_real(end, format) for end in (format.minimum, format.maximum)]
            return [
                f"{name} must be from {number_text(ends[0])} to {number_text(ends[1])} in"
                f" {format}, not {number_text(number)} (number {index}), unless"
                " coefficient_overflow is saturate"
            ]
    return []


def quantisation_facts(
    numbers: Sequence[Number], integers: Sequence[int], format: Format | None
) -> Mapping[str, Any]:
    """What rounding did to the coefficients, for people; nothing without a format.

    An error is the coefficient as built minus the coefficient requested.
    """
    if not isinstance(format, FixedFormat):
        return {}
    errors = [
        abs(_real(integer, format) - number)
        for number, integer in zip(numbers, integers, strict=True)
    ]
    last_place, count = Fraction(2) ** -format.fraction_width, len(errors)
    clipped = sum(
        not format.minimum <= _nearest(number, format) <= format.maximum for number in numbers
    )
    largest = Fraction(max(errors, default=0))
    # Relative to the largest, squares are no larger than 1, and at least one is 1.
    squares = sum(((error / largest) ** 2 for error in errors), Fraction()) if largest else 0
    root = Fraction(math.sqrt(squares / max(1, count)))
    return {
        "coefficients rounded": f"to nearest even, {sum(map(bool, errors))} of {count} changed",
        "coefficients saturated": clipped,
        "largest coefficient error": _rounded(largest),
        "largest coefficient error (ulp)": _rounded(largest / last_place),
        "root mean square coefficient error": _rounded(root * largest),
    }


def _rounded(error: Fraction) -> float | str:
    """Four digits, for people."""
    try:
        return float(f"{float(error):.4g}")
    except OverflowError:
        return "beyond 1e308"


def _nearest(number: Number, format: FixedFormat) -> int:
    scaled = number * Fraction(2) ** format.fraction_width
    return round(scaled)  # of a Fraction: exact, half to even


def _real(integer: int, format: FixedFormat) -> Number:
    real = integer * Fraction(2) ** -format.fraction_width
    return real.numerator if real.denominator == 1 else real
