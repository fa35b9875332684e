"""Formulas that fall become formulas that grow: the weights before them change their signs.

Batch normalisation with a negative factor leads to such channels.
"""

from dataclasses import replace

import numpy as np

from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Meaning, Requantise

__all__ = ["growing_formulas"]


def growing_formulas(graph: IntegerGraph) -> IntegerGraph:
    """The graph with as few falling channels as sums can take over; it computes the same."""
    users = graph.users()
    outputs = {port.tensor for port in graph.outputs}
    changes = {}
    for node in graph.nodes:
        readers = users.get(node.name, [])
        if not isinstance(node, Linear) or node.name in outputs or len(readers) != 1:
            continue
        reader = readers[0]
        if not isinstance(reader, Requantise) or not isinstance(reader.formula, Affine):
            continue
        count = node.weights.shape[-1]
        factor = reader.formula.factor
        last = factor.shape[-1] if factor.size > 1 else 1
        if factor.size not in (1, count) or last != factor.size:
            continue
        negative = np.broadcast_to((factor < 0).astype(bool).reshape(-1), (count,))
        if not negative.any():
            continue
        signs = np.where(negative, -1, 1)
        spread = signs.reshape([1] * (factor.ndim - 1) + [count]).astype(object)
        meaning = node.meaning
        if meaning is not None:
            meaning = Meaning(meaning.factor * spread, meaning.offset)
        changes[node.name] = node.changed(
            weights=node.weights * signs, bias=node.bias * signs, meaning=meaning
        )
        formula = replace(reader.formula, factor=np.asarray(factor * spread, object))
        changes[reader.name] = reader.changed(formula=formula)
    return graph.changed(nodes=tuple(changes.get(node.name, node) for node in graph.nodes))
