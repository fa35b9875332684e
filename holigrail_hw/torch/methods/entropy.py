"""Codes of weights that take fewer bits, by a penalty on their entropy.

Han and others, Deep compression, 2016, code weights after training; here the histogram is part of
the loss: every weight belongs to its two neighbouring codes, linearly (as the soft histograms of
Ballé and others, End-to-end optimized image compression, 2017, are differentiable).
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from holigrail_hw.sparse.codecs.huffman import limited_lengths

from .base import Method, Report, Turn
from .integers import Integers

__all__ = ["Entropy"]


class Entropy(Method):
    """Integers of few bits whose histogram is made steeper, for a Huffman code; or flatter.

    Parameters
    ----------
    weight : float
        What a bit per weight is worth in the loss. Negative: entropy is made larger.
    bits : int
        Of a code.
    warm : float
        The part of all steps in which the penalty grows from 0.
    layers : list of str or None
        Paths; None for all linear layers and convolutions.
    """

    def __init__(
        self, weight: float = 0.1, *, bits: int = 5, warm: float = 0.3, layers: Any = None
    ):
        if not 0 < warm <= 1:
            raise ValueError(f"entropy: warm must be above 0 and at most 1, not {warm}")
        self.weight, self.warm = weight, warm
        self.integers = Integers(bits, None, layers)
        self.part = 0.0

    def attach(self, model: nn.Module) -> None:
        self.integers.attach(model)

    def penalty(self) -> Tensor | float:
        if not self.part:
            return 0.0
        bits, count = torch.zeros(()), 0
        for path, layer in self.integers.found.items():
            original = layer.parametrizations.weight.original
            own = self.integers.weights[path]
            bits = bits.to(original.device) + soft_bits(original / own.step(original), own.bits)
            count += original.numel()
        return self.weight * self.part * bits / count

    def step(self, turn: Turn) -> None:
        self.part = min(turn.step / (self.warm * turn.steps), 1.0)

    def finish(self) -> Report:
        steps = self.integers.finish().layers
        rows, bits, coded, count = {}, 0.0, 0, 0
        for path, layer in self.integers.found.items():
            codes = torch.round(layer.weight.detach() / steps[path]["weight step"]).long()
            codes = codes.reshape(-1).cpu().numpy()
            histogram = np.bincount(codes - codes.min())
            shares = histogram[histogram > 0] / len(codes)
            own = float(-(shares * np.log2(shares)).sum())
            lengths = limited_lengths(histogram.tolist())
            stored = int((np.array(lengths) * histogram).sum())
            rows[path] = {**steps[path], "entropy": own, "Huffman bits": stored / len(codes)}
            bits, coded, count = bits + own * len(codes), coded + stored, count + len(codes)
        total = {"entropy": bits / count, "Huffman bits": coded / count}
        return Report(f"entropy, weight {self.weight:g}", total, rows)


def soft_bits(codes: Tensor, bits: int) -> Tensor:
    """Bits that real codes take together, by their entropy, as a function with a slope."""
    high = 2 ** (bits - 1) - 1
    inside = codes.reshape(-1).clamp(-high, high - 1e-4) + high
    lower = inside.detach().floor().long()
    part = inside - lower
    histogram = torch.zeros(2 * high + 1, device=codes.device, dtype=codes.dtype)
    histogram = histogram.index_add(0, lower, 1 - part).index_add(0, lower + 1, part)
    shares = histogram / histogram.sum()
    return -(shares * (shares + 1e-12).log()).sum() / math.log(2) * len(lower)
