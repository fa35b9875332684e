"""Layers of a plan as items of the engine's streams, and their results as integers again."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from holigrail_hw.arrays.gemm.commands import command_items, result_codes, window_items
from holigrail_hw.core.streams import Items
from holigrail_hw.core.values import integers_of

from .layers import Layer, vectors_of
from .plan import Plan
from .products import Product

__all__ = ["finished", "frame_items", "layer_items", "layer_sums", "result_count"]


def layer_items(plan: Plan, layer: Layer, operand: np.ndarray) -> Iterator[Items]:
    """The commands of a layer, one after the other, for frames of its operand."""
    spec = plan.spec
    vectors: np.ndarray | None = None
    for job in plan.jobs(layer, len(operand)):
        product = job.product
        hold: dict[str, Any] = {"resume": job.command.resume, "keep": job.command.keep}
        wide = -len(product.channels) % spec.columns
        parameters = {
            name: _codes(np.pad(numbers, (0, wide)), spec.streams()["parameter"].fields[name])
            for name, numbers in _parameters(plan, layer, product).items()
        }
        weights = np.pad(layer.weights(product)[job.taps], (*[(0, 0)] * job.taps.ndim, (0, wide)))
        weights = _codes(_deep(weights, -2, spec.rows), spec.weight).reshape(-1, weights.shape[-1])
        if job.window is None:
            if vectors is None:
                vectors = vectors_of(layer.node, operand)
            part = _deep(vectors[job.vectors][:, product.taps[job.taps]], -1, spec.rows)
            block = _codes(part, spec.activation)
            yield command_items(spec, block, weights, parameters, **hold)
        else:
            assert job.image is not None
            frame, rows = job.image
            image = _deep(operand[frame, rows][..., product.taps[job.taps[0]]], -1, spec.rows)
            block = _codes(image, spec.activation).reshape(-1, spec.rows)
            count = job.command.vectors
            yield window_items(spec, job.window, count, block, weights, parameters, **hold)


def _deep(numbers: np.ndarray, axis: int, rows: int) -> np.ndarray:
    """Filled up with zeros to whole tiles along an axis."""
    edges = [(0, 0)] * numbers.ndim
    edges[axis] = (0, -numbers.shape[axis] % rows)
    return np.pad(numbers, edges)


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
    return sum(
        command.vectors * command.n_tiles
        for command in plan.commands(layer, frames)
        if not command.keep
    )


def layer_sums(plan: Plan, layer: Layer, items: Mapping[str, Any], frames: int) -> np.ndarray:
    """What came back for a layer, (frames, *shape of its result): codes or sums."""
    spec, at = plan.spec, 0
    channels = layer.node.weights.shape[-1]
    found = np.zeros((frames * layer.positions, channels), np.int64)
    for job in plan.jobs(layer, frames):
        command, product = job.command, job.product
        if command.keep:
            continue
        count = command.vectors * command.n_tiles
        part = {name: np.asarray(codes)[at : at + count] for name, codes in items.items()}
        codes = result_codes(spec, part, command.vectors)[:, : len(product.channels)]
        found[job.vectors, product.channels] += integers_of(codes, spec.final)
        at += count
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
