"""The exponentials that softmax looks up, correctly rounded."""

from fractions import Fraction
from functools import lru_cache

import numpy as np

from holigrail_hw.functions.exact.catalogue import KNOWN

__all__ = ["exponentials", "last_exponential"]


def last_exponential(least_place: int, width: int, bits: int) -> int:
    """No d above has exp(-d 2^least_place) 2^bits >= 1/2, so that all entries above are 0."""
    most = Fraction(6932, 10000) * (bits + 1) / Fraction(2) ** least_place
    return min((1 << width) - 1, int(most))


@lru_cache(maxsize=16)
def exponentials(least_place: int, width: int, bits: int) -> tuple[int, ...]:
    """round(2^bits exp(-d 2^least_place)) for d = 0, 1, ... up to the last that is not 0."""
    d = np.arange(last_exponential(least_place, width, bits) + 1).astype(object)
    floors, _ = KNOWN["exp"].floors(-d, least_place, bits + 1)
    entries = [(int(floor) + 1) >> 1 for floor in floors]
    while entries[-1] == 0:
        entries.pop()
    return tuple(entries)
