"""The reciprocal square roots that layer normalisation looks up, and how far they are off."""

from fractions import Fraction
from functools import lru_cache
from math import isqrt

__all__ = ["relative_error", "roots_of"]


@lru_cache(maxsize=16)
def roots_of(index_width: int, bits: int) -> tuple[int, ...]:
    """round(2^bits sqrt(2^k / (u + 1/2))) for the u from 2^(k-2) to 2^k - 1."""
    first, end = 1 << (index_width - 2), 1 << index_width
    one = 1 << (2 * bits + index_width + 3)
    return tuple((isqrt(one // (2 * u + 1)) + 1) >> 1 for u in range(first, end))


@lru_cache(maxsize=16)
def relative_error(index_width: int, bits: int) -> Fraction:
    """The most that R / 2^p is off for any v = V / 4^(e+1), in parts of 1 / sqrt(v); rounded up."""
    worst, more = Fraction(0), 1 << 40
    for u, root in enumerate(roots_of(index_width, bits), start=1 << (index_width - 2)):
        for end in (u, u + 1):
            # (1 + error)^2 = R^2 v / 4^p
            square = root * root * end * more * more >> (2 * bits + index_width)
            worst = max(worst, abs(Fraction(isqrt(square), more) - 1) + Fraction(2, more))
    return worst
