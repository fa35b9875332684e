"""Operators that only move elements. Views move their scales with them, constants their codes."""

from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.graph.nodes import Move
from holigrail_hw.models.source.moves import MOVES, pads_of
from holigrail_hw.models.source.nodes import SourceNode

from .builder import Builder
from .views import Coded, Tail, View, inner, uniform

__all__ = ["MOVE_RULES"]


def _moved_array(array: np.ndarray | None, shape: tuple[int, ...], move: Any) -> Any:
    """An array that broadcasts against the frames of ``shape``, moved; None stays."""
    if array is None:
        return None
    array = uniform(array)
    if array.size == 1:
        return array.reshape(-1)
    return move(np.broadcast_to(array, inner(shape)))


def _with_arrays(view: View, shape: tuple[int, ...], move: Any, **fields: Any) -> View:
    arrays = {}
    for name in ("factor", "offset", "low", "high"):
        array = _moved_array(getattr(view, name), view.shape, move)
        if array is not None and array.size == 1:
            array = array.reshape([1] * len(inner(shape)))
        arrays[name] = array
    return view.changed(shape=shape, **arrays, **fields)


def _constant(node: SourceNode, operands: list[Any], label: str) -> Coded:
    """A constant in integers: codes, factors and offsets moved alike."""
    coded = operands[0]
    rest = [None if x is None else np.asarray(x)[None] for x in operands[1:]]
    move = MOVES[node.operator]

    def moved(array: np.ndarray) -> np.ndarray:
        if array.size == 1:
            return array.reshape(())
        whole = np.broadcast_to(array, coded.codes.shape)
        return move(node.attributes, [whole[None], *rest], label)[0]

    codes = move(node.attributes, [coded.codes[None], *rest], label)[0]
    return Coded(codes, moved(coded.factor), moved(coded.offset))


def _reshape(builder: Builder, node: SourceNode, operands: list[Any]) -> Any:
    label = node.label(builder.who)
    value = operands[0]
    if isinstance(value, Coded):
        return _constant(node, operands, label)
    if isinstance(value, Tail):
        raise ModelError(f"{label}: softmax must be the last operator")
    # The operator itself says which shape follows; nothing of that size is made for it.
    empty = np.broadcast_to(np.int8(0), (1, *value.shape))
    rest = [None if x is None else np.asarray(x)[None] for x in operands[1:]]
    shape = MOVES[node.operator](node.attributes, [empty, *rest], label).shape[1:]
    if len(shape) > 1 and shape[0] != 1:
        raise ModelError(f"{label}: the batch must stay first, not become {[*shape]}")

    def move(array: np.ndarray) -> np.ndarray:
        return array.reshape(inner(shape))

    if value.tensor is None:
        if value.order and inner(shape) != inner(value.shape):
            value = builder.entered(value)
        else:
            return _with_arrays(value, shape, move)
    name = builder.move(node, builder.tensor(value), "reshape", *inner(shape))
    return _with_arrays(value, shape, move, tensor=name)


def _transpose(builder: Builder, node: SourceNode, operands: list[Any]) -> Any:
    label = node.label(builder.who)
    value = operands[0]
    if isinstance(value, Coded):
        return _constant(node, operands, label)
    rank = len(value.shape)
    order = [int(a) for a in node.attributes.get("perm") or range(rank)[::-1]]
    if rank < 2 or order[0] != 0:
        raise ModelError(f"{label}: the batch must stay first, not become axis {order.index(0)}")
    shape = tuple(value.shape[a] for a in order)
    inside = tuple(a - 1 for a in order[1:])

    def move(array: np.ndarray) -> np.ndarray:
        return array.transpose(inside)

    if value.tensor is None:
        direct = inner(builder.file_shapes[value.source]) == inner(value.shape) and not value.order
        if direct:
            return _with_arrays(value, shape, move, order=inside)
        value = builder.entered(value)
    name = builder.move(node, builder.tensor(value), "transpose", *inside)
    return _with_arrays(value, shape, move, tensor=name)


def _chosen(builder: Builder, node: SourceNode, operands: list[Any]) -> Any:
    """Slice and Gather: every element of the result names its place in the operand."""
    label = node.label(builder.who)
    value = operands[0]
    if isinstance(value, Coded):
        return _constant(node, operands, label)
    view = builder.entered(value) if value.tensor is None else value
    size = int(np.prod(view.shape))
    places = np.arange(size).reshape(1, *view.shape)
    rest = [None if x is None else np.asarray(x)[None] for x in operands[1:]]
    index = MOVES[node.operator](node.attributes, [places, *rest], label)[0]
    if len(index.shape) > 1 and index.shape[0] != 1:
        raise ModelError(f"{label}: the batch must stay first, not become {[*index.shape]}")
    flat = builder.move(node, builder.tensor(view), "reshape", size)
    name = builder.move(node, flat, "select", *(int(v) for v in index.reshape(-1)))
    name = builder.move(node, name, "reshape", *inner(index.shape))

    def move(array: np.ndarray) -> np.ndarray:
        return array.reshape(-1)[index.reshape(-1)].reshape(inner(index.shape))

    return _with_arrays(view, index.shape, move, tensor=name)


def _concat(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    label = node.label(builder.who)
    if not all(isinstance(x, View) for x in operands):
        raise ModelError(f"{label}: all operands must be tensors, not constants")
    views = [builder.bare(node, view) for view in operands]
    rank = len(views[0].shape)
    axis = node.attributes["axis"] % rank
    if axis == 0 and rank > 1:
        raise ModelError(f"{label}: tensors must not be joined along the batch")
    inside = axis - (rank > 1)
    tensors = tuple(builder.tensor(view) for view in views)
    name = builder.add(Move, node, tensors, how="concat", numbers=(inside,))
    arrays = [
        np.concatenate([np.broadcast_to(getattr(v, f), inner(v.shape)) for v in views], inside)
        for f in ("factor", "offset")
    ]
    frame = builder.tensors[name].shape
    shape = (1, *frame) if rank > 1 else frame
    return View(name, shape, uniform(arrays[0]), uniform(arrays[1]))


def _pad(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    label = node.label(builder.who)
    view = builder.bare(node, operands[0])
    rank = len(view.shape)
    pairs, fill = pads_of(node.attributes, operands[1:], rank, label)
    if view.factor.size > 1 or view.offset.size > 1:
        raise ModelError(f"{label}: the tensor must have one scale for all channels")
    code = ((fractions(fill) - view.offset) / view.factor).reshape(-1)[0]
    if code.denominator != 1:
        raise ModelError(f"{label}: the value {fill:g} must be one code, not lie between codes")
    if any(pairs[0]) and rank > 1:
        raise ModelError(f"{label}: the batch must not be padded")
    numbers = [n for pair in (pairs[1:] if rank > 1 else pairs) for n in pair]
    name = builder.add(
        Move, node, (builder.tensor(view),), how="pad", numbers=(*numbers, int(code))
    )
    frame = builder.tensors[name].shape
    return view.changed(tensor=name, shape=(1, *frame) if rank > 1 else frame)


MOVE_RULES: dict[str, Any] = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    "Transpose": _transpose,
    "Slice": _chosen,
    "Gather": _chosen,
    "Concat": _concat,
    "Pad": _pad,
    "Cast": lambda b, n, x: x[0],
}
