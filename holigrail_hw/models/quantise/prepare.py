"""A graph of real numbers in a plain form: layers with their biases, batch normalisation inside."""

from dataclasses import replace

import numpy as np

from holigrail_hw.models.passes.batch_norm import folded_batch_norms
from holigrail_hw.models.passes.constants import folded_constants
from holigrail_hw.models.source.graph import FloatGraph
from holigrail_hw.models.source.nodes import SourceNode

__all__ = ["prepared"]

_LAYERS = ("Conv", "Gemm")


def prepared(graph: FloatGraph) -> FloatGraph:
    """Products and sums with constants moved into the layer before them; MatMul as Gemm."""
    graph = folded_batch_norms(folded_constants(graph))
    graph = _without_dynamic(graph)
    graph = _gemms(graph)
    while True:
        changed = _merged(graph)
        if changed is None:
            return graph
        graph = changed


def _without_dynamic(graph: FloatGraph) -> FloatGraph:
    """Rounding at run time gives way to a fixed one."""
    nodes = [
        replace(node, operator="Identity") if node.operator == "DynamicRange" else node
        for node in graph.nodes
    ]
    return graph.changed(nodes=tuple(nodes))


def _gemms(graph: FloatGraph) -> FloatGraph:
    arrays = [np.zeros((1, *port.shape)) for port in graph.inputs]
    shapes = {name: v.shape[1:] for name, v in graph.evaluate(*arrays, every=True).items()}
    nodes = []
    for node in graph.nodes:
        if node.operator == "MatMul" and node.inputs[1] in graph.constants:
            weights = graph.constants[node.inputs[1]]
            if weights.ndim == 2 and len(shapes[node.inputs[0]]) == 2:
                node = replace(node, operator="Gemm", attributes={})
        nodes.append(node)
    return graph.changed(nodes=tuple(nodes))


def _merged(graph: FloatGraph) -> FloatGraph | None:
    """One product or sum less, or None."""
    makers = {name: node for node in graph.nodes for name in node.outputs}
    users = graph.users()
    for node in graph.nodes:
        if node.operator not in ("Add", "Sub", "Mul", "Div"):
            continue
        names = [name for name in node.inputs if name not in graph.constants]
        constants = [name for name in node.inputs if name in graph.constants]
        if len(names) != 1 or len(constants) != 1:
            continue
        if node.operator in ("Sub", "Div") and node.inputs[0] != names[0]:
            continue
        layer = makers.get(names[0])
        if layer is None or layer.operator not in _LAYERS or len(users[names[0]]) != 1:
            continue
        changed = _into(graph, layer, node, graph.constants[constants[0]])
        if changed is not None:
            return changed
    return None


def _into(
    graph: FloatGraph, layer: SourceNode, node: SourceNode, constant: np.ndarray
) -> FloatGraph | None:
    operand = layer.inputs[0]
    convolution = layer.operator == "Conv"
    transposed = convolution or bool(layer.attributes.get("transB"))
    weights = graph.constants[layer.inputs[1]].astype(np.float64)
    if not convolution:
        weights = weights * layer.attributes.get("alpha", 1.0)
    axis = 0 if transposed else 1
    count = weights.shape[axis]
    bias = np.zeros(count)
    if len(layer.inputs) > 2 and layer.inputs[2]:
        bias = graph.constants[layer.inputs[2]].astype(np.float64).reshape(-1)
        bias = bias * (1.0 if convolution else layer.attributes.get("beta", 1.0))
    values = constant.astype(np.float64)
    channels: list[int] = [-1, *[1] * (weights.ndim - 2)] if convolution else [-1]
    if values.size not in (1, count):
        return None
    if values.size > 1 and values.reshape(-1).shape != values.squeeze().shape:
        return None
    if values.size > 1 and values.shape[-len(channels) :] != (count, *channels[1:]):
        return None
    values = np.broadcast_to(values.reshape(-1), (count,))
    if node.operator in ("Mul", "Div"):
        factor = values if node.operator == "Mul" else 1 / values
        shape = [-1 if a == axis else 1 for a in range(weights.ndim)]
        weights, bias = weights * factor.reshape(shape), bias * factor
    else:
        bias = bias + (values if node.operator == "Add" else -values)
    names = [f"{node.outputs[0]}_{part}" for part in ("weights", "bias")]
    kept = {**graph.constants, names[0]: weights, names[1]: np.broadcast_to(bias, (count,)).copy()}
    attributes = {k: v for k, v in layer.attributes.items() if k not in ("alpha", "beta")}
    new = replace(
        layer,
        inputs=(operand, *names),
        outputs=node.outputs[:1],
        attributes=attributes,
    )
    nodes = [new if other is layer else other for other in graph.nodes if other is not node]
    used = {name for other in nodes for name in other.inputs}
    kept = {name: value for name, value in kept.items() if name in used}
    return graph.changed(nodes=tuple(nodes), constants=kept)
