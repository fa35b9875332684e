"""Layers of a plan as items of the engine's streams, and their results as integers again."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from holigrail_hw.arrays.gemm.commands import command_items, result_codes
from holigrail_hw.arrays.gemm.facts import split
from holigrail_hw.core.streams import Items
from holigrail_hw.core.values import integers_of

from .layers import Layer, vectors_of
from .plan import Plan
from .products import Product

__all__ = ["finished", "frame_items", "layer_items", "layer_sums", "result_count"]


def layer_items(plan: Plan, layer: Layer, operand: np.ndarray) -> Iterator[Items]:
    """The commands of a layer, one after the other, for frames of its operand."""
    vectors = vectors_of(layer.node, operand)
    spec = plan.spec
    for product in layer.products:
        count, channels = len(product.taps), len(product.channels)
        deep, wide = -count % spec.rows, -channels % spec.columns
        left = np.pad(vectors[:, product.taps], ((0, 0), (0, deep)))
        right = np.pad(layer.weights(product), ((0, deep), (0, wide)))
        parameters = {
            name: _codes(np.pad(numbers, (0, wide)), spec.streams()["parameter"].fields[name])
            for name, numbers in _parameters(plan, layer, product).items()
        }
        weights, start = _codes(right, spec.weight), 0
        for command in split(spec, len(vectors), count, channels):
            block = _codes(left[start : start + command.vectors], spec.activation)
            start += command.vectors
            yield command_items(spec, block, weights, parameters)


def _parameters(plan: Plan, layer: Layer, product: Product) -> dict[str, np.ndarray]:
    if plan.lane is None:
        return {}
    fields = plan.lane.fields(layer.rescale, product.channels)
    if layer.code is None and not product.first:
        # The first part has added the offset.
        fields["bias"] = np.zeros_like(fields["bias"])
    return fields


def _codes(numbers: np.ndarray, format: Any) -> np.ndarray:
    """Bit patterns of integers that the format is known to hold."""
    mask = (1 << format.width) - 1
    return np.array(numbers & mask, np.uint64).reshape(numbers.shape)


def result_count(plan: Plan, layer: Layer, frames: int) -> int:
    """Items of the stream ``result`` for a layer."""
    return sum(command.vectors * command.n_tiles for command in plan.commands(layer, frames))


def layer_sums(plan: Plan, layer: Layer, items: Mapping[str, Any], frames: int) -> np.ndarray:
    """What came back for a layer, (frames, *shape of its result): codes or sums."""
    spec, at = plan.spec, 0
    channels = layer.node.weights.shape[-1]
    found = np.zeros((frames * layer.positions, channels), np.int64)
    for product in layer.products:
        start, used = 0, len(product.channels)
        for command in split(spec, len(found), len(product.taps), used):
            count = command.vectors * command.n_tiles
            part = {name: np.asarray(codes)[at : at + count] for name, codes in items.items()}
            codes = result_codes(spec, part, command.vectors)[:, :used]
            rows = slice(start, start + command.vectors)
            found[rows, product.channels] += integers_of(codes, spec.final)
            at, start = at + count, start + command.vectors
    return found.reshape(frames, *plan.graph.tensors[layer.result].shape)


def finished(layer: Layer, plan: Plan, sums: np.ndarray) -> np.ndarray:
    """The layer's tensor: codes within their limits, sums with what the engine did not add."""
    if layer.code is not None:
        return np.clip(sums, layer.rescale.low, layer.rescale.high)
    if plan.lane is None:
        return sums + np.array(layer.rescale.constant, np.int64)
    return sums


def frame_items(plan: Plan, tensors: Mapping[str, np.ndarray]) -> Iterator[Items]:
    """All commands of a network for frames all of whose tensors are known, in the order of steps.

    Frames go through every layer ``batch`` at a time.
    """
    frames = len(next(iter(tensors.values())))
    for start in range(0, frames, plan.batch):
        for layer in plan.layers:
            operand = tensors[layer.node.inputs[0]]
            yield from layer_items(plan, layer, operand[start : start + plan.batch])
