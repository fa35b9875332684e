"""A slow second opinion on logarithmic numbers: decimal arithmetic to 80 digits and more.

A number is None for NaN, else (sign, logarithm), the latter a Decimal, or None for zero.
"""

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

__all__ = ["add", "code_of", "log2", "number_of", "power_of_two"]

_CONTEXT = decimal.Context(prec=80)


def log2(value: Fraction) -> Decimal:
    """The logarithm of a positive fraction; whole where it is a power of two."""
    top = value.numerator.bit_length() - value.denominator.bit_length()
    if value == Fraction(2) ** top:
        return Decimal(top)
    return _log2(_CONTEXT, _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator)))


def power_of_two(exponent: Decimal | Fraction, context: decimal.Context = _CONTEXT) -> Decimal:
    """2^exponent."""
    given = Fraction(exponent)
    whole = context.divide(Decimal(given.numerator), Decimal(given.denominator))
    return context.exp(context.multiply(whole, context.ln(Decimal(2))))


def _log2(context: decimal.Context, value: Decimal) -> Decimal:
    return context.divide(context.ln(value), context.ln(Decimal(2)))


def number_of(format: Any, code: int) -> tuple[bool, Decimal | None] | None:
    """The number of a code."""
    digits = f"{code:0{format.width}b}"
    log = int(digits[1:], 2)
    if digits[1] == "1":
        log -= 1 << (format.width - 1)
    if set(digits[2:]) == {"0"} and digits[1] == "1":
        return None if digits[0] == "1" else (False, None)
    return digits[0] == "1", Decimal(log) / 2**format.fraction_width


def add(x: Any, y: Any) -> Any:
    """The sum of two numbers."""
    if x is None or y is None:
        return None
    if x[1] is None or y[1] is None:
        return y if x[1] is None else x
    if x[1] < y[1]:
        x, y = y, x
    distance = x[1] - y[1]
    context = decimal.Context(prec=60 + int(distance / 3))
    near = Decimal(10) ** (20 - context.prec)
    small = power_of_two(-distance, context)
    total = (context.add if x[0] == y[0] else context.subtract)(Decimal(1), small)
    if abs(total) < near:
        return False, None
    # A sum that is a power of two is one exactly.
    log = _log2(context, total)
    whole = log.to_integral_value()
    log = whole if abs(context.subtract(log, whole)) < near else log
    return x[0], context.add(x[1], log)


def code_of(format: Any, number: Any, mode: str = "nearest_even") -> int:
    """The code of a number, its logarithm rounded."""
    half, sign_code = 1 << (format.width - 2), 1 << (format.width - 1)
    if number is None:
        return sign_code | half
    sign, log = number
    if log is None:
        return half
    context = decimal.Context(prec=400)
    scaled = context.multiply(log, Decimal(2**format.fraction_width))
    below = int(scaled.to_integral_value(rounding=decimal.ROUND_FLOOR))
    rest = context.subtract(scaled, Decimal(below))
    up = {
        "nearest_even": rest > Decimal("0.5") or (rest == Decimal("0.5") and below % 2 == 1),
        "nearest_away": rest >= Decimal("0.5"),
        "toward_zero": False,
        "up": rest > 0 and not sign,
        "down": rest > 0 and sign,
        "to_odd": rest > 0 and below % 2 == 0,
    }[mode]
    found = min(below + up, half - 1)
    if found <= -half:
        return half
    return found % sign_code | (sign_code if sign else 0)
