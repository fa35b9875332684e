"""Channels that cannot change, and channels that nobody reads, leave the graph.

Intervals of the exact integers prove a channel constant: requantisation only grows, so equal codes
at both ends of an interval mean one code for every input. Its value stands in the biases behind it
already (:mod:`holigrail_hw.models.passes.dead_channels`); here rows and columns of weights go.
Where a window reaches outside the image, a constant that is not the zero of its operand stays.
"""

from typing import Any

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Node, Pool, Requantise
from holigrail_hw.models.passes.dead_channels import without_dead_channels

__all__ = ["pruned"]


def pruned(graph: IntegerGraph) -> IntegerGraph:
    """The graph without constant and unread channels; its outputs are the same for every input."""
    while True:
        graph = without_dead_channels(graph)
        kept = _kept(graph)
        if all(mask.all() for mask in kept.values()):
            return graph
        graph = graph.changed(nodes=tuple(_without(graph, node, kept) for node in graph.nodes))


def _channels(graph: IntegerGraph, name: str) -> int:
    return graph.tensors[name].shape[-1]


def _is_depthwise(node: Linear) -> bool:
    return node.window is not None and node.group == node.weights.shape[3] > 1


def _is_dense(node: Node) -> bool:
    """Whether every channel of the operand has weights for every one of the result."""
    return isinstance(node, Linear) and node.group == 1


def _is_flattening(graph: IntegerGraph, node: Node) -> bool:
    """Whether a node makes one axis of an image."""
    if not isinstance(node, Move) or node.how != "reshape" or len(node.numbers) != 1:
        return False
    return len(graph.tensors[node.inputs[0]].shape) > 1


def _follows(graph: IntegerGraph, node: Node) -> bool:
    """Whether channel c of the result depends on channel c of the operands only."""
    if isinstance(node, Linear):
        return _is_depthwise(node)
    return isinstance(node, Add | Pool | Requantise)


def _kept(graph: IntegerGraph) -> dict[str, np.ndarray]:
    """For every tensor, which channels stay."""
    # Here: `holigrail list` imports this file, and would take a third of its time for networkx.
    import networkx

    classes = networkx.utils.UnionFind([*graph.tensors])
    for node in graph.nodes:
        if _follows(graph, node):
            classes.union(node.name, *node.inputs)
    read = {name: np.zeros(_channels(graph, name), bool) for name in graph.tensors}
    for port in (*graph.inputs, *graph.outputs):
        read[classes[port.tensor]][:] = True
    for node in graph.nodes:
        if not (_follows(graph, node) or _is_flattening(graph, node) or _is_dense(node)):
            # Moves of channels, softmax, and groups of several channels give all that they have.
            read[classes[node.name]][:] = True
    # A flat tensor is judged before the image that it is made of.
    for node in reversed(graph.nodes):
        for name in node.inputs:
            mask = read[classes[name]]
            if isinstance(node, Linear) and _is_dense(node):
                axes = tuple({*range(node.weights.ndim)} - {node.weights.ndim - 2})
                mask |= (node.weights != 0).any(axis=axes)
            elif _is_flattening(graph, node):
                mask |= read[classes[node.name]].reshape(-1, len(mask)).any(axis=0)
            elif not _follows(graph, node):
                mask[:] = True
    for mask in read.values():
        # A tensor without channels would be no tensor.
        mask[0] |= not mask.any()
    found = {name: read[classes[name]] for name in graph.tensors}
    for node in graph.nodes:
        if _is_flattening(graph, node):
            mask = found[node.inputs[0]]
            found[node.name] = np.tile(mask, len(found[node.name]) // len(mask))
    return found


def _without(graph: IntegerGraph, node: Node, kept: dict[str, np.ndarray]) -> Node:
    """A node for the channels that stay."""
    outputs, inputs = kept[node.name], kept[node.inputs[0]]

    def cut(values: Any) -> Any:
        """Numbers of the channels that stay; a single number is that of all of them."""
        return values[..., outputs] if values.shape[-1] == len(outputs) else values

    changes: dict[str, Any] = {}
    if node.meaning is not None:
        factor, offset = (cut(np.asarray(v)) for v in (node.meaning.factor, node.meaning.offset))
        changes["meaning"] = type(node.meaning)(factor, offset)
    match node:
        case Linear():
            depthwise = _is_depthwise(node)
            weights = node.weights[..., outputs]
            if not depthwise and node.group == 1:
                weights = weights[..., inputs, :]
            changes |= {"weights": weights, "bias": node.bias[outputs]}
            if depthwise:
                changes["group"] = int(outputs.sum())
        case Requantise():
            changes["formula"] = node.formula.mapped(cut)
            if node.form is not None:
                changes["form"] = node.form.mapped(cut)
        case Move() if _is_flattening(graph, node):
            changes["numbers"] = (int(outputs.sum()),)
        case _:
            pass
    return node.changed(**changes) if changes else node
