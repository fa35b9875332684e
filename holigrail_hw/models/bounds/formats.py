"""Fraction bits of every signal, and the integers that a network becomes with them.

A weight is the nearest multiple of its unit. A bias counts in units of the sums, which are finer
than those of the weights, and takes in what the errors of the weights add in the middle of the box
(bias correction, Nagel et al., Data-Free Quantization, 2019; here of the exact network, from its
ranges). Behind an activation sums are rounded to nearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from .errors import Changes, LayerChange
from holigrail_hw.models.layered import Layered
from .outward import above, below
from .ranges import LayerRange

__all__ = [
    "FUNCTION_ERROR",
    "MOST_FUNCTION_BITS",
    "Formats",
    "Numbers",
    "coded",
    "half_ulp",
    "middles",
    "numbers",
]

FUNCTION_ERROR = 2.0**-46
"""How far a code of tanh or of the logistic function is from a correctly rounded one, at most."""
MOST_FUNCTION_BITS = {"tanh": 11, "sigmoid": 12}
"""Fraction bits for which there are thresholds: 4096 codes."""


@dataclass(frozen=True)
class Formats:
    """Fraction bits: of the input, of the weights of each layer, of the values behind it."""

    input: int
    weights: tuple[int, ...]
    values: tuple[int, ...]

    @cached_property
    def signals(self) -> tuple[int, ...]:
        """All of them: input, then weights and values layer by layer."""
        pairs = zip(self.weights, self.values, strict=True)
        return (self.input, *(bits for pair in pairs for bits in pair))

    @staticmethod
    def of(signals: Sequence[int]) -> "Formats":
        """From the order of :attr:`signals`."""
        return Formats(signals[0], tuple(signals[1::2]), tuple(signals[2::2]))

    def sums(self, index: int) -> int:
        """Fraction bits of the sums of a layer."""
        before = self.values[index - 1] if index else self.input
        return before + self.weights[index]

    def settled(self, network: Layered) -> "Formats":
        """Without bits behind a layer that its sums do not have."""
        values: list[int] = []
        for index, layer in enumerate(network.layers):
            so_far = Formats(self.input, self.weights, (*values, *self.values[index:]))
            bits = self.values[index]
            if layer.activation in ("none", "relu"):
                bits = min(bits, so_far.sums(index))
            values.append(min(bits, MOST_FUNCTION_BITS.get(layer.activation, bits)))
        return Formats(self.input, self.weights, tuple(values))


@dataclass(frozen=True, eq=False)
class Numbers:
    """Integers of a layered network: weights (n, m) and biases (n,) of every layer."""

    formats: Formats
    weights: tuple[np.ndarray, ...]
    biases: tuple[tuple[int, ...], ...]
    changes: Changes


def half_ulp(kind: str, bits: int, of_sums: int) -> float:
    """The greatest error of rounding behind an activation."""
    if kind in ("tanh", "sigmoid"):
        return 2.0 ** -(bits + 1) + FUNCTION_ERROR
    return 0.0 if bits >= of_sums else 2.0 ** -(bits + 1)


def coded(weights: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest integers in units of 2^-bits, and their errors, exact in float64."""
    # Where rint changes a float, the difference is within its own significand.
    codes = np.rint(np.ldexp(weights, bits))
    return codes, np.ldexp(codes, -bits) - weights


def middles(errors: np.ndarray, real: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """What errors of weights (n, m) add for inputs in the middle of their ranges (B, m)."""
    centre = 0.5 * (real[0].min(axis=0) + real[1].max(axis=0))
    return errors @ centre


def constant_error(values: tuple[Fraction | None, ...], bits: int) -> np.ndarray:
    """Errors of inputs that are constant, exact up to a float; 0 for the others."""
    found = []
    for value in values:
        unit = Fraction(1, 1 << bits) if bits >= 0 else Fraction(1 << -bits)
        code = 0 if value is None else (value / unit + Fraction(1, 2)).__floor__()
        found.append(0.0 if value is None else float(code * unit - value))
    return np.array(found)


def numbers(
    network: Layered,
    formats: Formats,
    constant: tuple[Fraction | None, ...],
    entering: tuple[np.ndarray, np.ndarray],
    found: Sequence[LayerRange],
) -> Numbers:
    """The integers for formats; ``constant`` are the inputs that do not vary, as they enter.

    ``entering`` are the ranges of the inputs over boxes, ``found`` those of the layers.
    """
    formats = formats.settled(network)
    still = constant_error(constant, formats.input)
    half = np.array([0.0 if v is not None else 2.0 ** -(formats.input + 1) for v in constant])
    weights, biases, changes = [], [], []
    real = entering
    for index, layer in enumerate(network.layers):
        codes, errors = coded(layer.weights, formats.weights[index])
        middle = middles(errors, real)
        if not index:
            middle = middle + (layer.weights + errors) @ still
        unit = Fraction(1, 1 << formats.sums(index))
        bias = tuple(
            ((b - Fraction(m)) / unit + Fraction(1, 2)).__floor__()
            for b, m in zip(layer.bias, middle.tolist(), strict=True)
        )
        off = [code * unit - b for code, b in zip(bias, layer.bias, strict=True)]
        half_value = half_ulp(layer.activation, formats.values[index], formats.sums(index))
        changes.append(LayerChange(errors, (below(off), above(off)), half_value))
        weights.append(codes)
        biases.append(bias)
        real = found[index].low, found[index].high
    return Numbers(formats, tuple(weights), tuple(biases), Changes(half, still, tuple(changes)))
