"""P3109 a second time: decode, round, saturate and encode as the report writes them, in Fractions.

It shares nothing with the library but the parameters of the format objects.
"""

import math
from fractions import Fraction

__all__ = ["decode", "project", "round_to_precision", "saturate"]

_DIRECTED_UP = ("toward_zero", "up")
_DIRECTED_DOWN = ("toward_zero", "down")


def _bias(fmt):
    return 2 ** (fmt.bits - fmt.precision - (1 if fmt.signed else 0))


def decode(fmt, code):
    """A Fraction, or a float for infinities and NaN."""
    k, p, bias = fmt.bits, fmt.precision, _bias(fmt)
    if code == (2 ** (k - 1) if fmt.signed else 2**k - 1):
        return math.nan
    if fmt.signed and code > 2 ** (k - 1):
        return -decode(fmt, code - 2 ** (k - 1))
    if fmt.extended and code == (2 ** (k - 1) - 1 if fmt.signed else 2**k - 2):
        return math.inf
    trailing, field = code % 2 ** (p - 1), code // 2 ** (p - 1)
    part = Fraction(trailing, 2 ** (p - 1))
    if field == 0:
        return part * Fraction(2) ** (1 - bias)
    return (1 + part) * Fraction(2) ** (field - bias)


def _largest(fmt):
    code = (2 ** (fmt.bits - 1) - 1) if fmt.signed else 2**fmt.bits - 2
    return decode(fmt, code - fmt.extended)


def _floor_log2(x):
    found = x.numerator.bit_length() - x.denominator.bit_length()
    return found if Fraction(2) ** found <= x else found - 1


def round_to_precision(fmt, x, mode, word=0, bits=0):
    """x with the precision of the format, as if exponents had no upper end."""
    if x != x or x in (math.inf, -math.inf) or x == 0:
        return x
    p, bias = fmt.precision, _bias(fmt)
    q = max(_floor_log2(abs(x)), 1 - bias) - p + 1
    s = abs(x) / Fraction(2) ** q
    whole = math.floor(s)
    nu, half = s - whole, Fraction(1, 2)
    is_even = whole % 2 == 0 if p > 1 else whole == 0 or (q + bias) % 2 == 0
    away = {
        "toward_zero": False,
        "up": nu > 0 and x > 0,
        "down": nu > 0 and x < 0,
        "nearest_away": nu >= half,
        "nearest_even": nu > half or (nu == half and not is_even),
        "to_odd": nu > 0 and is_even,
        "stochastic": math.floor(nu * 2**bits) + word >= 2**bits,
        "stochastic_b": math.floor(nu * 2 ** (bits + 1)) + 2 * word + 1 >= 2 ** (bits + 1),
        "stochastic_c": round(nu * 2**bits) + word >= 2**bits,
    }[mode]
    return (-1 if x < 0 else 1) * (whole + away) * Fraction(2) ** q


def saturate(fmt, x, mode):
    """A rounded number brought into the range, row by row of the report's table."""
    high = _largest(fmt)
    low = -high if fmt.signed else Fraction(0)
    if x != x or low <= x <= high:
        return x
    if fmt.saturation == "finite":
        return low if x < low else high
    if fmt.saturation == "propagate":
        if x == math.inf:
            return x if fmt.extended else high
        if x == -math.inf:
            return x if fmt.extended and fmt.signed else low
        return low if x < low else high
    if high < x < math.inf and mode in _DIRECTED_DOWN:
        return high
    if -math.inf < x < low and mode in _DIRECTED_UP:
        return low
    if high < x < math.inf and mode == "to_odd" and fmt.extended and not fmt.signed:
        return high
    if not fmt.extended:
        return math.nan
    if x < low:
        return -math.inf if fmt.signed else math.nan
    return math.inf


def _encode(fmt, x):
    k, p = fmt.bits, fmt.precision
    if x != x:
        return 2 ** (k - 1) if fmt.signed else 2**k - 1
    if x == math.inf:
        return 2 ** (k - 1) - 1 if fmt.signed else 2**k - 2
    if x < 0:
        return _encode(fmt, -x) + 2 ** (k - 1)
    if x == 0:
        return 0
    exponent = max(_floor_log2(x), 1 - _bias(fmt))
    s = x / Fraction(2) ** (exponent - p + 1)
    assert s.denominator == 1
    whole = s.numerator
    if whole < 2 ** (p - 1):
        return whole
    return whole % 2 ** (p - 1) + (exponent + _bias(fmt)) * 2 ** (p - 1)


def project(fmt, x, mode, word=0, bits=0):
    """The code of a Fraction, or of a float that is an infinity, NaN or -0."""
    return _encode(fmt, saturate(fmt, round_to_precision(fmt, x, mode, word, bits), mode))
