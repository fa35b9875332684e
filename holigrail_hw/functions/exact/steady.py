"""Where a function rises or falls all the way, so that equal floors at two ends hold in between.

Far out many functions are all but constant, or all but x, and no enclosure tells on which side of
that a value lies; only an exact computation does. On a stretch where f is strictly monotone, two of
them do for all numbers between: these have the same floor, and none of them is its floor.
"""

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

__all__ = ["Steady"]

_EVERYWHERE = ((-inf, inf),)

# Stretches of real x. All have a value at both ends of a run, and so in between but for a pole.
_STRETCHES: dict[str, tuple[tuple[float, float], ...]] = {
    **dict.fromkeys(("sigmoid", "tanh", "erf", "exp", "exp2"), _EVERYWHERE),
    **dict.fromkeys(("log2", "sqrt", "rsqrt"), _EVERYWHERE),
    "reciprocal": ((-inf, 0.0), (0.0, inf)),
}
# Of f - max(x, 0), which is even: ln(1 + e^-|x|), and -|x| times a tail. These fall from where
# their derivative is zero on, at |x| = 0.7518 (Phi(-x) = x phi(x)) and 1.2785 (1 + e^-x = x).
_STRETCHES_OF_REST: dict[str, tuple[tuple[float, float], ...]] = {
    "softplus": ((-inf, 0.0), (0.0, inf)),
    "gelu": ((-inf, -0.76), (0.76, inf)),
    "silu": ((-inf, -1.28), (1.28, inf)),
}


@dataclass(frozen=True)
class Steady:
    """A known function of integers times 2^place, with floors in units of 2^-bits."""

    name: str
    place: int
    bits: int

    def holds(self, first: Any, last: Any) -> Any:
        """Whether what is left of f without its whole part is strictly monotone between two x."""
        low, high = first * 2.0**self.place, last * 2.0**self.place
        found = np.zeros(low.shape, bool)
        for begin, end in self._stretches:
            found |= (low >= begin) & (high <= end)
        return found

    def whole_part(self, x: Any) -> Any:
        """What is taken from f, and so from its floor: a whole number of units for every x."""
        return np.maximum(x, 0) << (self.bits + self.place) if self._has_whole_part else 0 * x

    @property
    def _has_whole_part(self) -> bool:
        return self.name in _STRETCHES_OF_REST and self.bits + self.place >= 0

    @property
    def _stretches(self) -> tuple[tuple[float, float], ...]:
        return (_STRETCHES_OF_REST if self._has_whole_part else _STRETCHES).get(self.name, ())
