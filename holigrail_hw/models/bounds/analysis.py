"""Ranges, errors and tables of one network over the boxes of a partition that grows finer."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.layered import Layered

from .errors import Backward, Forward, Interval, backward, forward, shifted
from .formats import FUNCTION_ERROR, Formats, Kept, Numbers, everything, middle, numbers
from .outward import TINY
from .partition import Box, Partition
from .programme import Table
from .ranges import Inputs, LayerRange, Linear, float_layers, normalised, ranges
from .rounding import Companions, companions, compensated
from .signals import Signal
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
        self.inputs, self.found = self._ranges([whole])
        self._companions: tuple[Companions, ...] | None = None

    def _ranges(self, boxes: Sequence[Box]) -> tuple[Inputs, tuple[LayerRange, ...]]:
        inputs = normalised(self.network, boxes)
        parts = [
            ranges(
                self.layers, Inputs(inputs.low[at : at + _AT_ONCE], inputs.high[at : at + _AT_ONCE])
            )
            for at in range(0, len(boxes), _AT_ONCE)
        ]
        return inputs, tuple(_joined([part[i] for part in parts]) for i in range(len(self.layers)))

    @property
    def entering(self) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the inputs, (B, d)."""
        return self.inputs.low, self.inputs.high

    @property
    def companions(self) -> tuple[Companions, ...]:
        """How the values that enter each layer go together, for the boxes that there are."""
        if self._companions is None:
            whole = normalised(self.network, [self.partition.whole])
            self._companions = companions(self.layers, whole, self.inputs, self.found)
        return self._companions

    def numbers(self, formats: Formats) -> Numbers:
        """The integers of formats, with biases for the ranges that are known now.

        What never opens with these formats is left out.
        """
        whole = self._numbers(formats, everything(self.network), self.companions)
        through, _ = self.spread(whole)
        kept = []
        for layer, most in zip(self.layers, through.most, strict=True):
            opens = np.any(most > 0, axis=0) | np.full(most.shape[1], layer.activation != "relu")
            # A layer of nothing would be no layer.
            if not opens.any():
                opens[0] = True
            kept.append(opens)
        return (
            whole
            if all(row.all() for row in kept)
            else self._numbers(formats, tuple(kept), self.companions)
        )

    def plain_numbers(self, formats: Formats) -> Numbers:
        """The same with nothing left out, and the nearest weights."""
        return self._numbers(formats, everything(self.network), None)

    def _numbers(
        self, formats: Formats, kept: Kept, together: tuple[Companions, ...] | None
    ) -> Numbers:
        given = self.constant, self.inputs, self.found
        return numbers(self.network, formats, kept, *given, together)

    def spread(self, given: Numbers) -> tuple[Forward, Backward]:
        """How the errors of a network of integers spread."""
        through = forward(self.layers, self.inputs, self.found, given.changes)
        return through, backward(self.layers, through)

    def error(self, given: Numbers) -> Error:
        """Bounds on the error of every output over every box."""
        through, gains = self.spread(given)
        return error_of(through, gains, given.changes.half)

    def errors_of(self, given: Numbers, boxes: Sequence[Box]) -> np.ndarray:
        """The same over other boxes, (boxes, outputs)."""
        inputs, found = self._ranges(boxes)
        through = forward(self.layers, inputs, found, given.changes)
        return error_of(through, backward(self.layers, through), given.changes.half).size

    def cut(self, cuts: Sequence[tuple[int, int]]) -> None:
        """Cut leaves, given by their place in the order, along axes."""
        self._companions = None
        new = [self.partition.cut(self.leaves[place], axis) for place, axis in cuts]
        gone = {place for place, _ in cuts}
        kept = [place for place in range(len(self.leaves)) if place not in gone]
        added = [node for pair in new for node in pair]
        inputs, found = self._ranges([self.partition.boxes[node] for node in added])
        self.leaves = [self.leaves[place] for place in kept] + added
        self.inputs = Inputs(
            np.concatenate([self.inputs.low[kept], inputs.low]),
            np.concatenate([self.inputs.high[kept], inputs.high]),
        )
        self.found = tuple(
            _joined([_chosen(one, kept), two]) for one, two in zip(self.found, found, strict=True)
        )

    def tables(
        self, given: Numbers, signals: Sequence[Signal], candidates: Sequence[Sequence[Any]]
    ) -> list[Table]:
        """What every candidate of every signal adds, beside the errors of the given network.

        Columns are boxes times outputs.
        """
        through, gains = self.spread(given)
        parts = _Parts(self, given, through, gains)
        return [
            _weights(parts.moved(signal, bits))
            if signal.kind == "weights"
            else _sizes(parts.lost(signal, bits))
            if signal.kind == "lost"
            else _sizes(parts.rounded(signal, bits))
            for signal, bits in zip(signals, candidates, strict=True)
        ]


