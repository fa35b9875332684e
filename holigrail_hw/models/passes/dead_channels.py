"""Channels that always have one value move into the biases behind them.

The weight of such a feature becomes zero, so that hardware has no product for it.
"""

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear

__all__ = ["without_dead_channels"]


def without_dead_channels(graph: IntegerGraph) -> IntegerGraph:
    """The graph with weights of zero for what is constant; it computes the same."""
    nodes = []
    for node in graph.nodes:
        if isinstance(node, Linear):
            node = _matrix(graph, node) if node.window is None else _window(graph, node)
        nodes.append(node)
    return graph.changed(nodes=tuple(nodes))


def _matrix(graph: IntegerGraph, node: Linear) -> Linear:
    tensor = graph.tensors[node.inputs[0]]
    low, high = (np.broadcast_to(a, tensor.shape) for a in (tensor.low, tensor.high))
    dead = (low == high) & (node.weights != 0).any(axis=1)
    if not dead.any():
        return node
    constant = np.where(dead, low - node.zero, 0)
    weights = np.where(dead[:, None], 0, node.weights)
    return node.changed(weights=weights, bias=node.bias + constant @ node.weights)


def _window(graph: IntegerGraph, node: Linear) -> Linear:
    """Only where no pixel lies outside, unless the constant is the zero of the operand."""
    assert node.window is not None
    tensor = graph.tensors[node.inputs[0]]
    low = np.broadcast_to(tensor.low, tensor.shape).min(axis=(0, 1))
    high = np.broadcast_to(tensor.high, tensor.shape).max(axis=(0, 1))
    dead = low == high
    if any(node.window.pads):
        dead &= low == node.zero
    if not dead.any() or node.group > 1:
        return node
    constant = np.where(dead, low - node.zero, 0)
    weights = np.where(dead[:, None], 0, node.weights)
    bias = node.bias + np.einsum("rsio,i->o", node.weights, constant)
    return node.changed(weights=weights, bias=bias)
