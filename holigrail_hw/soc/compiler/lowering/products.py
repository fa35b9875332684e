"""Sums of products and means, with the requantisation behind them."""

import numpy as np

from holigrail_hw.models.formulas.twice_rounded import TwiceRounded
from holigrail_hw.models.graph.nodes import Linear, Move, Node, Pool, Requantise
from holigrail_hw.models.graph.ranges import Tensor
from holigrail_hw.models.source.windows import Window
from holigrail_hw.soc.compiler.layers import Product
from holigrail_hw.soc.compiler.requantisers import Rescaling

from .context import CODES, WIDEST_SUM, Context, Refused, image_of

__all__ = ["mean", "product"]

# Weights of a mean: with 1 some windows would round in another way.
_POOL_WEIGHTS = (2, 4, 8, 16, 32, 64, 1)


def product(context: Context, node: Linear) -> None:
    """Sums over features or windows, with the zero point of the operand in their biases."""
    code = context.code(node)
    weights, window = node.weights, node.window
    if window is None:
        rows, columns, channels = context.images[context.name(node.inputs[0])]
        window = Window((rows, columns))
        weights = weights.reshape(rows, columns, channels, -1)
    depthwise = node.group > 1 and node.group == weights.shape[3] and weights.shape[2] == 1
    if depthwise:
        weights = weights[:, :, 0]
    elif node.group > 1:
        weights = _ungrouped(weights, node.group)
    if not CODES[0] <= weights.min(initial=0) <= weights.max(initial=0) <= CODES[1]:
        raise Refused(f"weights must be int8, not {weights.min()} to {weights.max()}")
    rescaling = context.rescaling(code, context.graph.tensors[node.name])
    axes = (0, 1) if depthwise else (0, 1, 2)
    bias = node.bias + rescaling.offset - node.zero * weights.sum(axis=axes)
    most = int((128 * np.abs(weights).sum(axis=axes) + np.abs(bias)).max())
    if most > WIDEST_SUM:
        raise Refused(f"sums must fit into 32 bits, not reach {most}")
    bias, weights, rescaling = _settled(context, code, bias, weights, rescaling)
    layer = Product(
        operands=(context.name(node.inputs[0]),),
        result=code.name,
        source=node.source,
        weights=weights,
        bias=bias,
        window=window,
        border=node.zero,
        rescaling=rescaling,
    )
    context.add(layer, node, code)


def _settled(
    context: Context, code: Requantise, bias: np.ndarray, weights: np.ndarray, rescaling: Rescaling
) -> tuple[np.ndarray, np.ndarray, Rescaling]:
    """Channels with one code get a small bias and no weights."""
    tensor = context.graph.tensors[code.name]
    low, high = (np.broadcast_to(a, tensor.shape) for a in (tensor.low, tensor.high))
    axes = tuple(range(low.ndim - 1))
    low, high = low.min(axis=axes), high.max(axis=axes)
    constant = low == high
    if not constant.any():
        return bias, weights, rescaling
    made = Rescaling(
        np.where(constant, 1 << 30, rescaling.multiplier),
        np.where(constant, 0, rescaling.shift),
        rescaling.once,
        rescaling.zero_point,
        rescaling.low,
        rescaling.high,
    )
    # Half of an even sum is exact, however often it is rounded.
    bias = np.where(constant, 2 * (low - rescaling.zero_point), bias)
    return bias, np.where(constant, 0, weights), made


def mean(context: Context, node: Pool) -> None:
    """A mean is a product of every channel with one weight."""
    behind = context.only_user(node)
    nodes: list[Node] = [node]
    if isinstance(behind, Move) and behind.how == "reshape":
        if image_of(context.graph.tensors[behind.name].shape)[2] != context.channels(node.name):
            raise Refused("sums of windows must keep their channels")
        nodes.append(behind)
    code = context.code(nodes[-1])
    source = context.name(node.inputs[0])
    sums, zero = context.graph.tensors[node.name], 0
    if any(node.window.pads):
        raise Refused("windows of a mean must not reach outside the image")
    if isinstance(code.formula, TwiceRounded):
        factor, rescaling = 1, context.rescaling(code, sums)
    else:
        factor, rescaling = _weighted(context, code, sums)
    channels = context.channels(source)
    layer = Product(
        operands=(source,),
        result=code.name,
        source=node.source,
        weights=np.full((*node.window.kernel, channels), factor, np.int64),
        bias=np.full(channels, rescaling.offset, np.int64),
        window=node.window,
        border=zero,
        rescaling=rescaling,
    )
    context.add(layer, *nodes, code)


def _weighted(context: Context, code: Requantise, sums: Tensor) -> tuple[int, Rescaling]:
    """A weight with which the lane gives every code of a mean."""
    reason: Refused | None = None
    for weight in _POOL_WEIGHTS:
        try:
            return weight, context.rescaling(code, sums, weight)
        except Refused as refused:
            reason = refused
    assert reason is not None
    raise reason


def _ungrouped(weights: np.ndarray, group: int) -> np.ndarray:
    """Weights of groups of channels as those of all channels, with zeros."""
    rows, columns, inputs, outputs = weights.shape
    each = outputs // group
    whole = np.zeros((rows, columns, inputs * group, outputs), weights.dtype)
    for at in range(group):
        results = slice(at * each, (at + 1) * each)
        whole[:, :, at * inputs : (at + 1) * inputs, results] = weights[..., results]
    return whole
