"""Shape and range of every result, channel by channel, from those of its operands.

A sum lies within the sums of the least and the greatest products; codes lie between the codes of
the ends, as every formula only grows or only falls.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.limits import bounded

from .adder_sums import sum_ends
from .nodes import Add, Adders, Linear, Move, Node, Pool, Requantise, Softmax

__all__ = ["Tensor", "result"]

_WIDEST = 62


@dataclass(frozen=True, eq=False)
class Tensor:
    """``low`` and ``high`` are int64 arrays, broadcast against the shape."""

    shape: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray

    @property
    def width(self) -> int:
        """Bits that hold every value, two's complement if one is negative."""
        low, high = int(self.low.min()), int(self.high.max())
        if low >= 0:
            return max(high.bit_length(), 1)
        return max(high.bit_length(), (-low - 1).bit_length()) + 1

    @property
    def signed(self) -> bool:
        """Whether a value may be negative."""
        return bool(self.low.min() < 0)


def _sums(weights: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[Any, Any]:
    """Least and greatest sums over the first axis, as Python integers if need be."""
    largest = max(np.abs(low).max(initial=0), np.abs(high).max(initial=0))
    bound = float(np.abs(weights).sum(axis=0, dtype=np.float64).max(initial=0)) * float(largest)
    if bound >= 2.0**_WIDEST:
        weights, low, high = (a.astype(object) for a in (weights, low, high))
    plus, minus = np.maximum(weights, 0), np.minimum(weights, 0)
    return low @ plus + high @ minus, high @ plus + low @ minus


def _linear(node: Linear, x: Tensor, who: str) -> Tensor:
    weights = node.weights
    if node.window is None:
        if len(x.shape) != 1 or x.shape[0] != weights.shape[0]:
            raise ModelError(f"{who}: {weights.shape[0]} features must come in, not {[*x.shape]}")
        low, high = (np.broadcast_to(a, x.shape) - node.zero for a in (x.low, x.high))
        least, greatest = _sums(weights, low, high)
        return Tensor((weights.shape[1],), *_biased(least, greatest, node, who))
    rows, columns, inputs, outputs = weights.shape
    if len(x.shape) != 3 or x.shape[2] != inputs * node.group or outputs % node.group:
        raise ModelError(f"{who}: {inputs * node.group} channels must come in, not {[*x.shape]}")
    size = node.window.outputs(*x.shape[:2])
    shape = bounded((*size, outputs), who)
    if not all(shape):
        raise ModelError(f"{who}: a window must fit into the image {[*x.shape]}")
    low = np.broadcast_to(x.low, x.shape).min(axis=(0, 1)) - node.zero
    high = np.broadcast_to(x.high, x.shape).max(axis=(0, 1)) - node.zero
    if any(node.window.pads):
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    each = outputs // node.group
    ends = []
    for group in range(node.group):
        part = weights[..., group * each : (group + 1) * each].reshape(-1, each)
        chosen = slice(group * inputs, (group + 1) * inputs)
        pair = (np.tile(a[chosen], rows * columns) for a in (low, high))
        ends.append(_sums(part, *pair))
    least, greatest = (np.concatenate(found) for found in zip(*ends, strict=True))
    return Tensor(shape, *_biased(least, greatest, node, who))


def _adders(node: Adders, x: Tensor, who: str) -> Tensor:
    if x.shape != (node.features,):
        raise ModelError(f"{who}: {node.features} features must come in, not {[*x.shape]}")
    low, high = (np.broadcast_to(end, x.shape) for end in (x.low, x.high))
    return Tensor((len(node.targets),), *sum_ends(node, low, high, who))


def _biased(least: Any, greatest: Any, node: Linear, who: str) -> tuple[np.ndarray, np.ndarray]:
    ends = least + node.bias.astype(object), greatest + node.bias.astype(object)
    if any(abs(int(v)) >= 1 << _WIDEST for end in ends for v in end.reshape(-1)):
        raise ModelError(f"{who}: sums must fit into {_WIDEST} bits")
    return ends[0].astype(np.int64), ends[1].astype(np.int64)


def _pool(node: Pool, x: Tensor, who: str) -> Tensor:
    if len(x.shape) != 3:
        raise ModelError(f"{who}: an image must come in, not {[*x.shape]}")
    shape = bounded((*node.window.outputs(*x.shape[:2]), x.shape[2]), who)
    if not all(shape):
        raise ModelError(f"{who}: a window must fit into the image {[*x.shape]}")
    low = np.broadcast_to(x.low, x.shape).min(axis=(0, 1), keepdims=True)
    high = np.broadcast_to(x.high, x.shape).max(axis=(0, 1), keepdims=True)
    if node.how == "sum":
        count = node.window.kernel[0] * node.window.kernel[1]
        low, high = low * count, high * count
        if any(node.window.pads):
            low, high = np.minimum(low, 0), np.maximum(high, 0)
    return Tensor(shape, low, high)


def _add(node: Add, operands: list[Tensor], who: str) -> Tensor:
    shape = operands[0].shape
    if any(x.shape != shape for x in operands) or len(operands) != len(node.factors):
        raise ModelError(f"{who}: operands must have one shape, not {[x.shape for x in operands]}")
    low: Any = 0
    high: Any = 0
    for factor, x in zip(node.factors, operands, strict=True):
        ends = x.low.astype(object) * factor, x.high.astype(object) * factor
        low, high = low + np.minimum(*ends), high + np.maximum(*ends)
    if any(abs(int(v)) >= 1 << _WIDEST for end in (low, high) for v in end.reshape(-1)):
        raise ModelError(f"{who}: sums must fit into {_WIDEST} bits")
    return Tensor(shape, low.astype(np.int64), high.astype(np.int64))


def _requantise(node: Requantise, x: Tensor, who: str) -> Tensor:
    apply = (node.form or node.formula).apply
    ends = np.broadcast_arrays(x.low, x.high)
    first, second = (apply(end[None])[0] for end in ends)
    low, high = np.minimum(first, second), np.maximum(first, second)
    if np.broadcast_shapes(low.shape, x.shape) != x.shape:
        raise ModelError(f"{who}: channels must be those of {[*x.shape]}, not {[*low.shape]}")
    return Tensor(x.shape, low, high)


def _move(node: Move, operands: list[Tensor], who: str) -> Tensor:
    x, numbers = operands[0], node.numbers
    low, high = (np.broadcast_to(a, x.shape) for a in (x.low, x.high))
    same = [a.size for a in (x.low, x.high)] == [1, 1]
    match node.how:
        case "transpose":
            rank = len(x.shape)
            ends = [a.reshape([1] * (rank - a.ndim) + [*a.shape]) for a in (x.low, x.high)]
            shape = tuple(x.shape[a] for a in numbers)
            return Tensor(shape, ends[0].transpose(numbers), ends[1].transpose(numbers))
        case "reshape":
            shape = bounded(numbers, who)
            if same:
                return Tensor(shape, x.low.reshape(-1), x.high.reshape(-1))
            return Tensor(shape, low.reshape(shape), high.reshape(shape))
        case "select":
            index = np.array(numbers, np.int64)
            return Tensor((len(numbers),), low[index], high[index])
        case "concat":
            axis = numbers[0]
            ends = [[np.broadcast_to(a, t.shape) for a in (t.low, t.high)] for t in operands]
            least, greatest = (np.concatenate(part, axis) for part in zip(*ends, strict=True))
            return Tensor(least.shape, least, greatest)
        case "pad":
            pairs = [(numbers[2 * i], numbers[2 * i + 1]) for i in range(len(x.shape))]
            shape = bounded([n + sum(p) for n, p in zip(x.shape, pairs, strict=True)], who)
            ends = [np.pad(a, pairs, constant_values=numbers[-1]) for a in (low, high)]
            return Tensor(shape, ends[0], ends[1])
    raise ModelError(f"{who}: a move must be a known one, not {node.how}")


def result(node: Node, operands: list[Tensor], who: str) -> Tensor:
    """Shape and range of what a node computes.

    Raises
    ------
    ModelError
        If the operands do not fit, or a sum does not fit into 62 bits.
    """
    label = f"{who}: node {node.name}, {node.kind}"
    try:
        match node:
            case Linear():
                return _linear(node, operands[0], label)
            case Adders():
                return _adders(node, operands[0], label)
            case Add():
                return _add(node, operands, label)
            case Pool():
                return _pool(node, operands[0], label)
            case Requantise():
                return _requantise(node, operands[0], label)
            case Move():
                return _move(node, operands, label)
            case Softmax():
                low, high = np.full(1, -128), np.full(1, 127)
                return Tensor(operands[0].shape, low, high)
    except ModelError:
        raise
    except (ValueError, IndexError) as error:
        text = str(error).splitlines()[0]
        raise ModelError(f"{label}: operands must fit: {text}") from None
