"""Rounding of magnitudes: truncate, look at what was cut off, decide whether to add one.

With the truncated magnitude S, the discarded part nu in [0, 1) and the sign known, the magnitude
grows by one unit in the last place when (IEEE 754-2019 section 4.3; IEEE P3109 section 4.7)

=============  ==========================================================================
nearest_even   nu > 1/2, or nu = 1/2 and the code of S is odd
nearest_away   nu >= 1/2
toward_zero    never
up             nu > 0 and the number is positive
down           nu > 0 and the number is negative
to_odd         nu > 0 and the code of S is even
stochastic     floor(nu * 2^N) + R >= 2^N with the random word R of N bits (variant A)
stochastic_b   floor(nu * 2^(N+1)) + 2R + 1 >= 2^(N+1)
stochastic_c   nu * 2^N, to the nearest integer, ties to even, + R >= 2^N
=============  ==========================================================================

Variant A cuts nu off after N bits and so errs towards zero; B rounds it to N bits, ties up, and C,
ties to even, which is right on average. No exact number is changed by any of them.
*Odd* is the lowest bit of the code, which is the lowest bit of S unless a float has no fraction
bits. All arithmetic is on integers.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from .errors import FormatError
from .integers import INT64_BITS, widen

__all__ = ["Rounder", "Rounding", "truncate"]

_ALIASES = {
    "rne": "nearest_even",
    "rna": "nearest_away",
    "rtz": "toward_zero",
    "rup": "up",
    "rdn": "down",
    "stochastic_a": "stochastic",
}


class Rounding(StrEnum):
    """How an inexact result is rounded. ``Rounding("rne")`` and the other aliases work too."""

    NEAREST_EVEN = "nearest_even"
    NEAREST_AWAY = "nearest_away"
    TOWARD_ZERO = "toward_zero"
    UP = "up"
    DOWN = "down"
    TO_ODD = "to_odd"
    STOCHASTIC = "stochastic"
    STOCHASTIC_B = "stochastic_b"
    STOCHASTIC_C = "stochastic_c"

    @property
    def is_stochastic(self) -> bool:
        """Whether a random word decides."""
        return self.value.startswith("stochastic")

    def guard(self, random_width: int = 0) -> int:
        """How many bits below the last place decide, besides whether there are ones below them."""
        match self:
            case Rounding.NEAREST_EVEN | Rounding.NEAREST_AWAY:
                return 1
            case Rounding.STOCHASTIC:
                return random_width
            case Rounding.STOCHASTIC_B | Rounding.STOCHASTIC_C:
                return random_width + 1
        return 0

    @classmethod
    def _missing_(cls, value: object) -> "Rounding":
        if isinstance(value, str) and value in _ALIASES:
            return cls(_ALIASES[value])
        names = ", ".join(cls)
        raise FormatError(
            f"rounding must be one of {names}, not {value!r}",
            hint="other names: " + ", ".join(_ALIASES),
        )


def truncate(significand: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split significand * 2^-shift into its integer part and the remainder below it.

    A negative shift is an exact shift to the left, whose result must fit the array's type. The
    remainder is in units of the significand: the discarded part is remainder * 2^-shift.
    """
    right = np.maximum(shift, 0)
    if significand.dtype != object:
        right = np.minimum(right, INT64_BITS + 1)
    kept: Any = significand >> right
    return kept << np.maximum(-shift, 0), significand - (kept << right)


@dataclass(frozen=True, eq=False)
class Rounder:
    """A rounding mode together with the random words it may need (flat, one per number)."""

    mode: Rounding
    random: np.ndarray | None = None
    random_width: int = 0

    @classmethod
    def create(cls, mode: Rounding, random: Any, random_width: int) -> "Rounder":
        """Check the random words; ignore them when the mode does not use them."""
        if not mode.is_stochastic:
            return cls(mode)
        if random_width < 1:
            raise FormatError(
                f"stochastic rounding: random_width must be at least 1, not {random_width}"
            )
        if random is None:
            raise FormatError(
                "stochastic rounding: random words must be given, not left out",
                hint="random=generator.integers(0, 2**random_width, size=values.shape)",
            )
        words = np.asarray(random)
        if words.dtype.kind not in "iubO":
            raise FormatError(
                f"stochastic rounding: random words must be integers, not {words.dtype}"
            )
        if words.size and (int(words.min()) < 0 or int(words.max()) >> random_width):
            raise FormatError(
                f"stochastic rounding: random words must be between 0 and 2^{random_width} - 1, "
                f"not {int(words.min())} to {int(words.max())}"
            )
        words = words.astype(np.int64 if random_width <= INT64_BITS - 1 else object)
        return cls(mode, words, random_width)

    def up(
        self, remainder: np.ndarray, shift: np.ndarray, is_odd: np.ndarray, is_negative: np.ndarray
    ) -> np.ndarray:
        """Whether the truncated magnitude grows by one (arrays of bool).

        ``remainder`` and ``shift`` as in :func:`truncate`; ``is_odd`` is the lowest bit of the
        truncated code.
        """
        match self.mode:
            case Rounding.TOWARD_ZERO:
                return np.zeros(shift.shape, bool)
            case Rounding.UP:
                return (remainder != 0) & ~is_negative
            case Rounding.DOWN:
                return (remainder != 0) & is_negative
            case Rounding.TO_ODD:
                return (remainder != 0) & ~is_odd
            case Rounding.STOCHASTIC | Rounding.STOCHASTIC_B | Rounding.STOCHASTIC_C:
                return self._stochastic_up(remainder, shift)
        right = np.maximum(shift, 0)
        if remainder.dtype != object:
            right = np.minimum(right, INT64_BITS + 1)
        one: Any = widen(np.ones(shift.shape, np.int64)) if remainder.dtype == object else 1
        unit, twice = one << right, remainder + remainder
        if self.mode is Rounding.NEAREST_AWAY:
            return twice >= unit
        return (twice > unit) | ((twice == unit) & is_odd)

    def stops_at_largest(self, is_negative: np.ndarray) -> np.ndarray:
        """Whether a result too large for a format becomes the largest finite number.

        Otherwise it becomes infinite (IEEE 754-2019 section 7.4; to_odd as in SoftFloat).
        """
        match self.mode:
            case Rounding.TOWARD_ZERO | Rounding.TO_ODD:
                return np.ones(is_negative.shape, bool)
            case Rounding.UP:
                return is_negative
            case Rounding.DOWN:
                return ~is_negative
        return np.zeros(is_negative.shape, bool)

    def _stochastic_up(self, remainder: np.ndarray, shift: np.ndarray) -> np.ndarray:
        assert self.random is not None
        is_wide = remainder.dtype == object or self.random.dtype == object
        rest: Any = widen(remainder) if is_wide else remainder
        word: Any = self.random
        width = self.random_width
        if self.mode is Rounding.STOCHASTIC_B:
            word, width = 2 * word + 1, width + 1
        excess = np.maximum(shift, 0) - width
        limit = np.int64(INT64_BITS + 1) if not is_wide else excess.max(initial=0)
        cut = np.clip(excess, 0, limit)
        kept = rest >> cut
        drawn = kept << np.maximum(-excess, 0)
        if self.mode is Rounding.STOCHASTIC_C:
            one: Any = widen(np.ones(shift.shape, np.int64)) if is_wide else 1
            unit, twice = one << cut, 2 * (rest - (kept << cut))
            drawn = drawn + ((twice > unit) | ((twice == unit) & ((drawn & 1) == 1)))
        return ((drawn + word) >> width) != 0
