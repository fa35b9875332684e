"""Biases as products: an engine that can only multiply and add begins its sums with them.

A bias is taken apart from its highest bits on, so that every sum on the way is a number of the
accumulator, and nothing is rounded: b = a1 w1 + a2 w2 + ..., with the same a's for all channels.
"""

import numpy as np

from holigrail_hw.formats import Format, Rounding
from holigrail_hw.kernels import Gemm, quantise

__all__ = ["bias_rows"]

_STEP = 3
_MOST_ROWS = 64


def bias_rows(bias: np.ndarray, gemm: Gemm) -> tuple[np.ndarray, np.ndarray] | None:
    """Activations (R,) and weights (R, N) that make biases (N,); None if there are none.

    Activations are powers of two: 1, then smaller ones, until nothing is left. With chunks zeros
    follow, so that the first product of the layer begins a chunk.
    """
    rest = np.asarray(bias, np.float64).copy()
    least = gemm.a.least_place
    activations: list[float] = []
    weights: list[np.ndarray] = []
    if not np.isfinite(rest).all():
        return None
    exponent = 0
    while rest.any():
        scale = 2.0**exponent
        word = _toward_zero(rest / scale, gemm)
        if word.any():
            activations.append(scale)
            weights.append(word)
            rest -= word * scale
        elif exponent <= least:
            return None
        else:
            exponent = max(exponent - _STEP, least)
        if len(activations) > _MOST_ROWS:
            return None
    # Inner sums of their own: what follows is added up as it would be without a bias.
    short = -len(activations) % (gemm.chunk or 1)
    activations += [0.0] * short
    weights += [np.zeros_like(rest)] * short
    if not _are_exact([s * w for s, w in zip(activations, weights, strict=True)], gemm):
        return None
    return np.array(activations), np.array(weights).reshape(len(weights), len(rest))


def _are_exact(products: list[np.ndarray], gemm: Gemm) -> bool:
    """Whether neither products nor sums on the way to their total are rounded."""

    def is_exact(format: Format, numbers: np.ndarray) -> bool:
        return np.array_equal(quantise(format, numbers), numbers)

    if gemm.product is not None and not all(is_exact(gemm.product, p) for p in products):
        return False
    length = gemm.chunk or max(len(products), 1)
    inner = [np.cumsum(products[i : i + length], 0) for i in range(0, len(products), length)]
    outer = np.cumsum([sums[-1] for sums in inner], 0) if inner else np.zeros(0)
    return all(is_exact(gemm.accumulator, sums) for sums in (*inner, outer))


def _toward_zero(numbers: np.ndarray, gemm: Gemm) -> np.ndarray:
    """Numbers of the weights' format, none farther from zero than those given."""
    low, high = (float(end) for end in gemm.b.number_range)
    clipped = np.clip(numbers, low, high)
    return np.asarray(quantise(gemm.b, clipped, Rounding.TOWARD_ZERO), np.float64)
