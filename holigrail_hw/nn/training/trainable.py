"""A chain with words for weights: evaluated as its hardware does, with gradients straight through.

Real weights lie behind the words; a forward pass rounds them to allowed words, and gradients go to
the real ones as if nothing had been rounded (Bengio, Leonard, Courville, Estimating or propagating
gradients through stochastic neurons, 2013). Every number is a multiple of a power of two that
float64 holds exactly, so a forward pass is the evaluation of the integer graph, bit for bit.
"""

from typing import Any

import numpy as np

from holigrail_hw.models.source.elementwise import ELEMENTWISE
from holigrail_hw.models.source.windows import patches

from .chain import Chain, Layer
from .coefficients import Coefficients
from .number_formats import InputFormat, LayerFormat, taps_of

__all__ = ["Trainable"]


class Trainable:
    """Real parameters, and the words that they stand for.

    Parameters
    ----------
    chain : Chain
        The model to begin with.
    first : InputFormat
    formats : tuple of LayerFormat
        One per layer.
    allowed : Coefficients
        The words that weights may be.
    operands : list of array
        Typical operands of every layer, which say how fast a bias learns beside a weight.

    Attributes
    ----------
    weights : array
        All weights in a row, in words, not rounded.
    words : array
        What they are taken for: allowed words.
    biases : array
        All biases in a row, in steps of sums over their unit, not rounded.
    """

    def __init__(
        self,
        chain: Chain,
        first: InputFormat,
        formats: tuple[LayerFormat, ...],
        allowed: Coefficients,
        operands: list[np.ndarray],
    ):
        self.chain, self.first, self.formats, self.allowed = chain, first, formats, allowed
        self._shapes = [layer.weights.shape for layer in chain.layers]
        self._places = np.cumsum([0, *(rows * columns for rows, columns in self._shapes)])
        self._bias_places = np.cumsum([0, *(columns for _, columns in self._shapes)])
        pairs = [*zip(chain.layers, formats, strict=True)]
        self.weights = np.concatenate([(a.weights * 2.0**f.weight).reshape(-1) for a, f in pairs])
        self.weights = np.clip(self.weights, allowed.words[0], allowed.words[-1])
        # A bias is the weight of an operand that is as large as the others are.
        self._units = [
            max(float(np.sqrt((x**2).mean())), 2.0**-f.operand) * 2.0**-f.weight
            for x, (_, f) in zip(operands, pairs, strict=True)
        ]
        self.biases = np.concatenate(
            [a.bias / unit for (a, _), unit in zip(pairs, self._units, strict=True)]
        )
        self.words = self.nearest()

    def nearest(self) -> np.ndarray:
        """The allowed words nearest to the weights, as float64."""
        return self.allowed.words[self.allowed.nearest(self.weights)].astype(np.float64)

    def of_layer(self, flat: np.ndarray, index: int) -> np.ndarray:
        """A layer's part of an array like :attr:`weights`, as a matrix (taps, results)."""
        part = flat[self._places[index] : self._places[index + 1]]
        return part.reshape(self._shapes[index])

    def bias_codes(self, index: int) -> np.ndarray:
        """The integers of a layer's bias, in steps of its sums, as float64."""
        part = self.biases[self._bias_places[index] : self._bias_places[index + 1]]
        return np.rint(part * (self._units[index] * 2.0 ** self.formats[index].sums))

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        """Outputs for values that are codes times their step, and what the gradients need."""
        kept = []
        value = x.reshape(len(x), *self.chain.shape)
        for index, layer in enumerate(self.chain.layers):
            format = self.formats[index]
            matrix = self.of_layer(self.words, index) * 2.0**-format.weight
            taps = taps_of(layer, value)
            sums = taps @ matrix + self.bias_codes(index) * 2.0**-format.sums
            value, slope = _activated(layer, format, sums)
            share = None
            if layer.pool is not None:
                value, share = _pooled(layer, value)
            kept.append((taps, matrix, slope, share))
        return value, kept

    def backward(self, kept: list[Any], error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradients of weights and biases, in their units, for those of the outputs."""
        weights, biases = np.empty_like(self.weights), np.empty_like(self.biases)
        for index in reversed(range(len(kept))):
            layer, format = self.chain.layers[index], self.formats[index]
            taps, matrix, slope, share = kept[index]
            if share is not None:
                error = _unpooled(layer, error, share)
            if slope is not None:
                error = error * slope
            flat = error.reshape(-1, error.shape[-1])
            gradient = taps.reshape(-1, taps.shape[-1]).T @ flat
            self.of_layer(weights, index)[:] = gradient * 2.0**-format.weight
            place = slice(self._bias_places[index], self._bias_places[index + 1])
            biases[place] = flat.sum(axis=0) * self._units[index]
            if index:
                error = _untapped(layer, error @ matrix.T)
                before = self.chain.layers[index - 1]
                if layer.window is None and (before.window is not None):
                    error = error.reshape(len(error), *_size(before))
        return weights, biases


def _size(layer: Layer) -> tuple[int, int, int]:
    """Rows, columns and channels of a window's result."""
    assert layer.window is not None and layer.image is not None
    rows, columns = layer.window.outputs(*layer.image[:2])
    if layer.pool is not None:
        rows, columns = layer.pool.outputs(rows, columns)
    return rows, columns, layer.weights.shape[1]


def _activated(
    layer: Layer, format: LayerFormat, sums: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Values of the codes of sums, and the slope that gradients see; None for 1 everywhere."""
    if not layer.activation:
        return sums, None
    unit = 2.0**format.result
    if layer.activation == "Relu":
        codes = np.floor(sums * unit + 0.5)
        passes = (sums > 0) & (codes <= format.high)
        return np.clip(codes, 0, format.high) / unit, passes
    real = ELEMENTWISE[layer.activation]({}, [sums], layer.name)
    codes = np.clip(np.rint(real / (1 / unit)), format.low, format.high)
    slope = 1 - real**2 if layer.activation == "Tanh" else real * (1 - real)
    return codes / unit, slope


def _pooled(layer: Layer, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maxima, and which share of its gradient every element of a window gets."""
    assert layer.pool is not None
    taps = patches(value, layer.pool, -np.inf, layer.name)
    largest = taps.max(axis=(3, 4))
    chosen = taps == largest[:, :, :, None, None]
    return largest, chosen / chosen.sum(axis=(3, 4), keepdims=True)


def _spread(taps: np.ndarray, window: Any, size: tuple[int, int]) -> np.ndarray:
    """Sums of what windows hold, where they hold it: (samples, rows, columns, channels)."""
    top, left, bottom, right = window.pads
    high, wide = size[0] + top + bottom, size[1] + left + right
    found = np.zeros((len(taps), high, wide, taps.shape[-1]))
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            rows = slice(i * window.dilations[0], None, window.strides[0])
            columns = slice(j * window.dilations[1], None, window.strides[1])
            part = found[:, rows, columns]
            part[:, : taps.shape[1], : taps.shape[2]] += taps[:, :, :, i, j]
    return found[:, top : top + size[0], left : left + size[1]]


def _unpooled(layer: Layer, error: np.ndarray, share: np.ndarray) -> np.ndarray:
    assert layer.window is not None and layer.image is not None
    size = layer.window.outputs(*layer.image[:2])
    return _spread(error[:, :, :, None, None] * share, layer.pool, size)


def _untapped(layer: Layer, error: np.ndarray) -> np.ndarray:
    """The gradient of a layer's operand, for that of its taps."""
    if layer.window is None or layer.image is None:
        return error
    shape = *error.shape[:3], *layer.window.kernel, layer.image[2]
    return _spread(error.reshape(shape), layer.window, layer.image[:2])
