"""Logarithmic numbers: products are sums of logarithms, sums need the logarithm of 1 + 2^-d.

With |x| >= |y| and d = log2 |x| - log2 |y|, which is a multiple of 2^-F,

    log2 |x + y| = log2 |x| + log2(1 + 2^-d)     (signs alike)
    log2 |x - y| = log2 |x| + log2(1 - 2^-d)     (signs unlike)

The last terms come from a table over all d that matter, each one rounded down to one place below
that of the result, with a sticky bit. So a sum is rounded correctly, and not only faithfully. The
table is made by integers: 1 +- 2^-d to 190 places is searched among the powers 2^(k / 2^n).

Reference: Coleman et al., "The European Logarithmic Microprocessor" (2008).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, NAN, Exact, Format
from holigrail_hw.formats.powers import root_powers
from holigrail_hw.formats.rounding import Rounder
from holigrail_hw.formats.scalar.logarithmic import LogarithmicFormat

from .arithmetic import EQUAL, GREATER, LESS, UNORDERED
from .rules import COMPARE, OPERATIONS, Projection

__all__: list[str] = []

_PLACES = 190
Formats = Sequence[Any]
Codes = Sequence[Any]


@dataclass(frozen=True, eq=False)
class _Logarithm:
    """Numbers by their logarithms, in units of 2^-places; ``inexact``: a little more than that."""

    sign: Any
    log: Any
    zero: Any
    nan: Any
    places: int
    inexact: Any = False


def _read(format: LogarithmicFormat, codes: Any) -> _Logarithm:
    return _Logarithm(*format.fields(codes), format.fraction_width)


def _coded(number: _Logarithm, projection: Projection) -> np.ndarray:
    """The number rounded to the result's logarithm."""
    format = projection.result
    assert isinstance(format, LogarithmicFormat)
    rounder = Rounder.create(projection.rounding, projection.random, projection.random_width)
    log, sign = np.broadcast_arrays(number.log, number.sign)
    rest = 2 * log + number.inexact
    down = number.places + 1 - format.fraction_width
    if down < 0:
        rest, down = rest << -down, 0
    shift = np.full(log.shape, down)
    kept = rest >> shift
    kept = kept + rounder.up(rest - (kept << shift), shift, (kept & 1).astype(bool), sign)
    return format.codes_of(sign, kept, number.zero, number.nan)


def _product(x: _Logarithm, y: _Logarithm, toward: int = 1) -> _Logarithm:
    """x * y, or x / y with ``toward`` -1, in which y must not be zero."""
    places = max(x.places, y.places)
    log = (x.log << (places - x.places)) + toward * (y.log << (places - y.places))
    nan = x.nan | y.nan | (y.zero if toward < 0 else False)
    zero = x.zero if toward < 0 else x.zero | y.zero
    return _Logarithm((x.sign ^ y.sign) & ~zero, log, zero, nan, places)


def _sum(x: _Logarithm, y: _Logarithm, result_places: int) -> _Logarithm:
    places = max(x.places, y.places)
    a, b = x.log << (places - x.places), y.log << (places - y.places)
    x_wins = y.zero | (~x.zero & (a >= b))
    large, small = np.where(x_wins, a, b), np.where(x_wins, b, a)
    alone = x.zero | y.zero
    finer = max(places, result_places) + 1
    unlike = x.sign ^ y.sign
    plus, minus = _table(places, finer, False), _table(places, finer, True)
    index = np.minimum(np.where(alone, 0, large - small), len(plus) - 1)
    more = np.where(unlike, minus[index], plus[index])
    log = (large << (finer - places)) + np.where(alone, 0, more)
    exact = alone | (np.isin(index, _exact_differences(places)) & (unlike | (index == 0)))
    cancelled = unlike & ~alone & (large == small)
    zero = (x.zero & y.zero) | cancelled
    sign = np.where(x_wins, x.sign, y.sign) & ~zero
    return _Logarithm(sign, log, zero, x.nan | y.nan, finer, ~exact)


def _exact_differences(places: int) -> list[int]:
    """Where the logarithm is whole: log2(1 + 1) and log2(1 - 1/2)."""
    return [0, 1 << places]


@cache
def _table(places: int, finer: int, unlike: bool) -> np.ndarray:
    """floor(2^finer * log2(1 +- 2^-d)) for d = 0, 1, ... times 2^-places, until it stays."""
    borders = root_powers(finer, _PLACES)
    parts = root_powers(places, _PLACES)
    found = [0] if unlike else [1 << finer]
    for distance in range(1, ((finer + 1) << places) + 1):
        whole, part = divmod(-distance, 1 << places)
        power = parts[part] >> -whole
        one = 1 << _PLACES
        low, high = (one - power - 1, one - power) if unlike else (one + power, one + power + 1)
        logs = {_floor_log(v, borders, finer) for v in (low, high)}
        if unlike and distance == 1 << places:
            logs = {-1 << finer}
        if len(logs) > 1:
            raise ArithmeticError(f"log2(1 +- 2^-{distance}/2^{places}) needs more places")
        found.append(logs.pop())
    return np.array(found, np.int64)


