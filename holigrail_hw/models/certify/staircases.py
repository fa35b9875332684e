"""Formulas as staircases: from which sum on every code is reached.

All formulas and forms are monotone in the sum: affine maps, products by a constant, and roundings
are. So two of them are equal over a range of sums if, and only if, they start with the same code
and reach every code at the same sum. Bisection finds these places; nothing is sampled.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

__all__ = ["MOST_CODES", "Staircase", "staircase"]

MOST_CODES = 1 << 12


@dataclass(frozen=True, eq=False)
class Staircase:
    """Codes of signed sums u = sign x, from ``low`` to ``high``, channel by channel.

    ``places[k]`` is the least u whose code is ``first + k + 1`` or more; ``high + 1`` if there is
    none. ``first`` is the least code of all channels.
    """

    low: np.ndarray
    high: np.ndarray
    sign: np.ndarray
    first: int
    places: np.ndarray

    @property
    def base(self) -> np.ndarray:
        """The code of the least u of every channel."""
        return self.first + (self.places <= self.low).sum(axis=0)

    def within(self) -> np.ndarray:
        """The places that lie inside the range: above ``low``, not above ``high``."""
        return (self.places > self.low) & (self.places <= self.high)


def staircase(
    apply: Any,
    sign: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    who: str,
    first: int | None = None,
    last: int | None = None,
) -> Staircase:
    """The staircase of a monotone function of integers.

    Parameters
    ----------
    apply : callable
        Codes of an array (anything, *shape of the channels).
    sign : numpy.ndarray
        1 where codes grow, -1 where they fall.
    low, high : numpy.ndarray
        The least and the greatest sum of every channel.
    first, last : int or None
        The codes to look for; those that occur if None.

    Raises
    ------
    ModelError
        If there are more than 4096 codes.
    """
    sign, low, high = np.broadcast_arrays(sign, low, high)
    start, end = np.where(sign > 0, low, -high), np.where(sign > 0, high, -low)
    codes_at_ends = [apply((end_ * sign)[None])[0] for end_ in (start, end)]
    first = int(codes_at_ends[0].min()) if first is None else first
    last = int(codes_at_ends[1].max()) if last is None else last
    if last - first > MOST_CODES:
        raise ModelError(f"{who}: there must be at most {MOST_CODES} codes, not {last - first + 1}")
    codes = np.arange(first + 1, last + 1).reshape(-1, *[1] * start.ndim)
    below = np.broadcast_to(start - 1, (len(codes), *start.shape)).copy()
    above = np.broadcast_to(end + 1, below.shape).copy()
    # Invariant: the code of `below` is too small (or outside), that of `above` is not (or outside).
    while (above - below > 1).any():
        middle = (above + below) >> 1
        inside = above - below > 1
        reached = apply(np.where(inside, middle, start) * sign) >= codes
        above = np.where(inside & reached, middle, above)
        below = np.where(inside & ~reached, middle, below)
    return Staircase(start, end, sign, first, above)
