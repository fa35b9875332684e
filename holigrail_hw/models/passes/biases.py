"""Offsets that are whole multiples of a sum's unit move into its bias.

So the integers of an output can be compared with each other: the class is the greatest of them.
"""

import numpy as np

from holigrail_hw.models.formulas.arrays import whole
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Meaning

__all__ = ["folded_biases"]


def folded_biases(graph: IntegerGraph) -> IntegerGraph:
    """The graph with biases in the sums of its outputs; the numbers of the outputs stay."""
    users = graph.users()
    nodes = {node.name: node for node in graph.nodes}
    ports = []
    for port in graph.outputs:
        node = nodes.get(port.tensor)
        shared = port.tensor in users or sum(p.tensor == port.tensor for p in graph.outputs) > 1
        if isinstance(node, Linear) and port.meaning is not None and not shared:
            units = whole(np.asarray(port.meaning.offset / port.meaning.factor, object))
            count = node.weights.shape[-1]
            if units is not None and units.size in (1, count):
                if units.size == 1 or units.shape[-1] == count:
                    bias = node.bias + np.broadcast_to(units.reshape(-1), (count,)).astype(np.int64)
                    nodes[node.name] = node.changed(bias=bias)
                    factor = port.meaning.factor
                    port = port.changed(meaning=Meaning(factor, np.asarray(factor * 0, object)))
        ports.append(port)
    kept = tuple(nodes[node.name] for node in graph.nodes)
    return graph.changed(nodes=kept, outputs=tuple(ports))
