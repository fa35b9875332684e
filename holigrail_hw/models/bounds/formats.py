"""Fraction bits of every signal, and the integers that a network becomes with them.

A weight is a multiple of the unit of its row, the nearest or one that goes well with others
(:mod:`.rounding`). A bias counts in units of its sum, which are finer than those of the weights,
and takes in the middle of what the errors of the weights add over the box (bias correction, Nagel
et al., Data-Free Quantization, 2019; here of the exact network, from its ranges). Behind an
activation sums are rounded to nearest. Numbers of a layer that no input of the box ever makes
positive are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from holigrail_hw.models.layered import Layered

from .errors import Changes, LayerChange, shifted
from .outward import above, below
from .ranges import Inputs, LayerRange
from .rounding import Companions, coded, compensated

__all__ = [
    "FUNCTION_ERROR",
    "Formats",
    "Kept",
    "Numbers",
    "everything",
    "function_bits",
    "half_ulps",
    "middle",
    "numbers",
]

FUNCTION_ERROR = 2.0**-46
"""How far a code of tanh or of the logistic function is from a correctly rounded one, at most."""
# There are thresholds for so many codes, some of which are room around a range.
_CODES = 4096 - 16

Kept = tuple[np.ndarray, ...]
"""For every layer which of its numbers are computed, (n,) of bool."""


@dataclass(frozen=True)
class Formats:
    """Fraction bits: of the input, of the weights row by row, of the values behind each layer.

    Sums of a layer may be off by 2^-lost through bits that its adders lose; None, or an empty
    tuple, if by nothing.
    """

    input: int
    weights: tuple[tuple[int, ...], ...]
    values: tuple[int, ...]
    lost: tuple[int | None, ...] = ()

    @staticmethod
    def uniform(network: Layered, bits: int) -> "Formats":
        """As many for every signal."""
        rows = tuple((bits,) * len(layer.weights) for layer in network.layers)
        return Formats(bits, rows, (bits,) * len(rows))

    def operands(self, index: int) -> int:
        """Fraction bits of what enters a layer."""
        return self.values[index - 1] if index else self.input

    def sums(self, index: int) -> np.ndarray:
        """Fraction bits of the sums of a layer, (n,)."""
        return self.operands(index) + np.array(self.weights[index])

    def losses(self, index: int) -> tuple[int, ...]:
        """How far sums of a layer may be off through lost bits, in their units."""
        most = self.lost[index] if self.lost else None
        if most is None:
            return (0,) * len(self.weights[index])
        places = (int(bits) - most for bits in self.sums(index))
        return tuple(1 << p if p >= 0 else 0 for p in places)

    def settled(self, network: Layered, most: Sequence[int]) -> "Formats":
        """Without bits behind a layer that none of its sums has, or more than ``most``."""
        found = self
        for index, layer in enumerate(network.layers):
            bits = min(self.values[index], most[index])
            if layer.activation in ("none", "relu"):
                bits = min(bits, int(found.sums(index).max()))
            values = (*found.values[:index], bits, *found.values[index + 1 :])
            found = replace(found, values=values)
        return found


@dataclass(frozen=True, eq=False)
class Numbers:
    """Integers of a layered network: weights (n, m) and biases (n,) of every layer.

    Rows and columns of what is not kept are there, as 0.
    """

    formats: Formats
    kept: Kept
    weights: tuple[np.ndarray, ...]
    biases: tuple[tuple[int, ...], ...]
    changes: Changes


def everything(network: Layered) -> Kept:
    """All numbers of all layers."""
    return tuple(np.ones(len(layer.weights), bool) for layer in network.layers)


def function_bits(found: Sequence[LayerRange], network: Layered, most: int) -> list[int]:
    """The most fraction bits behind each layer: those of a function are limited by its range."""
    bits = []
    for one, layer in zip(found, network.layers, strict=True):
        width = float(one.high.max() - one.low.min())
        # Values of the integer network spread a little further.
        limit = int(np.floor(np.log2(_CODES / (width * (1 + 2.0**-5) + 2.0**-40))))
        bits.append(min(limit, most) if layer.activation in ("tanh", "sigmoid") else most)
    return bits


def half_ulps(kind: str, bits: int, of_sums: np.ndarray) -> np.ndarray:
    """The greatest errors of rounding behind an activation, (n,)."""
    if kind in ("tanh", "sigmoid"):
        return np.full(len(of_sums), 2.0 ** -(bits + 1) + FUNCTION_ERROR)
    return np.where(bits >= of_sums, 0.0, 2.0 ** -(bits + 1))


def middle(ends: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The middle (n,) of what errors of weights add, from its ends over all boxes (B, n)."""
    return 0.5 * (ends[0].min(axis=0) + ends[1].max(axis=0))


def _constant_errors(values: tuple[Fraction | None, ...], bits: int) -> list[Fraction]:
    """Errors of inputs that are constant; 0 for the others."""
    unit = Fraction(1, 1 << bits)
    return [
        Fraction(0) if v is None else (v / unit + Fraction(1, 2)).__floor__() * unit - v
        for v in values
    ]


def numbers(
    network: Layered,
    formats: Formats,
    kept: Kept,
    constant: tuple[Fraction | None, ...],
    inputs: Inputs,
    found: Sequence[LayerRange],
    companions: Sequence[Companions] | None = None,
) -> Numbers:
    """The integers for formats; ``constant`` are the inputs that do not vary, as they enter.

    ``inputs`` are their ranges over boxes, ``found`` those of the layers. Weights are the nearest
    multiples without ``companions``, one for what enters each layer.
    """
    formats = formats.settled(network, function_bits(found, network, max(formats.values)))
    still = _constant_errors(constant, formats.input)
    half = np.array([0.0 if v is not None else 2.0 ** -(formats.input + 1) for v in constant])
    weights, biases, changes = [], [], []
    real, linear, columns = (inputs.low, inputs.high), inputs.linear, np.ones(network.inputs, bool)
    for index, layer in enumerate(network.layers):
        rows, of_sums = kept[index], formats.sums(index)
        units = np.array(formats.weights[index])
        used = np.where(rows[:, None] & columns, layer.weights, 0)
        if companions is None:
            codes, errors = coded(used, units)
        else:
            codes, errors = compensated(used, units, companions[index])
        added = middle(shifted(errors, real, linear, inputs, np.zeros_like(real[0])))
        if not index:
            added = added + layer.weights @ np.array([*map(float, still)])
        bias, off, lost = [], [], []
        losses = formats.losses(index)
        for b, m, bits, is_kept, most in zip(
            layer.bias, added.tolist(), of_sums, rows, losses, strict=True
        ):
            unit = Fraction(1, 1 << int(bits))
            code = ((b - Fraction(m)) / unit + Fraction(1, 2)).__floor__() if is_kept else 0
            bias.append(code)
            off.append(code * unit - b if is_kept else Fraction(0))
            lost.append(most * unit if is_kept else Fraction(0))
        ends = [tuple(o + sign * v for o, v in zip(off, lost, strict=True)) for sign in (-1, 1)]
        halves = half_ulps(layer.activation, formats.values[index], of_sums)
        changes.append(LayerChange(errors, (below(ends[0]), above(ends[1])), halves, rows))
        weights.append(codes)
        biases.append(tuple(bias))
        real, linear, columns = (found[index].low, found[index].high), found[index].linear, rows
    whole = Changes(half, (below(still), above(still)), tuple(changes))
    return Numbers(formats, kept, tuple(weights), tuple(biases), whole)
