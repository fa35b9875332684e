"""Biases as products: an engine that can only multiply and add begins its sums with them.

A bias is taken apart from its highest bits on, so that every sum on the way is a number of the
accumulator, and nothing is rounded: b = a1 w1 + a2 w2 + ..., with the same a's for all channels.
"""

import numpy as np

from holigrail_hw.formats import Rounding
from holigrail_hw.kernels import Gemm, quantise

__all__ = ["bias_rows"]

_STEP = 3
_MOST_ROWS = 64


def bias_rows(bias: np.ndarray, gemm: Gemm) -> tuple[np.ndarray, np.ndarray] | None:
    """Activations (R,) and weights (R, N) that make biases (N,); None if there are none.

    Activations are powers of two: 1, then smaller ones, until nothing is left.
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
    sums = np.zeros_like(rest)
    for scale, word in zip(activations, weights, strict=True):
        sums = sums + scale * word
        if not np.array_equal(quantise(gemm.accumulator, sums), sums):
            return None
    return np.array(activations), np.array(weights).reshape(len(weights), len(rest))


def _toward_zero(numbers: np.ndarray, gemm: Gemm) -> np.ndarray:
    """Numbers of the weights' format, none farther from zero than those given."""
    low, high = (float(end) for end in gemm.b.number_range)
    clipped = np.clip(numbers, low, high)
    return np.asarray(quantise(gemm.b, clipped, Rounding.TOWARD_ZERO), np.float64)
