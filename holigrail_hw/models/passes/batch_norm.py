"""Batch normalisation as one product and one sum per channel.

gamma (x - mean) / sqrt(variance + epsilon) + beta = a x + b. The root and both constants are
rounded to float64, and count as exact from there on.
"""

from dataclasses import replace

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.graph import FloatGraph
from holigrail_hw.models.source.nodes import SourceNode

__all__ = ["folded_batch_norms"]


def folded_batch_norms(graph: FloatGraph) -> FloatGraph:
    """The graph with Mul and Add in place of every BatchNormalization.

    Raises
    ------
    ModelError
        If a parameter is no constant, or a factor is not finite.
    """
    constants = dict(graph.constants)
    ranks = _ranks(graph)
    nodes: list[SourceNode] = []
    for node in graph.nodes:
        if node.operator != "BatchNormalization":
            nodes.append(node)
            continue
        label = node.label(graph.name)
        if any(name not in constants for name in node.inputs[1:5]):
            raise ModelError(f"{label}: its parameters must be constants, not computed")
        gamma, beta, mean, variance = (
            constants[name].astype(np.float64).reshape(-1) for name in node.inputs[1:5]
        )
        with np.errstate(all="ignore"):
            factor = gamma / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
        offset = beta - factor * mean
        if not np.isfinite(factor).all() or not np.isfinite(offset).all():
            raise ModelError(f"{label}: its variance must not be negative or tiny")
        shape = (-1, *[1] * (ranks[node.inputs[0]] - 2))
        names = [f"{node.outputs[0]}_{part}" for part in ("factor", "product", "offset")]
        constants[names[0]], constants[names[2]] = factor.reshape(shape), offset.reshape(shape)
        product = (node.inputs[0], names[0])
        nodes.append(
            replace(node, operator="Mul", inputs=product, outputs=(names[1],), attributes={})
        )
        total = (names[1], names[2])
        nodes.append(
            replace(node, operator="Add", inputs=total, outputs=node.outputs[:1], attributes={})
        )
    return graph.changed(nodes=tuple(nodes), constants=constants)


def _ranks(graph: FloatGraph) -> dict[str, int]:
    """Axes of every tensor, by computing the graph once if it has a node that asks for them."""
    if "BatchNormalization" not in graph.operators():
        return {}
    arrays = [np.zeros((1, *port.shape)) for port in graph.inputs]
    return {name: value.ndim - 1 for name, value in graph.evaluate(*arrays, every=True).items()}
