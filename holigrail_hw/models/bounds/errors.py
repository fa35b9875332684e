r"""How far the integer network may be from the real one, over every box.

The integer network computes :math:`\hat x_i = act(\hat W_i \hat x_{i-1} + \hat b_i) + r_i` where
the real one has :math:`x_i = act(W_i x_{i-1} + b_i)`. With :math:`p_i = (\hat W_i - W_i)
\hat x_{i-1} + \hat b_i - b_i` the sum is that of the real layer, plus :math:`p_i`. Let
:math:`F_i` be the real network from :math:`x_i` on. Then, exactly,

.. math:: \hat y - y = F_0(\hat x_0) - F_0(x_0) + \sum_i F_i(\hat x_i) - F_{i-1}(\hat x_{i-1})

and each difference is a path of :math:`p_i`, then of :math:`r_i`. It is therefore within the
interval Jacobian of :math:`F_i` times these, if the slopes of all later activations are taken over
every value that a network may have which is quantised up to some layer and real from there on. Such
values are at most D from the real ones: :math:`D_{z,i} = |W_i| D_{x,i-1} + |p_i|` and
:math:`D_{x,i} = s_i D_{z,i} + |r_i|`, with s the greatest slope over the range enlarged by D. Where
D is what leaves the sign of a sum open that is decided without it, the interval Jacobian of that
sum takes the place of the norm, with the same argument for the layers up to it. No term of second
order is left out: the weights of :math:`F_i` are the real ones.

Inputs that are constant over the box are off by a known number, which counts as part of
:math:`p_1`. Signs of :math:`p_i` are kept, and errors that cancel do so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .activations import slopes
from .outward import TINY, grown, slack
from .ranges import FloatLayer, LayerRange

__all__ = [
    "Backward",
    "Changes",
    "Forward",
    "Interval",
    "LayerChange",
    "backward",
    "forward",
    "product",
]

Interval = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class LayerChange:
    """What formats do to a layer: weights - real ones, exact; biases, between two floats.

    ``half`` are the greatest errors of rounding behind the activation, (n,); results that are not
    ``kept`` are taken to be 0.
    """

    weights: np.ndarray
    bias: Interval
    half: np.ndarray
    kept: np.ndarray


@dataclass(frozen=True, eq=False)
class Changes:
    """Of a whole network. ``half`` (m,) is what rounds inputs.

    ``constant`` are the ends (m,) of errors of constant inputs. One of both is 0.
    """

    half: np.ndarray
    constant: Interval
    layers: tuple[LayerChange, ...]


@dataclass(frozen=True, eq=False)
class Forward:
    """For every layer, over B boxes.

    ``entered`` are values of the integer network that come in, ``moved`` the ends of p,
    ``least`` and ``most`` the slopes, ``rounded`` the size of r; ``left`` are the values that leave
    the last layer. Nothing of it ``holds`` if a number opens that is left out.
    """

    entered: tuple[Interval, ...]
    moved: tuple[Interval, ...]
    least: tuple[np.ndarray, ...]
    most: tuple[np.ndarray, ...]
    rounded: tuple[np.ndarray, ...]
    left: Interval
    holds: bool


@dataclass(frozen=True, eq=False)
class Backward:
    """Interval Jacobians (B, outputs, n): of the sums of every layer, and of what enters each.

    ``entering[0]`` is that of the inputs, ``entering[i]`` that of the values behind layer i.
    """

    sums: tuple[Interval, ...]
    entering: tuple[Interval, ...]


def product(weights: np.ndarray, interval: Interval) -> Interval:
    """weights (n, m) times intervals (B, m), outward."""
    plus, minus = np.maximum(weights, 0).T, np.minimum(weights, 0).T
    low, high = interval
    size = np.maximum(np.abs(low), np.abs(high)) @ np.abs(weights).T
    off = slack(2 * len(plus)) * size + TINY
    return low @ plus + high @ minus - off, high @ plus + low @ minus + off


def forward(
    layers: Sequence[FloatLayer],
    inputs: Interval,
    found: Sequence[LayerRange],
    changes: Changes,
) -> Forward:
    """How errors spread, layer by layer."""
    off = np.maximum(np.abs(changes.constant[0]), np.abs(changes.constant[1])) + changes.half
    entered: list[Interval] = [(inputs[0] - grown(off), inputs[1] + grown(off))]
    deviation = np.broadcast_to(changes.half, inputs[0].shape)
    moved, least, most, rounded, holds = [], [], [], [], True
    for index, (layer, real, change) in enumerate(zip(layers, found, changes.layers, strict=True)):
        low, high = product(change.weights, entered[-1])
        low, high = low + change.bias[0], high + change.bias[1]
        if not index:
            ends = changes.constant[0][None], changes.constant[1][None]
            fixed = product(layer.weights, ends)
            low, high = low + fixed[0], high + fixed[1]
        size = np.maximum(np.abs(low), np.abs(high))
        low, high = low - 2.0**-50 * size - TINY, high + 2.0**-50 * size + TINY
        spread = grown(deviation @ np.abs(layer.weights).T + size)
        if layer.activation == "relu":
            so_far = moved, least, most, rounded
            spread = _sharpened(layers[: index + 1], spread, size, real, so_far, changes.half)
        moved.append((low, high))
        ends = real.sum_low - spread, real.sum_high + spread
        pair = slopes(layer.activation, *ends)
        least.append(pair[0])
        most.append(pair[1])
        # A ReLU that never opens gives 0, which is exact.
        half = np.broadcast_to(change.half, spread.shape)
        half = np.where(pair[1] > 0, half, 0) if layer.activation == "relu" else half
        holds = holds and not (pair[1] > 0)[:, ~change.kept].any()
        rounded.append(half)
        deviation = grown(pair[1] * spread + half)
        reach = real.low - deviation, real.high + deviation
        if layer.activation == "relu":
            reach = np.maximum(reach[0], 0), np.maximum(reach[1], 0)
        entered.append(reach)
    left = entered.pop()
    slope = tuple(least), tuple(most)
    return Forward(tuple(entered), tuple(moved), *slope, tuple(rounded), left, holds)


def _sharpened(
    layers: Sequence[FloatLayer],
    spread: np.ndarray,
    size: np.ndarray,
    real: LayerRange,
    so_far: tuple[list[Any], ...],
    half: np.ndarray,
) -> np.ndarray:
    """The deviation of the last layer's sums, with Jacobians where it opens a ReLU."""
    without = slopes("relu", real.sum_low, real.sum_high)
    within = slopes("relu", real.sum_low - spread, real.sum_high + spread)
    boxes, results = np.nonzero((without[0] == without[1]) & (within[0] < within[1]))
    if not len(boxes) or len(layers) == 1:
        return spread
    moved, least, most, rounded = so_far
    rows = layers[-1].weights[results]
    jacobian: Interval = (rows, rows)
    total = size[boxes, results]
    for index in range(len(layers) - 2, -1, -1):
        reach = np.maximum(np.abs(jacobian[0]), np.abs(jacobian[1]))
        total = total + (reach * rounded[index][boxes]).sum(axis=1)
        jacobian = _sloped(jacobian, least[index][boxes], most[index][boxes])
        reach = np.maximum(np.abs(jacobian[0]), np.abs(jacobian[1]))
        ends = np.maximum(np.abs(moved[index][0][boxes]), np.abs(moved[index][1][boxes]))
        total = total + (reach * ends).sum(axis=1)
        jacobian = _through(jacobian, layers[index].weights)
    reach = np.maximum(np.abs(jacobian[0]), np.abs(jacobian[1]))
    total = total + (reach * half).sum(axis=1)
    spread = spread.copy()
    spread[boxes, results] = np.minimum(spread[boxes, results], grown(total))
    return spread


