"""One rounding as numbers: what the compiled kernels need to know of a format and a mode.

Whatever becomes of numbers beyond the range, of infinities and of NaN is asked of the format, by
projecting one of each: no rule is written down twice.
"""

import ctypes
import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, INFINITE, NAN, Exact, Format, Rounding
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

__all__ = [
    "TINY32",
    "Layout",
    "Rounding32",
    "Rounding64",
    "is_described",
    "layout",
    "rounding32",
    "rounding64",
    "threshold_offset",
]

_FARTHEST = 200
_FIXED_BITS = 50
_TINY, _NEVER = 2.0**-700, 2.0
_ABOVE_HALF = float(np.nextafter(0.5, 1))
TINY32 = 2.0**-60
"""Of float32: less than any rest of a number that has at most 60 bits below the last place."""
_THRESHOLDS = {
    # For + even, + odd, - even, - odd: the rest, in units, from which on magnitudes grow.
    Rounding.NEAREST_EVEN: (_ABOVE_HALF, 0.5, _ABOVE_HALF, 0.5),
    Rounding.NEAREST_AWAY: (0.5,) * 4,
    Rounding.TOWARD_ZERO: (_NEVER,) * 4,
    Rounding.UP: (_TINY, _TINY, _NEVER, _NEVER),
    Rounding.DOWN: (_NEVER, _NEVER, _TINY, _TINY),
    Rounding.TO_ODD: (_TINY, _NEVER, _TINY, _NEVER),
}


def _structure(real: Any) -> type[ctypes.Structure]:
    """``Rounding`` of ``native/rounding.h`` for a float type."""

    class Rounding(ctypes.Structure):
        _fields_ = (
            *((name, real) for name in ("least", "unit", "flush")),
            *((name, real * 2) for name in ("largest", "beyond", "infinite")),
            ("nothing", real),
            ("threshold", real * 4),
            ("jump", real),
            *((name, ctypes.c_int64) for name in ("magic", "float32", "unsigned_zero")),
        )

    return Rounding


Rounding32, Rounding64 = _structure(ctypes.c_float), _structure(ctypes.c_double)


class Layout(ctypes.Structure):
    """``Layout`` of ``native/convert.cc``: where a float's fields are."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("fraction_width", "bias")),
        *((name, ctypes.c_int64) for name in ("sign", "infinity", "nothing")),
        ("least", ctypes.c_double),
    )


@dataclass(frozen=True)
class _Ends:
    """Numbers that results out of range become, by sign."""

    beyond: tuple[float, float]
    infinite: tuple[float, float]
    nothing: float


def is_described(format: Format, overflow: str | None = None) -> bool:
    """Whether float64 arithmetic can round to the format as it wants.

    So it can for floats with a sign and a fraction, and for fixed-point numbers that saturate, both
    within some range.
    """
    if not format.has_binary_fractions or format.block_size is not None:
        return False
    if isinstance(format, BinaryFloat):
        places = (format.least_place, format.maximum_exponent)
        return bool(format.signed) and format.fraction_width >= 1 and _is_near(places)
    if not format.codes_are_integers or format.overflow_of(overflow) != "saturate":
        return False
    low, high = format.integer_range
    return max(-low, high) < 1 << _FIXED_BITS and _is_near((format.least_place,))


@functools.cache
def rounding64(
    format: Format, mode: Rounding, overflow: str | None = None, via: str = "exact"
) -> Any:
    """The rounding of float64 to a described format; ``via`` as of ``golden.gemm``."""
    return Rounding64(**_numbers(format, mode, overflow, via, 52))


@functools.cache
def rounding32(
    format: Format, mode: Rounding, overflow: str | None = None, via: str = "exact"
) -> Any:
    """The same of float32, for floats of which it holds every number and some places more."""
    given = _numbers(format, mode, overflow, via, 23)
    given["least"] = max(given["least"], 2.0**-126)
    rounded = {_TINY: TINY32, _ABOVE_HALF: float(np.nextafter(np.float32(0.5), np.float32(1)))}
    given["threshold"] = tuple(rounded.get(value, value) for value in given["threshold"])
    return Rounding32(**given)


def _numbers(
    format: Format, mode: Rounding, overflow: str | None, via: str, fraction_bits: int
) -> dict[str, Any]:
    ends = _ends(format, mode, overflow)
    low, high = format.number_range
    if isinstance(format, BinaryFloat):
        width, lowest = format.fraction_width, format.minimum_exponent
        given = {
            "least": 2.0**lowest if format.subnormals else 2.0**-600,
            "flush": 0.0 if format.subnormals else float(format.decode(format.smallest_code)),
            "jump": 2.0**lowest if via == "mptorch" and format.flushes else 0.0,
        }
    else:
        width = _FIXED_BITS
        given = {"least": 2.0 ** (format.least_place + width)}
    drop = fraction_bits - width
    return {
        **given,
        "unit": 2.0**-width,
        "largest": (float(high), float(-low)),
        "beyond": ends.beyond,
        "infinite": ends.infinite,
        "nothing": ends.nothing,
        "threshold": _THRESHOLDS.get(mode, (_NEVER,) * 4),
        "magic": (drop << fraction_bits) | 1 << (fraction_bits - 1),
        "float32": via != "exact",
        "unsigned_zero": not format.has_negative_zero,
    }


@functools.cache
def layout(format: BinaryFloat) -> Layout:
    """Where the fields of a float are."""
    return Layout(
        format.fraction_width,
        format.bias,
        format.sign_code if format.has_negative_zero or format.nan_is_negative_zero else 0,
        format.infinity_code or 0,
        format.largest_code if format.nan_code is None else format.nan_code,
        2.0**format.minimum_exponent,
    )


def threshold_offset(mode: Rounding) -> tuple[float, bool]:
    """What is added to a random word, in units of its last bit, and whether ties go to even."""
    return (0.0 if mode is Rounding.STOCHASTIC else 0.5), mode is Rounding.STOCHASTIC_C


def _is_near(places: tuple[int, ...]) -> bool:
    return all(abs(place) <= _FARTHEST for place in places)


def _ends(format: Format, mode: Rounding, overflow: str | None) -> _Ends:
    def both(category: int) -> tuple[float, float]:
        huge = Exact(
            np.array([False, True]),
            np.full(2, category == FINITE, np.int64),
            np.full(2, 4 * _FARTHEST, np.int64),
            np.full(2, category, np.uint8),
        )
        words = (0, 1) if mode.is_stochastic else (None, 0)
        codes = format.project(huge, mode, *words, overflow=format.overflow_of(overflow))
        plus, minus = (
            abs(float(Fraction(v)) if v == v and abs(v) != np.inf else float(v))
            for v in format.decode(codes).tolist()
        )
        return plus, minus

    return _Ends(both(FINITE), both(INFINITE), both(NAN)[0])
