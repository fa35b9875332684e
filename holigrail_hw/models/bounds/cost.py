"""What formats cost.

bits
    Fraction bits of a weight for every weight, and of a value for every product that reads it; of
    an output for every product it is made of (Lohar et al., Sound Mixed Fixed-Point Quantization of
    Neural Networks, 2023, count alike).
adders
    One-bit adders of an unrolled network without sharing: a sum for every digit of a weight, as
    wide as the operand with its integer bits; biases and roundings.
luts
    Of layers as graphs of adders with shared sums: 1.4 + 0.35 w for every digit of a weight and an
    operand of w bits, the estimate that the streaming hardware itself folds by.

What is not kept costs nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from holigrail_hw.models.layered import Layered

from .formats import Formats, Kept
from .ranges import LayerRange
from .rounding import coded
from .signals import Signal

__all__ = ["COSTS", "Price"]

COSTS = ("bits", "adders", "luts")


class Price:
    """Costs by one of the names of :data:`COSTS`, for ranges of the values that enter layers."""

    def __init__(
        self,
        network: Layered,
        name: str,
        entering: tuple[np.ndarray, np.ndarray],
        found: Sequence[LayerRange],
    ):
        self.network, self.name = network, name
        # What a row really costs as a share of its price, layer by layer, and what is saved where
        # sums of a layer may be off by 2^-bits: (layer, bits). Known once adders were searched for.
        self.scale = [1.0] * len(network.layers)
        self.savings: dict[tuple[int, int], float] = {}
        ranges = [entering, *((one.low, one.high) for one in found[:-1])]
        # Bits in front of the point, with a sign where there is one.
        self.whole = [
            max(int(np.ceil(np.log2(max(np.abs(low).max(), np.abs(high).max(), 1)))), 0)
            + bool((low < 0).any())
            for low, high in ranges
        ]

    def total(self, formats: Formats, kept: Kept) -> float:
        """The cost of formats."""
        found = formats.input * self.uses(kept, -1)
        for index in range(len(kept)):
            operands = formats.operands(index)
            for row in kept[index].nonzero()[0].tolist():
                found += self.row(index, row, formats.weights[index][row], operands, kept)
            found += formats.values[index] * self.uses(kept, index)
        saved = (self.savings.get((i, bits), 0.0) for i, bits in enumerate(formats.lost) if bits)
        return float(found) - sum(saved)

    def uses(self, kept: Kept, index: int) -> int:
        """What a fraction bit of the values behind a layer costs; -1 is the input."""
        if self.name != "bits":
            return 0
        here = self.network.inputs if index < 0 else int(kept[index].sum())
        if index + 1 < len(kept):
            return here * int(kept[index + 1].sum())
        before = kept[index - 1].sum() if index else self.network.inputs
        return here * int(before)

    def row(self, index: int, row: int, bits: int, operands: int, kept: Kept) -> float:
        """What a row of weights costs, with operands of so many fraction bits."""
        columns = kept[index - 1] if index else np.ones(self.network.inputs, bool)
        if self.name == "bits":
            return bits * int(columns.sum())
        digits = self._digits(index, row, bits, columns)
        width = operands + self.whole[index]
        if self.name == "luts":
            return self.scale[index] * digits * (1.4 + 0.35 * width)
        return self.scale[index] * (digits * (width + 1) + bits + width + 4)

    def _digits(self, index: int, row: int, bits: int, columns: np.ndarray) -> int:
        """Digits of the canonical signed form: places where w and 3 w differ."""
        known = self.__dict__.setdefault("_known", {})
        key = (index, row, bits, columns.tobytes())
        if key not in known:
            weights = self.network.layers[index].weights[row : row + 1, columns]
            codes = np.abs(coded(weights, np.array([bits]))[0]).reshape(-1).astype(object)
            known[key] = sum((int(w) ^ 3 * int(w)).bit_count() for w in codes)
        return known[key]

    def alone(self, signal: Signal, bits: Any, formats: Formats, kept: Kept) -> float:
        """The cost of a signal with so many bits, its operands as in ``formats``."""
        match signal.kind:
            case "lost":
                return -self.savings.get((signal.layer, bits), 0.0)
            case "input":
                return bits * self.uses(kept, -1)
            case "values":
                return bits * self.uses(kept, signal.layer)
        operands = formats.operands(signal.layer)
        rows = [row for row in signal.rows if kept[signal.layer][row]]
        return sum(self.row(signal.layer, row, bits, operands, kept) for row in rows)
