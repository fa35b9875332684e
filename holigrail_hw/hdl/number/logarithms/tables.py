"""Tables of logarithms and powers for the hardware of logarithmic numbers, by integers.

Logarithms are made digit by digit: the square of a number of [1, 2) is 2 or more where the next
digit of its logarithm is a one. Powers of two are integer roots taken one after the other, each
rounded down, which is the root of all of them rounded down.
"""

import math
from functools import cache

__all__ = ["power_below", "sum_logarithms"]

_PLACES = 256


def power_below(step: int, fraction_width: int, places: int) -> int:
    """floor(2^(places + step / 2^fraction_width)) of a step below 2^fraction_width."""
    value = 1 << (step + (places << fraction_width))
    for _ in range(fraction_width):
        value = math.isqrt(value)
    return value


@cache
def sum_logarithms(places: int, finer: int, unlike: bool) -> tuple[int, ...]:
    """floor(2^finer * log2(1 +- 2^-d)) for d = 0, 1, ... times 2^-places, as long as it changes.

    The first entry for unlike signs means nothing. The last two digits of the results, and that
    there is more below them, are what rounding needs; entries that are whole are where d is 0, or 1
    with unlike signs.
    """
    one, root = 1 << _PLACES, 2 << _PLACES
    for _ in range(places):
        root = math.isqrt(root << _PLACES)
    step, power, found = (one << _PLACES) // root, one, [0 if unlike else 1 << finer]
    for distance in range(1, ((finer + 1) << places) + 1):
        power = power * step >> _PLACES
        if distance % (1 << places) == 0:
            power = one >> (distance >> places)
        found.append(_digits(one - power if unlike else one + power, finer))
    return tuple(found)


def _digits(value: int, finer: int) -> int:
    """floor(2^finer * log2(value / 2^_PLACES))."""
    whole = value.bit_length() - 1 - _PLACES
    value = value << -whole if whole < 0 else value >> whole
    log = whole
    for _ in range(finer):
        value = value * value >> _PLACES
        digit = value >> (_PLACES + 1)
        # Errors double with each square; 64 places are far more than all of them.
        near = abs(value - (2 << _PLACES)) >> (_PLACES - 64)
        if not near:
            raise ArithmeticError("a logarithm is too near to a digit's border to be sure")
        value >>= digit
        log = 2 * log + digit
    return log
