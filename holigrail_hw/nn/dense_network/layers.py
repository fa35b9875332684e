"""Layers of a network in integers: matrix, constants, and the range of every value.

A layer multiplies its inputs by a matrix, adds biases, and, unless it is the last one, rounds to
the format of the activations (half up) and saturates. Ranges are exact for independent inputs:
interval arithmetic on a sum of independent terms is tight. An input that can have only one value is
removed, and its product is added to the bias.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holigrail_hw.formats import FixedFormat
from holigrail_hw.mcm.matrix.graph import Matrix

__all__ = ["Layer", "layers_of"]

Range = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """One layer, in units of the last place of its sums.

    ``matrix`` has a row for each output. ``ranges`` are those of the inputs, ``results`` those of
    the sums with their biases, ``outputs`` those after rounding and saturation.
    """

    matrix: Matrix
    biases: tuple[int, ...]
    fraction_width: int
    ranges: tuple[Range, ...]
    results: tuple[Range, ...]
    outputs: tuple[Range, ...]


def layers_of(
    weights: Sequence[Sequence[Sequence[int]]],
    biases: Sequence[Sequence[int]],
    *,
    weight_fraction: int,
    input: FixedFormat,
    activation: FixedFormat,
) -> list[Layer]:
    """The layers of a network; weights have a row per input, biases are in the weights' unit."""
    layers = []
    fraction = input.fraction_width
    ranges = ((input.minimum, input.maximum),) * len(weights[0])
    for index, (rows, offsets) in enumerate(zip(weights, biases, strict=True)):
        free = [low != high for low, high in ranges]
        constants = [
            (bias << fraction)
            + sum(
                row[column] * low
                for row, (low, high) in zip(rows, ranges, strict=True)
                if low == high
            )
            for column, bias in enumerate(offsets)
        ]
        matrix = tuple(
            tuple(item if used else 0 for item, used in zip(column, free, strict=True))
            for column in zip(*rows, strict=True)
        )
        results = tuple(
            _range(row, ranges, constant) for row, constant in zip(matrix, constants, strict=True)
        )
        sum_fraction = weight_fraction + fraction
        last = index == len(weights) - 1
        outputs = (
            results
            if last
            else tuple(
                (
                    _activated(low, sum_fraction, activation),
                    _activated(high, sum_fraction, activation),
                )
                for low, high in results
            )
        )
        layers.append(Layer(matrix, tuple(constants), sum_fraction, ranges, results, outputs))
        ranges, fraction = outputs, activation.fraction_width
    return layers


def _range(row: Sequence[int], ranges: Sequence[Range], constant: int) -> Range:
    ends = [(c * low, c * high) for c, (low, high) in zip(row, ranges, strict=True) if c]
    return constant + sum(map(min, ends)), constant + sum(map(max, ends))


def _activated(value: int, fraction: int, activation: FixedFormat) -> int:
    drop = fraction - activation.fraction_width
    rounded = (value + (1 << drop >> 1)) >> drop if drop > 0 else value << -drop
    return min(max(rounded, activation.minimum), activation.maximum)
