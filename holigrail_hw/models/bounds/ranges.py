"""Ranges of every sum over boxes of inputs, by linear bounds in the inputs.

Every number of a layer lies between two linear functions of the inputs, which go through the
weights by their signs and through activations by lines around them (the symbolic intervals of Wang
et al., Efficient Formal Safety Analysis of Neural Networks, 2018). Over small boxes most ReLUs are
decided, and nothing is lost. All is float64, whose own errors are added to the constants.

Shapes: B boxes, d inputs, n numbers of a layer. Bounds are (B, d + 1, n), the constant last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.layered import Layer, Layered

from .activations import lines, values
from .outward import TINY, above, below, slack

__all__ = [
    "FloatLayer",
    "Inputs",
    "LayerRange",
    "Linear",
    "combined",
    "float_layers",
    "normalised",
    "ranges",
]


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """A layer as floats: weights (n, m) exact, biases between two floats."""

    weights: np.ndarray
    bias_low: np.ndarray
    bias_high: np.ndarray
    activation: str


@dataclass(frozen=True, eq=False)
class Linear:
    """Linear bounds (B, d + 1, n) of numbers in the inputs, the constants last."""

    least: np.ndarray
    most: np.ndarray


@dataclass(frozen=True, eq=False)
class LayerRange:
    """Of the network in real numbers: sums and values behind the activation, all (B, n).

    ``linear`` are bounds of the values.
    """

    sum_low: np.ndarray
    sum_high: np.ndarray
    low: np.ndarray
    high: np.ndarray
    linear: Linear


@dataclass(frozen=True, eq=False)
class Inputs:
    """Ends of the inputs of boxes, (B, d)."""

    low: np.ndarray
    high: np.ndarray

    @property
    def reach(self) -> np.ndarray:
        """The greatest magnitudes (B, d + 1, 1), 1 for the constant."""
        size = np.maximum(np.abs(self.low), np.abs(self.high))
        return np.concatenate([size, np.ones((len(size), 1))], axis=1)[:, :, None]

    @property
    def linear(self) -> Linear:
        """The inputs themselves."""
        count, inputs = self.low.shape
        whole = np.zeros((count, inputs + 1, inputs))
        whole[:, np.arange(inputs), np.arange(inputs)] = 1
        return Linear(whole, whole)


def float_layers(layers: Sequence[Layer]) -> tuple[FloatLayer, ...]:
    """The layers for :func:`ranges`."""
    return tuple(
        FloatLayer(one.weights, below(one.bias), above(one.bias), one.activation) for one in layers
    )


def normalised(network: Layered, boxes: Sequence[Sequence[tuple[Fraction, Fraction]]]) -> Inputs:
    """Floats around the ends of boxes, behind the affine map of the inputs."""
    low, high = [], []
    for box in boxes:
        ends = [
            sorted((a * end + c for end in pair), key=None)
            for a, c, pair in zip(*network.enter, box, strict=True)
        ]
        low.append(below(pair[0] for pair in ends))
        high.append(above(pair[1] for pair in ends))
    return Inputs(np.array(low), np.array(high))


def ranges(layers: Sequence[FloatLayer], inputs: Inputs) -> tuple[LayerRange, ...]:
    """Ranges of all layers over boxes."""
    linear, interval, found = inputs.linear, (inputs.low, inputs.high), []
    for layer in layers:
        sums, low, high = _sums(layer, linear, interval, inputs)
        interval = values(layer.activation, low, high)
        linear = _activated(layer.activation, sums, low, high, inputs.reach)
        found.append(LayerRange(low, high, *interval, linear))
    return tuple(found)


def combined(weights: np.ndarray, linear: Linear, inputs: Inputs) -> tuple[Linear, Any, Any]:
    """weights (n, m) times numbers with linear bounds: bounds of the sums, and their ranges."""
    plus, minus = np.maximum(weights, 0).T, np.minimum(weights, 0).T
    reach = inputs.reach
    room = slack(2 * len(plus) + reach.shape[1])
    size = np.maximum(
        (np.abs(linear.least) * reach).sum(axis=1), (np.abs(linear.most) * reach).sum(axis=1)
    )
    off = room * (size @ np.abs(weights).T) + TINY
    under = linear.least @ plus + linear.most @ minus
    over = linear.most @ plus + linear.least @ minus
    under[:, -1] -= off
    over[:, -1] += off
    low = _least(under, inputs) - room * (np.abs(under) * reach).sum(axis=1) - TINY
    high = -_least(-over, inputs) + room * (np.abs(over) * reach).sum(axis=1) + TINY
    return Linear(under, over), low, high


def _sums(
    layer: FloatLayer, linear: Linear, interval: tuple[np.ndarray, np.ndarray], inputs: Inputs
) -> tuple[Linear, np.ndarray, np.ndarray]:
    """Linear bounds of the sums of a layer, and their ranges."""
    sums, low, high = combined(layer.weights, linear, inputs)
    bias = np.maximum(np.abs(layer.bias_low), np.abs(layer.bias_high))
    for bounds, end, sign in ((sums.least, layer.bias_low, -1), (sums.most, layer.bias_high, 1)):
        bounds[:, -1] += end + sign * 2.0**-51 * (np.abs(bounds[:, -1]) + bias)
    low = low + layer.bias_low - 2.0**-51 * (np.abs(low) + bias)
    high = high + layer.bias_high + 2.0**-51 * (np.abs(high) + bias)
    # Plain intervals are sometimes narrower behind open ReLUs.
    plus, minus = np.maximum(layer.weights, 0).T, np.minimum(layer.weights, 0).T
    size = np.maximum(np.abs(interval[0]), np.abs(interval[1]))
    off = slack(2 * len(plus) + 1) * (size @ np.abs(layer.weights).T + bias) + TINY
    low = np.maximum(low, interval[0] @ plus + interval[1] @ minus + layer.bias_low - off)
    high = np.minimum(high, interval[1] @ plus + interval[0] @ minus + layer.bias_high + off)
    return sums, low, high


def _least(bounds: np.ndarray, inputs: Inputs) -> np.ndarray:
    """The least values of linear functions over the boxes."""
    inner = bounds[:, :-1]
    ends = inputs.low[:, :, None], inputs.high[:, :, None]
    return np.where(inner > 0, inner * ends[0], inner * ends[1]).sum(axis=1) + bounds[:, -1]


def _activated(
    kind: str, sums: Linear, low: np.ndarray, high: np.ndarray, reach: np.ndarray
) -> Linear:
    """Linear bounds behind an activation; slopes of the lines are never negative."""
    around = lines(kind, low, high)
    found = []
    pairs = ((sums.least, around.lower, -1), (sums.most, around.upper, 1))
    for bounds, (slope, constant), sign in pairs:
        moved = bounds * slope[:, None]
        off = 2.0**-50 * ((np.abs(moved) * reach).sum(axis=1) + np.abs(constant)) + TINY
        moved[:, -1] += constant + sign * off
        found.append(moved)
    return Linear(found[0], found[1])
