"""A slow second opinion on operators: one item at a time, in Fractions and Python floats.

It shares nothing with the library but the parameters of specifications and formats. A number is a
Fraction; -0, infinities and NaN are Python floats (IEEE 754-2019 sections 6 and 7).
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from fraction_reference import FloatReference, decode_float, round_fraction

__all__ = ["OPERATORS", "decode", "encode"]

_INFINITIES = (math.inf, -math.inf)


def decode(format: Any, code: int) -> Any:
    """The number of a code."""
    match format.kind:
        case "float":
            return decode_float(format, code)
        case "binary":
            return Fraction(1 if code else -1)
        case "ternary":
            return Fraction((0, 1, 0, -1)[code])
    if format.signed and code >> (format.width - 1):
        code -= 1 << format.width
    return code * Fraction(2) ** -format.fraction_width


def encode(format: Any, value: Any, spec: Any, word: int) -> int:
    """The code of a number, rounded as the specification says."""
    mode, bits = str(getattr(spec, "rounding", "nearest_even")), getattr(spec, "random_width", 0)
    if format.kind == "float":
        return FloatReference(format).encode(value, mode, word, bits)
    if format.kind == "binary":
        return int(value != value or value >= 0)
    wraps = format.kind == "fixed" and getattr(spec, "overflow", "saturate") == "wrap"
    low, high = _range(format)
    if value != value or (wraps and value in _INFINITIES):
        return 0
    if value in _INFINITIES:
        whole = low if value < 0 else high
    else:
        unit = Fraction(2) ** -format.fraction_width if format.kind == "fixed" else 1
        whole = round_fraction(Fraction(value) / unit, mode, word, bits)
    whole = whole if wraps else min(max(whole, low), high)
    return whole % (1 << format.width)


def _range(format: Any) -> tuple[int, int]:
    if format.kind == "ternary":
        return -1, 1
    half = 1 << (format.width - 1)
    return (-half, half - 1) if format.signed else (0, 2 * half - 1)


def _is_negative(value: Any) -> bool:
    return math.copysign(1, value) < 0 if isinstance(value, float) else value < 0


def _negated(value: Any) -> Any:
    if value == 0:
        return Fraction(0) if _is_negative(value) else -0.0
    return -value


def _sum(x: Any, y: Any, mode: str) -> Any:
    if x != x or y != y:
        return math.nan
    if x in _INFINITIES or y in _INFINITIES:
        return x if y not in _INFINITIES else y if x not in _INFINITIES or x == y else math.nan
    total = Fraction(x) + Fraction(y)
    if total != 0:
        return total
    both = _is_negative(x) == _is_negative(y)
    return -0.0 if (_is_negative(x) if both else mode == "down") else total


def _product(x: Any, y: Any) -> Any:
    if x != x or y != y or (x in _INFINITIES and y == 0) or (y in _INFINITIES and x == 0):
        return math.nan
    negative = _is_negative(x) != _is_negative(y)
    if x in _INFINITIES or y in _INFINITIES:
        return -math.inf if negative else math.inf
    product = Fraction(x) * Fraction(y)
    return -0.0 if product == 0 and negative else product


def _quotient(x: Any, y: Any) -> Any:
    negative = _is_negative(x) != _is_negative(y)
    if x != x or y != y or (x in _INFINITIES and y in _INFINITIES) or (x == 0 and y == 0):
        return math.nan
    if x in _INFINITIES or y == 0:
        return -math.inf if negative else math.inf
    if y in _INFINITIES or x == 0:
        return -0.0 if negative else Fraction(0)
    return Fraction(x) / Fraction(y)


def _root(x: Any, inverse: bool) -> Any:
    """A Fraction on the right side of every number of a format, if not the root itself."""
    if x != x or (x != 0 and x < 0):
        return math.nan
    if x == 0:
        return math.copysign(math.inf, x) if inverse else x
    if x in _INFINITIES:
        return Fraction(0) if inverse else x
    square = 1 / Fraction(x) if inverse else Fraction(x)
    scale = 1 << 2500
    found = math.isqrt(square.numerator * square.denominator * scale * scale)
    root = Fraction(found, square.denominator * scale)
    if root * root == square:
        return root
    return root + Fraction(1, 2 * square.denominator * scale)


def _compare(spec: Any, x: Any, y: Any) -> dict[str, int]:
    names = ("less", "equal", "greater", "unordered")
    found = (x < y, x == y, x > y, x != x or y != y)
    return dict(zip(names, map(int, found), strict=True))


def _extremum(spec: Any, x: Any, y: Any) -> Any:
    if x != x or y != y:
        if x != x and y != y or spec.nan == "propagate":
            return math.nan
        return y if x != x else x
    first, second = ((v, not _is_negative(v)) for v in (x, y))
    return (max if spec.name == "max" else min)(first, second)[0]


def _add(spec: Any, a: Any, b: Any) -> Any:
    return _sum(a, _negated(b) if spec.operation == "subtract" else b, str(spec.rounding))


def _fma(spec: Any, a: Any, b: Any, c: Any) -> Any:
    return _sum(_product(a, b), c, str(spec.rounding))


OPERATORS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "multiply": lambda spec, a, b: _product(a, b),
    "fma": _fma,
    "convert": lambda spec, x: x,
    "divide": lambda spec, a, b: _quotient(a, b),
    "reciprocal": lambda spec, x: _quotient(Fraction(1), x),
    "square-root": lambda spec, x: _root(x, False),
    "reciprocal-square-root": lambda spec, x: _root(x, True),
    "max": _extremum,
    "min": _extremum,
    "compare": _compare,
}
"""The number that each makes of numbers; codes by name where it makes several."""
