"""Adders of matrices of words: products of a column share what they are made of.

A column is one operand with all the words that it is multiplied by. Its products need an adder for
every odd factor above 1 among them, and none for a factor that occurs again, shifted or negated
(multiple constant multiplication: Voronenko and Pueschel, 2007). The sums then take an adder for
every product but the first, and one for a bias.
"""

import numpy as np

from holigrail_hw.mcm.single.heuristic import greedy_set

from .coefficients import Coefficients, fundamental
from .trainable import Trainable

__all__ = ["Prices", "product_adders", "sum_adders"]


def product_adders(words: np.ndarray) -> int:
    """Adders that the products of all columns take; words (operands, results).

    Exact where no word costs more than one adder; else what a heuristic search finds.
    """
    return sum(_of_column(tuple(sorted({fundamental(w) for w in row} - {0, 1}))) for row in words)


def _of_column(factors: tuple[int, ...]) -> int:
    return len(greedy_set(factors)) - 1


def sum_adders(words: np.ndarray, bias: np.ndarray) -> int:
    """Adders of the sums with their biases, each result by itself."""
    terms = (words != 0).sum(axis=0) + (np.asarray(bias) != 0)
    return int(np.maximum(terms - 1, 0).sum())


class Prices:
    """What a word in place of another would cost in its column, in adders.

    A word pays one adder of its sum, and the adders of its product unless another word of the
    column has the same odd factor.

    Parameters
    ----------
    network : Trainable
    """

    def __init__(self, network: Trainable):
        self.allowed: Coefficients = network.allowed
        _, self._index = np.unique(self.allowed.factors, return_inverse=True)
        self._kinds = int(self._index.max()) + 1
        columns, count = [], 0
        for layer in network.chain.layers:
            rows, results = layer.weights.shape
            columns.append(np.repeat(np.arange(count, count + rows), results))
            count += rows
        self._columns = np.concatenate(columns)
        self._counts = np.zeros((count, self._kinds), np.int64)
        self._own = np.zeros(len(self._columns), np.int64)

    def observe(self, places: np.ndarray) -> None:
        """Take the words at these places of the set for those of all columns."""
        self._own = self._index[places]
        self._counts[:] = 0
        np.add.at(self._counts, (self._columns, self._own), 1)

    def of(self, places: np.ndarray) -> np.ndarray:
        """Adders of words, given by their places, (choices, weights)."""
        kinds = self._index[places]
        others = self._counts[self._columns, kinds] - (kinds == self._own)
        price = np.where(others > 0, 0, self.allowed.costs[places])
        return price + (self.allowed.words[places] != 0)

    def cheapest(self, weights: np.ndarray, penalty: float) -> np.ndarray:
        """Places of the words that are near and cheap: squared distance + penalty times adders."""
        around = self.allowed.around(weights, 2)
        distance = (self.allowed.words[around] - weights) ** 2
        best = (distance + penalty * self.of(around)).argmin(axis=0)
        return np.take_along_axis(around, best[None], axis=0)[0]