def _floor_log(value: int, borders: Sequence[int], finer: int) -> int:
    """floor(2^finer * log2(value / 2^_PLACES)) of a value that is no power of two."""
    up = _PLACES + 1 - value.bit_length()
    return (-up << finer) + bisect_right(borders, value << max(up, 0) >> max(-up, 0)) - 1


@OPERATIONS["multiply"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _multiply(formats: Formats, codes: Codes, projection: Projection) -> np.ndarray:
    x, y = map(_read, formats, codes)
    return _coded(_product(x, y), projection)


@OPERATIONS["divide"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _divide(formats: Formats, codes: Codes, projection: Projection) -> np.ndarray:
    x, y = map(_read, formats, codes)
    return _coded(_product(x, y, toward=-1), projection)


@OPERATIONS["reciprocal"].rule(LogarithmicFormat, LogarithmicFormat)
def _reciprocal(formats: Formats, codes: Codes, projection: Projection) -> np.ndarray:
    x = _read(formats[0], codes[0])
    return _coded(_Logarithm(x.sign, -x.log, False, x.nan | x.zero, x.places), projection)


@OPERATIONS["square-root"].rule(LogarithmicFormat, LogarithmicFormat)
def _square_root(formats: Formats, codes: Codes, projection: Projection) -> np.ndarray:
    x = _read(formats[0], codes[0])
    # Half of the logarithm has one place more.
    return _coded(_Logarithm(x.sign, x.log, x.zero, x.nan | x.sign, x.places + 1), projection)


@OPERATIONS["reciprocal-square-root"].rule(LogarithmicFormat, LogarithmicFormat)
def _inverse_root(formats: Formats, codes: Codes, projection: Projection) -> np.ndarray:
    x = _read(formats[0], codes[0])
    nan = x.nan | x.sign | x.zero
    return _coded(_Logarithm(x.sign, -x.log, False, nan, x.places + 1), projection)


@OPERATIONS["add"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _add(formats: Formats, codes: Codes, projection: Projection) -> np.ndarray:
    x, y = map(_read, formats, codes)
    return _coded(_sum(x, y, _places(projection)), projection)


@OPERATIONS["subtract"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _subtract(formats: Formats, codes: Codes, projection: Projection) -> np.ndarray:
    x, y = map(_read, formats, codes)
    opposite = _Logarithm(~y.sign & ~y.zero, y.log, y.zero, y.nan, y.places)
    return _coded(_sum(x, opposite, _places(projection)), projection)


@OPERATIONS["fma"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _fma(formats: Formats, codes: Codes, projection: Projection) -> np.ndarray:
    x, y, z = map(_read, formats, codes)
    return _coded(_sum(_product(x, y), z, _places(projection)), projection)


def _places(projection: Projection) -> int:
    assert isinstance(projection.result, LogarithmicFormat)
    return projection.result.fraction_width


@OPERATIONS["convert"].rule(LogarithmicFormat, Format)
def _convert(formats: Formats, codes: Codes, projection: Projection) -> np.ndarray:
    number = _read(formats[0], codes[0])
    if isinstance(projection.result, LogarithmicFormat):
        return _coded(number, projection)
    precision, finest = projection.sight
    highest = formats[0].largest_log >> number.places
    digits = max(precision, 0 if finest is None else highest - finest) + 2
    whole, part = np.divmod(number.log, 1 << number.places)
    powers = np.array(root_powers(number.places, digits), object)
    significand = 2 * powers[part] + (part != 0)
    is_number = ~(number.zero | number.nan)
    category = np.where(number.nan, NAN, FINITE).astype(np.uint8)
    exponent = (whole - digits - 1).astype(np.int64)
    return projection(Exact(number.sign, significand * is_number, exponent, category))


@COMPARE.rule(LogarithmicFormat, LogarithmicFormat)
def _compare(a_format: Any, a: Any, b_format: Any, b: Any) -> np.ndarray:
    x, y = _read(a_format, a), _read(b_format, b)
    places = max(x.places, y.places)
    p, q = x.log << (places - x.places), y.log << (places - y.places)
    larger = np.where(x.zero, np.where(y.zero, 0, -1), np.where(y.zero, 1, np.sign(p - q)))
    both = np.where(x.sign, -larger, larger)
    unlike = np.where(x.sign, -1, 1)
    order = np.where(x.sign == y.sign, both, unlike)
    order = np.where(order < 0, LESS, np.where(order > 0, GREATER, EQUAL))
    return np.where(x.nan | y.nan, UNORDERED, order).astype(np.int8)
