"""Cross-layer equalisation: channels between two layers share their ranges fairly.

s = sqrt(r1 r2) / r2, where r1 and r2 are the greatest weights that make and that read a channel;
what makes it is divided by s, what reads it multiplied (Nagel et al., Data-free quantization
through weight equalization and bias correction, 2019). ReLU and pools may lie between.
"""

import numpy as np

from holigrail_hw.models.source.graph import FloatGraph
from holigrail_hw.models.source.nodes import SourceNode

__all__ = ["equalised"]

_THROUGH = {"Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "Identity", "Dropout"}


def equalised(graph: FloatGraph) -> FloatGraph:
    """The graph with other weights; it computes the same."""
    constants = {name: value.astype(np.float64) for name, value in graph.constants.items()}
    users = graph.users()
    for first in graph.nodes:
        if first.operator not in ("Conv", "Gemm") or first.attributes.get("group", 1) != 1:
            continue
        second = _next(first, users, graph.outputs)
        if second is None or second.operator != first.operator:
            continue
        if second.attributes.get("group", 1) != 1 or not _owned(graph, first, second):
            continue
        one, two = constants[first.inputs[1]], constants[second.inputs[1]]
        out = 0 if first.operator == "Conv" or first.attributes.get("transB") else 1
        into = 1 if second.operator == "Conv" or second.attributes.get("transB") else 0
        made = np.abs(np.moveaxis(one, out, 0)).reshape(one.shape[out], -1).max(axis=1)
        read = np.abs(np.moveaxis(two, into, 0)).reshape(two.shape[into], -1).max(axis=1)
        if made.shape != read.shape:
            continue
        good = (made > 0) & (read > 0)
        factor = np.sqrt(np.where(good, made, 1) / np.where(good, read, 1))
        constants[first.inputs[1]] = one / _along(factor, out, one.ndim)
        if len(first.inputs) > 2:
            constants[first.inputs[2]] = constants[first.inputs[2]] / factor
        constants[second.inputs[1]] = two * _along(factor, into, two.ndim)
    return graph.changed(constants=constants)


def _along(values: np.ndarray, axis: int, rank: int) -> np.ndarray:
    return values.reshape([-1 if a == axis else 1 for a in range(rank)])


def _next(
    node: SourceNode, users: dict[str, list[SourceNode]], outputs: tuple[str, ...]
) -> SourceNode | None:
    """The only layer that reads a result, behind operators that let factors through."""
    while True:
        name = node.outputs[0]
        readers = users.get(name, [])
        if len(readers) != 1 or name in outputs or readers[0].inputs[0] != name:
            return None
        node = readers[0]
        if node.operator not in _THROUGH:
            return node


def _owned(graph: FloatGraph, *layers: SourceNode) -> bool:
    """Whether all weights and biases are constants that nothing else reads."""
    names = [name for node in layers for name in node.inputs[1:] if name]
    readers = [name for node in graph.nodes for name in node.inputs]
    return all(name in graph.constants and readers.count(name) == 1 for name in names)
