"""What formats cost: additive over signals, or over a layer's weights and its operands together.

bits
    Fraction bits of a weight for every weight, and of a value for every product that reads it; of
    an output for every product it is made of (Lohar et al., Sound Mixed Fixed-Point Quantization of
    Neural Networks, 2023, count alike).
adders
    One-bit adders of an unrolled network without sharing: a sum for every digit of a weight beyond
    the first of a result, as wide as the operand with its integer bits; biases and roundings.
luts
    Of layers as graphs of adders with shared sums: 1.4 + 0.35 w for every digit of a weight and an
    operand of w bits, the estimate that the streaming hardware itself folds by.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .formats import Formats, coded
from holigrail_hw.models.layered import Layered
from .ranges import LayerRange

__all__ = ["COSTS", "Cost", "cost_of"]

COSTS = ("bits", "adders", "luts")


@dataclass(frozen=True, eq=False)
class Cost:
    """``alone[s][f]``: of signal s with candidate f, in the order of :attr:`.Formats.signals`.

    ``pairs[i][f, g]``: of layer i with weights of candidate f and operands of candidate g.
    """

    candidates: tuple[tuple[int, ...], ...]
    alone: tuple[np.ndarray, ...]
    pairs: tuple[np.ndarray, ...]

    def total(self, formats: Formats) -> float:
        """The cost of formats, all of which are candidates."""
        at = [row.index(f) for row, f in zip(self.candidates, formats.signals, strict=True)]
        found = sum(float(row[i]) for row, i in zip(self.alone, at, strict=True))
        for index, pair in enumerate(self.pairs):
            found += float(pair[at[2 * index + 1], at[2 * index]])
        return found


def cost_of(
    network: Layered,
    name: str,
    candidates: tuple[tuple[int, ...], ...],
    entering: tuple[np.ndarray, np.ndarray],
    found: Sequence[LayerRange],
) -> Cost:
    """The cost by its name, for candidates of every signal."""
    if name == "bits":
        uses = _uses(network)
        alone = tuple(np.array(row, float) * n for row, n in zip(candidates, uses, strict=True))
        return Cost(candidates, alone, ())
    alone = tuple(np.zeros(len(row)) for row in candidates)
    pairs, real = [], entering
    for index, layer in enumerate(network.layers):
        largest = max(float(np.abs(end).max()) for end in real)
        whole = max(int(np.ceil(np.log2(largest + 1e-300))), 0) + bool((real[0] < 0).any())
        widths = np.array(candidates[2 * index], float) + whole
        digits = np.array([_digits(coded(layer.weights, f)[0]) for f in candidates[2 * index + 1]])
        if name == "luts":
            pairs.append(digits[:, None] * (1.4 + 0.35 * widths))
        else:
            sums = digits[:, None] * (widths + 1.0)
            results = np.array(candidates[2 * index + 1], float)[:, None] + widths + 4
            pairs.append(sums + len(layer.weights) * results)
        real = found[index].low, found[index].high
    return Cost(candidates, alone, tuple(pairs))


def _uses(network: Layered) -> list[int]:
    """Of every signal: products, or weights; of the outputs the products that make them."""
    sizes = [layer.weights.shape for layer in network.layers]
    uses = [sizes[0][0] * sizes[0][1]]
    for index, (results, features) in enumerate(sizes):
        uses.append(results * features)
        after = sizes[index + 1] if index + 1 < len(sizes) else (results, features)
        uses.append(after[0] * after[1])
    return uses


def _digits(codes: np.ndarray) -> int:
    """Digits of the canonical signed form: places where w and 3 w differ."""
    return sum((w ^ 3 * w).bit_count() for w in (abs(int(c)) for c in codes.reshape(-1)))
