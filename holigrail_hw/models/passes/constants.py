"""What depends on constants only is computed once, chains of shapes included.

Quantisers of constants stay: their integers are wanted, not their real numbers.
"""

import numpy as np

from holigrail_hw.models.source.evaluate import evaluate_node
from holigrail_hw.models.source.graph import FloatGraph

__all__ = ["folded_constants"]

_KEPT = {"Quant", "BipolarQuant", "DequantizeLinear", "FloatQuant"}


def folded_constants(graph: FloatGraph) -> FloatGraph:
    """The graph without nodes whose results are constants.

    Raises
    ------
    ModelError
        If such a node cannot be computed.
    """
    constants = dict(graph.constants)
    shapes = {port.name: port.shape for port in graph.inputs}
    nodes = []
    for node in graph.nodes:
        names = [name for name in node.inputs if name]
        known = all(name in constants for name in names) and node.operator not in _KEPT
        if node.operator == "Shape" and names[0] in shapes:
            constants[node.outputs[0]] = np.array(shapes[names[0]], np.int64)
        elif known and names:
            arrays = []
            for name in node.inputs:
                value = constants.get(name)
                if value is not None and value.dtype.kind == "f":
                    value = value.astype(np.float64)
                arrays.append(None if value is None else value[None])
            results = evaluate_node(node, arrays, graph.name)
            for name, result in zip(node.outputs, results, strict=False):
                constants[name] = result[0]
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.inputs}
    kept = {name: value for name, value in constants.items() if name in used}
    outputs = {*graph.outputs}
    kept |= {name: value for name, value in constants.items() if name in outputs}
    return graph.changed(nodes=tuple(nodes), constants=kept)