class _Parts:
    """What signals add with a number of fraction bits, (B, outputs)."""

    def __init__(self, analysis: Analysis, given: Numbers, spread: Forward, gains: Backward):
        self.analysis, self.given, self.spread, self.gains = analysis, given, spread, gains

    def rounded(self, signal: Signal, candidates: Sequence[int]) -> list[np.ndarray]:
        """Of the input or of values: the size of the error."""
        if signal.kind == "input":
            constant = self.analysis.constant
            mask = np.array([value is None for value in constant], np.float64)
            jacobian, extra = self.gains.entering[0], 0.0
        else:
            index = signal.layer
            mask = (self.spread.most[index] > 0).astype(np.float64)
            kind = self.analysis.layers[index].activation
            jacobian = self.gains.entering[index + 1]
            extra = FUNCTION_ERROR if kind in ("tanh", "sigmoid") else 0.0
        # One product serves all: errors are multiples of each other.
        whole = rounded_term(jacobian, mask)
        return [whole * (2.0 ** -(bits + 1) + extra) for bits in candidates]

    def lost(self, signal: Signal, candidates: Sequence[int | None]) -> list[np.ndarray]:
        """Of sums of a layer that may be off by 2^-bits: the size of the error."""
        rows = self.given.kept[signal.layer].astype(np.float64)
        whole = rounded_term(self.gains.sums[signal.layer], rows)
        return [whole * (0.0 if bits is None else 2.0**-bits) for bits in candidates]

    def moved(self, signal: Signal, candidates: Sequence[int]) -> list[Interval]:
        """Of rows of weights: both ends of the error, biases corrected."""
        index, rows = signal.layer, np.array(signal.rows)
        rows = rows[self.given.kept[index][rows]]
        weights = self.analysis.network.layers[index].weights[rows]
        columns = self.given.kept[index - 1] if index else np.ones(weights.shape[1], bool)
        found, inputs = self.analysis.found, self.analysis.inputs
        linear = found[index - 1].linear if index else inputs.linear
        entered, deviation = self.spread.entered[index], self.spread.deviations[index]
        least, most = (end[:, :, rows] for end in self.gains.sums[index])
        before = self.given.formats.operands(index)
        if not len(rows):
            # What was left out since adds nothing.
            nothing = np.zeros(least.shape[:2])
            return [(nothing, nothing)] * len(candidates)
        # All candidates at once: a row of errors for each of them and each row of weights.
        every = np.tile(np.where(columns, weights, 0), (len(candidates), 1))
        bits = np.repeat([*candidates], len(rows))
        errors = compensated(every, bits, self.analysis.companions[index])[1]
        low, high = shifted(errors, entered, linear, inputs, deviation)
        added = middle((low, high))
        room = np.ldexp(1.0, -(bits + before + 1)) + 2.0**-50 * np.abs(added) + TINY
        low, high = low - added - room, high - added + room
        parts = (slice(at, at + len(rows)) for at in range(0, len(errors), len(rows)))
        return [moved_term((least, most), (low[:, s], high[:, s])) for s in parts]


def _weights(ends: list[Interval]) -> Table:
    low, high = (np.stack([pair[i].reshape(-1) for pair in ends]) for i in (0, 1))
    return Table(low, high)


def _sizes(sizes: list[np.ndarray]) -> Table:
    whole = np.stack([size.reshape(-1) for size in sizes])
    return Table(-whole, whole)


def _chosen(one: LayerRange, places: list[int]) -> LayerRange:
    linear = Linear(one.linear.least[places], one.linear.most[places])
    ends = one.sum_low[places], one.sum_high[places]
    return LayerRange(*ends, one.low[places], one.high[places], linear)


def _joined(parts: Sequence[LayerRange]) -> LayerRange:
    if len(parts) == 1:
        return parts[0]
    least, most = (
        np.concatenate([getattr(p.linear, name) for p in parts]) for name in ("least", "most")
    )
    names = ("sum_low", "sum_high", "low", "high")
    arrays = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
    return LayerRange(**arrays, linear=Linear(least, most))
