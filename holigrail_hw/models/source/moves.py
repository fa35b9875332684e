"""Operators that only move elements, and the arithmetic of shapes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

from .limits import bounded
from .operands import padded

__all__ = ["MOVES", "axes_of", "pads_of", "reshaped"]


def reshaped(shape: tuple[int, ...], wanted: Any, who: str) -> tuple[int, ...]:
    """The sizes that an ONNX Reshape leads to: 0 keeps a size, -1 is what is left."""
    sizes = [int(v) for v in np.asarray(wanted).reshape(-1)]
    sizes = [shape[i] if v == 0 and i < len(shape) else v for i, v in enumerate(sizes)]
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if sizes.count(-1) == 1:
        rest = int(np.prod([v for v in sizes if v != -1], dtype=object) or 1)
        sizes[sizes.index(-1)] = count // rest if rest else 0
    bounded(sizes, who)
    if int(np.prod(sizes, dtype=object)) != count:
        raise ModelError(f"{who}: {count} elements must stay as many, not become {sizes}")
    return tuple(sizes)


def axes_of(attributes: Any, arrays: list[Any]) -> list[int]:
    """Axes of Squeeze or Unsqueeze: an attribute before opset 13, an operand after."""
    if "axes" in attributes:
        return [int(v) for v in attributes["axes"]]
    return [int(v) for v in arrays[1].reshape(-1)] if len(arrays) > 1 else []


def _unsqueeze(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    axes = axes_of(attributes, arrays)
    rank = arrays[0].ndim - 1 + len(axes)
    return np.expand_dims(arrays[0], tuple(a % rank + 1 for a in axes))


def _squeeze(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value = arrays[0]
    axes = axes_of(attributes, arrays)
    if not axes:
        axes = [i for i, size in enumerate(value.shape[1:]) if size == 1]
    return np.squeeze(value, tuple(a % (value.ndim - 1) + 1 for a in axes))


def _flatten(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value = arrays[0]
    axis = attributes.get("axis", 1)
    axis = axis + value.ndim - 1 if axis < 0 else axis
    lead = int(np.prod(value.shape[1 : axis + 1], dtype=np.int64))
    return value.reshape(value.shape[0], lead, -1)


def _transpose(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value = arrays[0]
    order = attributes.get("perm") or range(value.ndim - 1)[::-1]
    return value.transpose(0, *(int(a) + 1 for a in order))


def _reshape(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value = arrays[0]
    wanted = attributes["shape"] if "shape" in attributes else arrays[1][0]
    return value.reshape(value.shape[0], *reshaped(value.shape[1:], wanted, who))


def _concat(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    axis = attributes["axis"]
    axis = axis % (arrays[0].ndim - 1) + 1
    samples = max(len(a) for a in arrays)
    arrays = [np.broadcast_to(a, (samples, *a.shape[1:])) for a in arrays]
    return np.concatenate(arrays, axis=axis)


def _gather(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value, index = arrays
    axis = attributes.get("axis", 0) % (value.ndim - 1) + 1
    bounded((*value.shape, *index.shape), who)
    return np.take(value, index[0].astype(np.int64), axis=axis)


def _slice(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value = arrays[0]
    if "starts" in attributes:
        numbers: list[Any] = [*map(attributes.get, ("starts", "ends", "axes")), None]
    else:
        numbers = [None if a is None else a.reshape(-1) for a in padded(arrays[1:], 4)]
    starts, ends, axes, steps = numbers
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    parts = [slice(None)] * value.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        stop = None if step < 0 and end < -(1 << 30) else int(end)
        parts[int(axis) % (value.ndim - 1) + 1] = slice(int(start), stop, int(step))
    return value[tuple(parts)]


def pads_of(
    attributes: Any, arrays: Sequence[Any], rank: int, who: str
) -> tuple[list[tuple[int, int]], Any]:
    """How much is put before and after every axis, and the number that is put there.

    ``arrays`` are the operands behind the tensor: pads, value and axes, without samples.
    """
    pads, value, axes = padded([None if a is None else np.reshape(a, -1) for a in arrays], 3)
    pads = [int(v) for v in (attributes["pads"] if "pads" in attributes else pads)]
    axes = [int(a) % rank for a in (range(rank) if axes is None else axes)]
    if attributes.get("mode", "constant") != "constant":
        raise ModelError(f"{who}: mode must be constant, not {attributes['mode']}")
    if len(pads) != 2 * len(axes):
        raise ModelError(f"{who}: there must be two pads for every axis, not {len(pads)}")
    if any(v < 0 for v in pads):
        raise ModelError(f"{who}: pads must not be negative, not {pads}")
    pairs = [(0, 0)] * rank
    for place, axis in enumerate(axes):
        pairs[axis] = (pads[place], pads[place + len(axes)])
    return pairs, attributes.get("value", 0.0) if value is None else value[0]


def _pad(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value = arrays[0]
    rank = value.ndim - 1
    pairs, fill = pads_of(attributes, arrays[1:], rank, who)
    bounded([n + a + b for n, (a, b) in zip(value.shape[1:], pairs, strict=True)], who)
    return np.pad(value, [(0, 0), *pairs], constant_values=fill)


def _cast(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    kind = attributes.get("kind", "float")
    return arrays[0].astype(np.float64) if kind == "float" else arrays[0].astype(np.int64)


def _fill(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    shape = bounded([int(v) for v in arrays[0].reshape(-1)], who)
    value = np.asarray(attributes.get("value", 0.0)).reshape(-1)[0]
    return np.full((1, *shape), value)


MOVES: dict[str, Any] = {
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Pad": _pad,
    "Cast": _cast,
    "ConstantOfShape": _fill,
    "Shape": lambda a, x, who: np.array([x[0].shape[1:]], np.int64),
}
