"""Powers of two with fractions as exponents, rounded down, by integers alone.

2^(k / 2^n) for all k is made of the roots 2^(1/2), 2^(1/4) ..., each the integer square root of the
one before, and their products. They are carried with 64 bits more than are asked for. The errors
stay far below 2^32 units of these, and the result stands only if no value comes that close to a
border between two results: a value that did would be refused, not rounded wrongly.
"""

import math
from functools import cache

__all__ = ["root_powers"]

_GUARD, _SAFE = 64, 32


@cache
def root_powers(fraction_width: int, places: int) -> tuple[int, ...]:
    """floor(2^(places + k / 2^fraction_width)) for k from 0 to 2^fraction_width - 1.

    Raises ArithmeticError if a value lies too near to an integer to be sure.

    >>> root_powers(1, 10)
    (1024, 1448)
    """
    scale = places + _GUARD
    found, root = [1 << scale], 2 << scale
    for _ in range(fraction_width):
        root = math.isqrt(root << scale)
        # The new root lies between any two neighbours of those before.
        found = [value for known in found for value in (known, known * root >> scale)]
    low = [value & ((1 << _GUARD) - 1) for value in found[1:]]
    if any(not 1 << _SAFE <= rest < (1 << _GUARD) - (1 << _SAFE) for rest in low):
        raise ArithmeticError(f"2^(k / 2^{fraction_width}) is too near to an integer")
    return tuple(value >> _GUARD for value in found)
