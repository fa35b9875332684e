"""Real numbers of a request, exactly: an integer where one is meant, else a fraction.

A decimal text is that decimal, a binary float that multiple of a power of two. Both have an exact
text again, so that a request can be written down and read back without loss.
"""

import operator
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

__all__ = ["exact_number", "number_text"]

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_QUOTIENT = re.compile(r"[+-]?\d{1,1100}/\d{1,1100}")
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP][+-]?\d+")
# All binary floats of 64 bits lie within, and no digits beyond are ever written out.
_MOST_PLACES = 1100
_SHORT = 24


def exact_number(given: Any) -> int | Fraction:
    """The number that a Python or NumPy number, or a text, stands for.

    Texts are decimals (``-1.25e-3``), integers (``0x10``), binary floats (``0x1.8p-3``) or
    quotients of integers (``-1/3``).

    Raises
    ------
    ValueError
        It is no number, not finite, or has more than 1100 places before or behind the point.
    """
    if isinstance(given, str):
        found = _of_text(given.strip())
    elif isinstance(given, bool):
        raise ValueError(f"must be a number, not {given}")
    elif isinstance(given, Fraction):
        found = given
    else:
        found = _of_object(given)
    if isinstance(found, Fraction) and (
        found.denominator > 10**_MOST_PLACES or abs(found.numerator) > 10 ** (2 * _MOST_PLACES)
    ):
        raise ValueError(f"must have at most {_MOST_PLACES} places")
    return found.numerator if found.denominator == 1 else found


def number_text(number: int | Fraction) -> str:
    """The exact text of a number: a decimal if that is short, else a binary float where it is one.

    Fractions that are neither are written as quotients.
    """
    if isinstance(number, int):
        return str(number)
    twos, rest = 0, number.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    fives = 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return str(number)
    places = max(twos, fives)
    digits = str(abs(number.numerator) * 10**places // number.denominator).rjust(places + 1, "0")
    text = f"{'-' * (number < 0)}{digits[:-places]}.{digits[-places:]}"
    if len(digits) <= _SHORT:
        return text
    short = float(number)
    return short.hex() if Fraction(short) == number else text


def _of_text(text: str) -> int | Fraction:
    if _HEXADECIMAL.fullmatch(text):
        try:
            return Fraction(float.fromhex(text))
        except (ValueError, OverflowError):
            raise ValueError(f"must be a number, not {_short(text)}") from None
    if match := _DECIMAL.fullmatch(text):
        exponent = (match[2] or "e0")[1:]
        if len(text) > 4 * _MOST_PLACES or len(exponent) > 6 or abs(int(exponent)) > _MOST_PLACES:
            raise ValueError(f"must have at most {_MOST_PLACES} places, not {_short(text)}")
        return Fraction(Decimal(text))
    if _QUOTIENT.fullmatch(text) and int(text.partition("/")[2]):
        return Fraction(text)
    try:
        return int(text, 0)
    except ValueError:
        pass
    is_float = text.lower().lstrip("+-") in ("nan", "inf", "infinity")
    raise ValueError(f"must be a {'finite ' * is_float}number, not {_short(text) or 'nothing'}")


def _of_object(given: Any) -> int | Fraction:
    try:
        return operator.index(given)
    except TypeError:
        pass
    # Booleans of NumPy have no ratio either.
    ratio = getattr(given, "as_integer_ratio", None)
    if ratio is None:
        raise ValueError(f"must be a number, not {_short(repr(given))}")
    try:
        return Fraction(*map(int, ratio()))
    except (OverflowError, ValueError):
        raise ValueError(f"must be a finite number, not {given}") from None


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]} ..."