def backward(layers: Sequence[FloatLayer], spread: Forward) -> Backward:
    """The Jacobians over the enlarged ranges, from the outputs to the inputs."""
    count, outputs = spread.least[-1].shape
    whole = np.broadcast_to(np.eye(outputs), (count, outputs, outputs))
    entering: Interval = (whole, whole)
    sums, before = [], []
    for index in range(len(layers) - 1, -1, -1):
        before.append(entering)
        slope = spread.least[index][:, None], spread.most[index][:, None]
        jacobian = _sloped(entering, *slope)
        sums.append(jacobian)
        entering = _through(jacobian, layers[index].weights)
    before.append(entering)
    return Backward(tuple(sums[::-1]), tuple(before[::-1]))


def _sloped(jacobian: Interval, least: np.ndarray, most: np.ndarray) -> Interval:
    """Times slopes between two numbers that are not negative."""
    low, high = jacobian
    low = np.where(low < 0, low * most, low * least)
    high = np.where(high > 0, high * most, high * least)
    return low - 2.0**-52 * np.abs(low), high + 2.0**-52 * np.abs(high)


def _through(jacobian: Interval, weights: np.ndarray) -> Interval:
    low, high = jacobian
    plus, minus = np.maximum(weights, 0), np.minimum(weights, 0)
    off = slack(2 * len(weights)) * (np.maximum(np.abs(low), np.abs(high)) @ np.abs(weights)) + TINY
    return low @ plus + high @ minus - off, high @ plus + low @ minus + off
