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

import numpy as np

from .activations import lines, values
from holigrail_hw.models.layered import Layer, Layered
from .outward import TINY, above, below, slack

__all__ = ["FloatLayer", "LayerRange", "float_layers", "normalised", "ranges"]


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """A layer as floats: weights (n, m) exact, biases between two floats."""

    weights: np.ndarray
    bias_low: np.ndarray
    bias_high: np.ndarray
    activation: str


@dataclass(frozen=True, eq=False)
class LayerRange:
    """Of the network in real numbers: sums and values behind the activation, all (B, n)."""

    sum_low: np.ndarray
    sum_high: np.ndarray
    low: np.ndarray
    high: np.ndarray


def float_layers(layers: Sequence[Layer]) -> tuple[FloatLayer, ...]:
    """The layers for :func:`ranges`."""
    return tuple(
        FloatLayer(one.weights, below(one.bias), above(one.bias), one.activation) for one in layers
    )


def normalised(
    network: Layered, boxes: Sequence[Sequence[tuple[Fraction, Fraction]]]
) -> tuple[np.ndarray, np.ndarray]:
    """Floats around the ends of boxes, (B, d), behind the affine map of the inputs."""
    low, high = [], []
    for box in boxes:
        ends = [
            sorted((a * end + c for end in pair), key=None)
            for a, c, pair in zip(*network.enter, box, strict=True)
        ]
        low.append(below(pair[0] for pair in ends))
        high.append(above(pair[1] for pair in ends))
    return np.array(low), np.array(high)


def ranges(
    layers: Sequence[FloatLayer], low: np.ndarray, high: np.ndarray
) -> tuple[LayerRange, ...]:
    """Ranges of all layers over boxes whose ends are (B, d)."""
    count, inputs = low.shape
    reach = np.ones((count, inputs + 1, 1))
    reach[:, :-1, 0] = np.maximum(np.abs(low), np.abs(high))
    ends = (low[:, :, None], high[:, :, None])
    least = np.zeros((count, inputs + 1, inputs))
    least[:, np.arange(inputs), np.arange(inputs)] = 1
    most = least.copy()
    found = []
    for layer in layers:
        least, most, below_sum, above_sum = _sums(layer, least, most, (low, high), reach, ends)
        low, high = values(layer.activation, below_sum, above_sum)
        found.append(LayerRange(below_sum, above_sum, low, high))
        least, most = _activated(layer.activation, least, most, below_sum, above_sum, reach)
    return tuple(found)


def _sums(
    layer: FloatLayer,
    least: np.ndarray,
    most: np.ndarray,
    interval: tuple[np.ndarray, np.ndarray],
    reach: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Linear bounds of the sums of a layer, and their ranges."""
    plus, minus = np.maximum(layer.weights, 0).T, np.minimum(layer.weights, 0).T
    room = slack(2 * len(plus) + reach.shape[1])
    size = np.maximum((np.abs(least) * reach).sum(axis=1), (np.abs(most) * reach).sum(axis=1))
    bias = np.maximum(np.abs(layer.bias_low), np.abs(layer.bias_high))
    off = room * (size @ np.abs(layer.weights).T + bias) + TINY
    under, over = least @ plus + most @ minus, most @ plus + least @ minus
    under[:, -1] += layer.bias_low - off
    over[:, -1] += layer.bias_high + off
    low = _least(under, ends) - room * (np.abs(under) * reach).sum(axis=1) - TINY
    high = -_least(-over, ends) + room * (np.abs(over) * reach).sum(axis=1) + TINY
    # Plain intervals are sometimes narrower behind open ReLUs.
    size = np.maximum(np.abs(interval[0]), np.abs(interval[1]))
    off = room * (size @ np.abs(layer.weights).T + bias) + TINY
    low = np.maximum(low, interval[0] @ plus + interval[1] @ minus + layer.bias_low - off)
    high = np.minimum(high, interval[1] @ plus + interval[0] @ minus + layer.bias_high + off)
    return under, over, low, high


def _least(bounds: np.ndarray, ends: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The least values of linear functions over the boxes."""
    inner = bounds[:, :-1]
    return np.where(inner > 0, inner * ends[0], inner * ends[1]).sum(axis=1) + bounds[:, -1]


def _activated(
    kind: str,
    least: np.ndarray,
    most: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    reach: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Linear bounds behind an activation; slopes of the lines are never negative."""
    around = lines(kind, low, high)
    found = []
    for bounds, (slope, constant), sign in ((least, around.lower, -1), (most, around.upper, 1)):
        moved = bounds * slope[:, None]
        off = 2.0**-50 * ((np.abs(moved) * reach).sum(axis=1) + np.abs(constant)) + TINY
        moved[:, -1] += constant + sign * off
        found.append(moved)
    return found[0], found[1]
