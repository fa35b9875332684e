"""The integer graph on arrays: exact, many frames at once.

Sums that float64 holds exactly are computed in it, since matrix products of floats are fast.
"""

from typing import Any

import numpy as np

from holigrail_hw.models.source.windows import patches

from .adder_sums import adder_sums
from .nodes import Add, Adders, Linear, Move, Node, Pool, Requantise, Softmax
from .ranges import Tensor
from .softmax import softmax_codes

__all__ = ["computed", "least_integer"]

_EXACT = float(1 << 53)
_AT_ONCE = 1 << 24
least_integer = np.iinfo(np.int64).min


def _product(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """values @ weights, exactly, as int64; all sums are known to fit."""
    largest = float(np.abs(values).max(initial=0)) * float(np.abs(weights).max(initial=0))
    if largest * weights.shape[0] < _EXACT:
        return (values.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)
    return values @ weights


def _linear(node: Linear, x: np.ndarray) -> np.ndarray:
    x = x - node.zero if node.zero else x
    if node.window is None:
        return _product(x, node.weights) + node.bias
    taps = patches(x, node.window, 0, node.name)
    rows, columns, inputs, outputs = node.weights.shape
    if inputs == 1 and node.group > 1 and outputs == node.group:
        # Depthwise: every channel has a window of its own.
        return np.einsum("nyxrsc,rsc->nyxc", taps, node.weights[:, :, 0]) + node.bias
    each = outputs // node.group
    parts = []
    for group in range(node.group):
        chosen = taps[..., group * inputs : (group + 1) * inputs]
        matrix = node.weights[..., group * each : (group + 1) * each].reshape(-1, each)
        parts.append(_product(chosen.reshape(*taps.shape[:3], -1), matrix))
    return np.concatenate(parts, axis=-1) + node.bias


def _pool(node: Pool, x: np.ndarray) -> np.ndarray:
    if node.how == "sum":
        return patches(x, node.window, 0, node.name).sum(axis=(3, 4))
    return patches(x, node.window, least_integer, node.name).max(axis=(3, 4))


def _move(node: Move, operands: list[np.ndarray]) -> np.ndarray:
    x, numbers = operands[0], node.numbers
    match node.how:
        case "transpose":
            return x.transpose(0, *(a + 1 for a in numbers))
        case "reshape":
            return x.reshape(len(x), *numbers)
        case "select":
            return x[:, np.array(numbers, np.int64)]
        case "concat":
            return np.concatenate(operands, axis=numbers[0] + 1)
        case _:
            pairs = [(numbers[2 * i], numbers[2 * i + 1]) for i in range(x.ndim - 1)]
            return np.pad(x, [(0, 0), *pairs], constant_values=numbers[-1])


def _result(node: Node, operands: list[np.ndarray]) -> np.ndarray:
    match node:
        case Linear():
            return _linear(node, operands[0])
        case Adders():
            return adder_sums(node, operands[0])
        case Add():
            return sum(
                (x * factor for x, factor in zip(operands, node.factors, strict=True)),
                start=np.zeros((), np.int64),
            )
        case Pool():
            return _pool(node, operands[0])
        case Requantise():
            return (node.form or node.formula).apply(operands[0])
        case Move():
            return _move(node, operands)
        case Softmax():
            return softmax_codes(operands[0], node.mantissa, node.shift)


def _per_frame(node: Node, tensors: dict[str, Tensor]) -> int:
    """Elements that a frame needs at once."""
    count = int(np.prod(tensors[node.name].shape))
    if isinstance(node, Linear):
        return count // node.weights.shape[-1] * node.taps * node.group
    if isinstance(node, Adders):
        return count + len(node.adders)
    if isinstance(node, Pool):
        return count * node.window.kernel[0] * node.window.kernel[1]
    return count


def computed(
    nodes: tuple[Node, ...], tensors: dict[str, Tensor], values: dict[str, Any]
) -> dict[str, np.ndarray]:
    """All tensors of frames whose inputs are given, as int64."""
    for node in nodes:
        operands = [values[name] for name in node.inputs]
        frames = len(operands[0])
        most = max(1, _AT_ONCE // max(1, _per_frame(node, tensors)))
        parts = [
            _result(node, [x[at : at + most] for x in operands])
            for at in range(0, max(frames, 1), most)
        ]
        values[node.name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return values
