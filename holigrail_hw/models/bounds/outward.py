"""Float64 with proved bounds on its own errors: what every float in an analysis is rounded by.

A sum of n products in any order, with or without fused operations, is off by at most
n u / (1 - n u) times the sum of the products' magnitudes, u = 2^-53 (Higham, Accuracy and Stability
of Numerical Algorithms, 2002, section 3.1). :func:`slack` is at least twice that for n up to 2^20,
so that the magnitudes, which are sums of floats themselves, need not be rounded up.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["TINY", "above", "below", "grown", "slack"]

TINY = 2.0**-1000


def slack(terms: int) -> float:
    """A relative error that no sum of so many products exceeds, with room for a factor of 2."""
    return (terms + 16) * 2.0**-52


def grown(values: Any) -> Any:
    """Numbers that are not negative, a little greater: after a few sums of such numbers."""
    return values * (1 + 2.0**-40) + TINY


def below(values: Iterable[Fraction]) -> np.ndarray:
    """The floats at or below rationals."""
    found = []
    for value in values:
        near = float(value)
        found.append(near if Fraction(near) <= value else float(np.nextafter(near, -np.inf)))
    return np.array(found, np.float64)


def above(values: Iterable[Fraction]) -> np.ndarray:
    """The floats at or above rationals."""
    return -below(-v for v in values)
