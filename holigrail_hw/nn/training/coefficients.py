"""Sets of coefficients that hardware multiplies by cheaply, and the nearest of them.

A word is an integer of so many bits, two's complement. Its cost is the number of adders that its
product needs, where shifts and signs are free; 0 costs nothing. Words of cost 1 are 2^a (2^b +- 1),
those of cost 2 what one adder makes from one of these and powers of two, which is exact; beyond
that the cost is the number of its signed digits less one, which is exact up to 8 bits (Gustafsson,
Lower bounds for constant multiplication problems, 2007).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from holigrail_hw.mcm.single.closure import nonzero_digits
from holigrail_hw.mcm.single.relations import neighbours
from holigrail_hw.models.errors import ModelError

__all__ = ["NAMED", "Coefficients", "adder_cost", "coefficients", "fundamental"]

# The words for sets, and the most adders of a product in each; None for any.
NAMED: dict[str, int | None] = {"power-of-two": 0, "cost-1": 1, "cost-2": 2, "any": None}


def fundamental(word: int) -> int:
    """The odd factor of a word, 0 for 0."""
    word = abs(int(word))
    return word // (word & -word) if word else 0


@lru_cache(maxsize=8)
def _levels(bits: int) -> tuple[frozenset[int], frozenset[int]]:
    """Odd factors below 2^bits that one adder makes, and that two make."""
    one = neighbours(1, 1, bits) - {1}
    two: set[int] = set()
    # Larger words of cost 1 lead to nothing below the limit but words of cost 1.
    for first in one:
        two |= neighbours(1, first, bits) | neighbours(first, first, bits)
    return frozenset(one), frozenset(two - one - {1})


def adder_cost(word: int) -> int:
    """Adders of the product with one word; see the module for where it is exact."""
    odd = fundamental(word)
    if odd <= 1:
        return 0
    one, two = _levels(max(odd.bit_length(), 4))
    return 1 if odd in one else 2 if odd in two else nonzero_digits(odd) - 1


@dataclass(frozen=True, eq=False)
class Coefficients:
    """A set of words, which rise; ``costs`` are the adders of each, ``factors`` the odd factors."""

    name: str
    words: np.ndarray
    costs: np.ndarray
    factors: np.ndarray

    @property
    def _middles(self) -> np.ndarray:
        return (self.words[1:] + self.words[:-1]) / 2

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """The places in ``words`` of the words nearest to real values; of two the lower one."""
        return np.searchsorted(self._middles, values)

    def around(self, values: np.ndarray, reach: int) -> np.ndarray:
        """Places of the nearest words and of ``reach`` to either side, and of 0: (reach, values).

        Places repeat where the set ends.
        """
        offsets = np.arange(-reach, reach + 1)
        near = self.nearest(values)[None] + offsets.reshape(-1, *[1] * np.ndim(values))
        zero = np.full((1, *np.shape(values)), int(self.nearest(np.zeros(()))))
        return np.concatenate([np.clip(near, 0, len(self.words) - 1), zero])


def coefficients(text: str, bits: int) -> Coefficients:
    """The set of a word of :data:`NAMED`, or of integers separated by commas, in words of ``bits``.

    Raises
    ------
    ModelError
        If it is neither, or an integer is no word, or there is only one.
    """
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    if text in NAMED:
        most = NAMED[text]
        found = [w for w in range(low, high + 1) if most is None or adder_cost(w) <= most]
    else:
        try:
            found = sorted({int(part) for part in text.split(",")})
        except ValueError:
            raise ModelError(
                f"coefficients must be {', '.join(NAMED)}, or integers separated by commas, not"
                f" {text!r}"
            ) from None
        wrong = [word for word in found if not low <= word <= high]
        if wrong or len(found) < 2:
            what = f"not {wrong[0]}" if wrong else f"not {found[0]} alone"
            raise ModelError(
                f"coefficients must be two or more integers from {low} to {high}, {what}"
            )
    words = np.array(found, np.int64)
    costs = np.array([adder_cost(word) for word in found], np.int64)
    return Coefficients(text, words, costs, np.array([fundamental(w) for w in found], np.int64))
