"""Which powers of two the numbers of a chain are multiples of, from samples of its inputs.

All steps are powers of two, so that a sum is rescaled by a shift. Inputs get the coarsest step that
represents every sample, or the finest that their bits allow; so do results of ReLU, with room for a
quarter more than was seen. Words of weights get the step that moves the given weights least.
"""

from dataclasses import dataclass

import numpy as np

from holigrail_hw.models import ModelError
from holigrail_hw.models.source.elementwise import ELEMENTWISE
from holigrail_hw.models.source.windows import patches

from .chain import Chain, Layer
from .coefficients import Coefficients

__all__ = ["Bits", "InputFormat", "LayerFormat", "chosen_formats", "real_values", "taps_of"]

_ROOM = 1.25
_FUNCTIONS = ("Tanh", "Sigmoid")
_FINEST = 40


@dataclass(frozen=True, kw_only=True)
class Bits:
    """Bits of inputs, of results of ReLU, and of results of tanh and sigmoid."""

    input: int = 16
    activation: int = 16
    function: int = 8


@dataclass(frozen=True, kw_only=True)
class InputFormat:
    """Codes from ``low`` to ``high`` of numbers that are multiples of 2^-``fraction``."""

    fraction: int
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class LayerFormat:
    """``weight`` and ``operand`` are fraction bits; their sum is that of the layer's sums.

    ``result`` are those of the codes behind its activation, from ``low`` to ``high``. A layer
    without an activation passes its sums on.
    """

    weight: int
    operand: int
    result: int
    low: int = 0
    high: int = 0

    @property
    def sums(self) -> int:
        """Fraction bits of the sums."""
        return self.weight + self.operand


def taps_of(layer: Layer, x: np.ndarray) -> np.ndarray:
    """Operands of the layer's products, (..., taps), for values (samples, ...)."""
    if layer.window is None:
        return x.reshape(len(x), -1)
    found = patches(x, layer.window, 0, layer.name)
    return found.reshape(*found.shape[:3], -1)


def real_values(chain: Chain, x: np.ndarray) -> list[np.ndarray]:
    """The input in the shape of the first layer, then the result of every layer, in float64."""
    found = [x.reshape(len(x), *chain.shape)]
    for layer in chain.layers:
        value = taps_of(layer, found[-1]) @ layer.weights + layer.bias
        if layer.activation:
            value = ELEMENTWISE[layer.activation]({}, [value], layer.name)
        if layer.pool is not None:
            value = patches(value, layer.pool, -np.inf, layer.name).max(axis=(3, 4))
        found.append(value)
    return found


def _fraction(largest: float, most: int) -> int:
    """The most fraction bits with which a number is at most ``most`` steps."""
    return int(np.floor(np.log2(most / largest))) if largest > 0 else 0


def _input(x: np.ndarray, bits: int, who: str) -> InputFormat:
    if not x.size or not np.isfinite(x).all():
        raise ModelError(f"{who}: samples must be finite numbers, one or more")
    low, high = float(x.min()), float(x.max())
    signed = low < 0
    most = (1 << bits - signed) - 1
    finest = min(_fraction(max(high, -low), most), _FINEST)
    fraction = next(
        (f for f in range(0, finest) if (x * 2.0**f == np.rint(x * 2.0**f)).all()), finest
    )
    ends = [int(np.floor(v * 2.0**fraction + 0.5)) for v in (low, high)]
    return InputFormat(fraction=fraction, low=ends[0], high=ends[1])


def _weight_fraction(weights: np.ndarray, allowed: Coefficients) -> int:
    """Fraction bits of words that move real weights least, in the mean of squares."""
    largest = float(np.abs(weights).max(initial=0))
    most = int(np.abs(allowed.words).max())
    middle = _fraction(largest, most)
    errors = {}
    for fraction in range(middle - 1, middle + 4):
        words = allowed.words[allowed.nearest(weights * 2.0**fraction)]
        errors[fraction] = float(((words * 2.0**-fraction - weights) ** 2).sum())
    return min(errors, key=lambda fraction: (errors[fraction], fraction))


def chosen_formats(
    chain: Chain, x: np.ndarray, bits: Bits, allowed: Coefficients
) -> tuple[InputFormat, tuple[LayerFormat, ...]]:
    """Formats of a chain for samples of its inputs, in the shape of the first layer.

    Raises
    ------
    ModelError
        If samples are not finite numbers.
    """
    first = _input(x, bits.input, chain.name)
    values = real_values(chain, x)
    operand, found = first.fraction, []
    for layer, result in zip(chain.layers, values[1:], strict=True):
        weight = _weight_fraction(layer.weights, allowed)
        sums = operand + weight
        if not layer.activation:
            found.append(LayerFormat(weight=weight, operand=operand, result=sums))
        elif layer.activation in _FUNCTIONS:
            signed = layer.activation == "Tanh"
            fraction = bits.function - signed
            ends = -(1 << fraction) if signed else 0, (1 << fraction) - 1
            found.append(
                LayerFormat(
                    weight=weight, operand=operand, result=fraction, low=ends[0], high=ends[1]
                )
            )
        else:
            most = (1 << bits.activation) - 1
            fraction = min(_fraction(_ROOM * float(result.max(initial=0)), most), sums)
            found.append(
                LayerFormat(weight=weight, operand=operand, result=fraction, low=0, high=most)
            )
        operand = found[-1].result
    return first, tuple(found)
