"""Matrix products, convolutions and pools in float64."""

from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

from .elementwise import aligned
from .limits import bounded
from .operands import padded
from .windows import patches, window_of

__all__ = ["LAYERS", "convolution", "image", "pooled"]


def _matmul(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    left, right = arrays[:2]
    column, row = right.ndim == 2, left.ndim == 2
    left = left[:, None] if row else left
    right = right[..., None] if column else right
    left, right = (a[:, None] if a.ndim == 2 else a for a in (left, right))
    rank = max(left.ndim, right.ndim)
    left, right = (
        a.reshape(a.shape[0], *[1] * (rank - a.ndim), *a.shape[1:]) for a in (left, right)
    )
    bounded((*np.broadcast_shapes(left.shape[:-2], right.shape[:-2]), left.shape[-2]), who)
    result = left @ right
    result = result[..., 0] if column else result
    return result[..., 0, :] if row and not column else result[..., 0] if row else result


def _gemm(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    left, right, bias = padded(arrays, 3)
    # Operands of a higher rank come from opsets before 7: all but the first axis are one.
    left = left.reshape(*left.shape[:2], -1)
    if attributes.get("transA"):
        left = left.swapaxes(1, 2)
    if attributes.get("transB"):
        right = right.swapaxes(1, 2)
    result = attributes.get("alpha", 1.0) * (left @ right)
    if bias is not None:
        result, bias = aligned(result, attributes.get("beta", 1.0) * bias, who)
        result = result + bias
    return result


def image(value: np.ndarray, who: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """(samples, batch, channels, [rows,] columns) as (all, rows, columns, channels), and the rest.

    Returns the images, and the leading sizes of the result.
    """
    if value.ndim not in (4, 5):
        raise ModelError(f"{who}: images must have one or two axes, not {value.ndim - 3}")
    if value.ndim == 4:
        value = value[:, :, :, None]
    samples, batch, channels, rows, columns = value.shape
    value = value.reshape(samples * batch, channels, rows, columns)
    return value.transpose(0, 2, 3, 1), (samples, batch)


def _back(value: np.ndarray, lead: tuple[int, ...], rank: int) -> np.ndarray:
    value = value.transpose(0, 3, 1, 2).reshape(*lead, value.shape[3], *value.shape[1:3])
    return value[:, :, :, 0] if rank == 4 else value


def convolution(attributes: Any, value: np.ndarray, weights: np.ndarray, who: str) -> np.ndarray:
    """Sums of windows; weights (outputs, inputs per group, [rows,] columns)."""
    rank = value.ndim
    images, lead = image(value, who)
    window = window_of(attributes, value.shape[3:], weights.shape[2:])
    group = attributes.get("group", 1)
    outputs, inputs = weights.shape[:2]
    if inputs * group != images.shape[3] or outputs % group:
        raise ModelError(
            f"{who}: {group} groups of {inputs} channels must be {images.shape[3]} channels"
        )
    taps = patches(images, window, 0, who)
    bounded((*taps.shape[:3], outputs), who)
    matrices = weights.reshape(group, outputs // group, inputs, -1).transpose(0, 3, 2, 1)
    matrices = matrices.reshape(group, -1, outputs // group)
    parts = [
        taps[..., g * inputs : (g + 1) * inputs].reshape(*taps.shape[:3], -1) @ matrices[g]
        for g in range(group)
    ]
    return _back(np.concatenate(parts, axis=-1), lead, rank)


def _conv(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value, weights, bias = padded(arrays, 3)
    result = convolution(attributes, value, weights[0], who)
    if bias is not None:
        result = result + bias.reshape(1, 1, -1, *[1] * (result.ndim - 3))
    return result


def pooled(attributes: Any, value: np.ndarray, fill: Any, who: str) -> tuple[np.ndarray, Any]:
    """Windows of every channel (..., kernel rows, kernel columns, channels), and how to go back."""
    images, lead = image(value, who)
    kernel = attributes.get("kernel_shape") or value.shape[3:]
    window = window_of(attributes, value.shape[3:], kernel)
    return patches(images, window, fill, who), lambda result: _back(result, lead, value.ndim)


def _max_pool(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    taps, back = pooled(attributes, arrays[0], -np.inf, who)
    return back(taps.max(axis=(3, 4)))


def _average_pool(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    taps, back = pooled(attributes, arrays[0], 0, who)
    if attributes.get("count_include_pad"):
        return back(taps.mean(axis=(3, 4)))
    counts, _ = pooled(attributes, np.ones((1, *arrays[0].shape[1:])), 0, who)
    return back(taps.sum(axis=(3, 4)) / counts.sum(axis=(3, 4)))


LAYERS: dict[str, Any] = {
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": lambda a, x, who: _average_pool({}, x, who),
    "GlobalMaxPool": lambda a, x, who: _max_pool({}, x, who),
}
