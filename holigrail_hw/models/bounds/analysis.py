"""Ranges, errors and tables of one network over the boxes of a partition that grows finer."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from .errors import Backward, Forward, backward, forward, product
from .formats import FUNCTION_ERROR, Formats, Numbers, coded, middles, numbers
from holigrail_hw.models.layered import Layered
from .outward import TINY
from .partition import Box, Partition
from .programme import Table
from .ranges import LayerRange, float_layers, normalised, ranges
from .terms import Error, error_of, moved_term, rounded_term

__all__ = ["Analysis"]

_AT_ONCE = 128


class Analysis:
    """Everything is kept for the leaves of the partition, in their order ``leaves``."""

    def __init__(self, network: Layered, whole: Box):
        self.network, self.partition = network, Partition(whole)
        self.layers = float_layers(network.layers)
        self.constant: tuple[Fraction | None, ...] = tuple(
            a * low + c if low == high else None
            for a, c, (low, high) in zip(*network.enter, whole, strict=True)
        )
        self.leaves = [0]
        self.low, self.high, self.found = self._ranges([whole])

    def _ranges(
        self, boxes: Sequence[Box]
    ) -> tuple[np.ndarray, np.ndarray, tuple[LayerRange, ...]]:
        low, high = normalised(self.network, boxes)
        parts = [
            ranges(self.layers, low[at : at + _AT_ONCE], high[at : at + _AT_ONCE])
            for at in range(0, len(boxes), _AT_ONCE)
        ]
        return low, high, tuple(_joined([part[i] for part in parts]) for i in range(len(parts[0])))

    def numbers(self, formats: Formats) -> Numbers:
        """The integers of formats, with biases for the ranges that are known now."""
        return numbers(self.network, formats, self.constant, (self.low, self.high), self.found)

    def spread(self, given: Numbers) -> tuple[Forward, Backward]:
        """How the errors of a network of integers spread."""
        through = forward(self.layers, (self.low, self.high), self.found, given.changes)
        return through, backward(self.layers, through)

    def error(self, given: Numbers) -> Error:
        """Bounds on the error of every output over every box."""
        through, gains = self.spread(given)
        return error_of(through, gains, given.changes.half)

    def errors_of(self, given: Numbers, boxes: Sequence[Box]) -> np.ndarray:
        """The same over other boxes, (boxes, outputs)."""
        low, high, found = self._ranges(boxes)
        through = forward(self.layers, (low, high), found, given.changes)
        return error_of(through, backward(self.layers, through), given.changes.half).size

    def cut(self, cuts: Sequence[tuple[int, int]]) -> None:
        """Cut leaves, given by their place in the order, along axes."""
        new = [self.partition.cut(self.leaves[place], axis) for place, axis in cuts]
        gone = {place for place, _ in cuts}
        kept = [place for place in range(len(self.leaves)) if place not in gone]
        added = [node for pair in new for node in pair]
        low, high, found = self._ranges([self.partition.boxes[node] for node in added])
        self.leaves = [self.leaves[place] for place in kept] + added
        self.low = np.concatenate([self.low[kept], low])
        self.high = np.concatenate([self.high[kept], high])
        self.found = tuple(
            _joined([_chosen(one, kept), two]) for one, two in zip(self.found, found, strict=True)
        )

    def tables(self, given: Numbers, candidates: Sequence[Sequence[int]]) -> list[Table]:
        """What every candidate of every signal adds, beside the errors of the given network.

        Columns are boxes times outputs.
        """
        through, gains = self.spread(given)
        vary = np.array([value is None for value in self.constant], np.float64)
        sizes = [rounded_term(gains.entering[0], 2.0 ** -(f + 1) * vary) for f in candidates[0]]
        found = [Table(*_stacked(sizes))]
        real = (self.low, self.high)
        for index, layer in enumerate(self.network.layers):
            ends = [
                moved_term(
                    gains.sums[index],
                    self._moved(given, index, f, real, through.entered[index]),
                )
                for f in candidates[2 * index + 1]
            ]
            low, high = (np.stack([pair[i].reshape(-1) for pair in ends]) for i in (0, 1))
            found.append(Table(low, high))
            mask = (through.most[index] > 0).astype(np.float64)
            extra = FUNCTION_ERROR if layer.activation in ("tanh", "sigmoid") else 0.0
            jacobian = gains.entering[index + 1]
            found.append(
                Table(*_stacked([rounded_term(jacobian, mask * (2.0 ** -(f + 1) + extra))
                                 for f in candidates[2 * index + 2]]))
            )
            real = self.found[index].low, self.found[index].high
        return found

    def _moved(
        self,
        given: Numbers,
        index: int,
        bits: int,
        real: tuple[np.ndarray, np.ndarray],
        entered: tuple[np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        """What weights of so many fraction bits add to the sums of a layer, biases corrected."""
        _, errors = coded(self.network.layers[index].weights, bits)
        low, high = product(errors, entered)
        middle = middles(errors, real)
        before = given.formats.sums(index) - given.formats.weights[index]
        room = 2.0 ** -(bits + before + 1) + 2.0**-50 * np.abs(middle) + TINY
        return low - middle - room, high - middle + room


def _stacked(sizes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    whole = np.stack([size.reshape(-1) for size in sizes])
    return -whole, whole


def _chosen(one: LayerRange, places: list[int]) -> LayerRange:
    arrays = (one.sum_low, one.sum_high, one.low, one.high)
    return LayerRange(*(array[places] for array in arrays))


def _joined(parts: Sequence[LayerRange]) -> LayerRange:
    if len(parts) == 1:
        return parts[0]
    names = ("sum_low", "sum_high", "low", "high")
    return LayerRange(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))
