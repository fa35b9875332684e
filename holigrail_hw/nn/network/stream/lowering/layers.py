"""An integer graph as layers: what one stretch of units computes, with its requantisation.

Frames travel as their elements in order, channels last, so a reshape changes nothing, and neither
does a transpose that only moves axes of length 1.
"""

from dataclasses import dataclass, field

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Adders, Move, Node, Requantise, Softmax

__all__ = ["LayerNodes", "layers_of", "refusals_of", "rules_of"]


@dataclass(frozen=True)
class LayerNodes:
    """Nodes that become one stretch of units.

    Parameters
    ----------
    node : Node
        A sum, a pool, a sum of tensors, or a requantisation that stands alone.
    codes : Requantise or None
        The requantisation behind it.
    operands : tuple of int
        The layers that it reads; -1 for the frames that come in.
    """

    node: Node
    codes: Requantise | None
    operands: tuple[int, ...]

    @property
    def name(self) -> str:
        """That of the node."""
        return self.node.name

    @property
    def result(self) -> str:
        """The tensor that leaves it."""
        return self.node.name if self.codes is None else self.codes.name


def layers_of(graph: IntegerGraph) -> tuple[LayerNodes, ...]:
    """The layers of a graph without refusals, each after those that it reads."""
    return _Layers(graph).run()


@dataclass
class _Layers:
    graph: IntegerGraph
    found: list[LayerNodes] = field(default_factory=list)
    # The layer that makes a tensor.
    makers: dict[str, int] = field(default_factory=dict)

    def run(self) -> tuple[LayerNodes, ...]:
        graph = self.graph
        self.makers = {port.tensor: -1 for port in graph.inputs}
        users, outputs = graph.users(), {port.tensor for port in graph.outputs}
        needed = set(outputs)
        for node in reversed(graph.nodes):
            needed |= {*node.inputs} if node.name in needed else set()
        merged: set[str] = set()
        for node in graph.nodes:
            if node.name in merged or node.name not in needed:
                continue
            if _is_same(graph, node):
                self.makers[node.name] = self.makers[node.inputs[0]]
                continue
            operands = tuple(self.makers[name] for name in node.inputs)
            codes = None
            after = [user for user in users.get(node.name, []) if user.name in needed]
            alone = len(after) == 1 and node.name not in outputs
            if alone and not isinstance(node, Requantise) and isinstance(after[0], Requantise):
                codes = after[0]
                merged.add(codes.name)
            layer = LayerNodes(node, codes, operands)
            self.makers[layer.result] = len(self.found)
            self.found.append(layer)
        return tuple(self.found)


def _is_same(graph: IntegerGraph, node: Node) -> bool:
    """Whether the elements of a frame stay in their order."""
    if not isinstance(node, Move):
        return False
    if node.how == "reshape":
        return True
    if node.how == "transpose":
        shape = graph.tensors[node.inputs[0]].shape
        kept = [axis for axis in node.numbers if shape[axis] > 1]
        return kept == sorted(kept)
    if node.how == "select":
        return node.numbers == tuple(range(graph.tensors[node.inputs[0]].shape[0]))
    return False


def _is_cut(node: Move) -> bool:
    """Whether some elements stay, in their order."""
    return node.how == "select" and all(np.diff(node.numbers) > 0)


def refusals_of(graph: IntegerGraph) -> list[str]:
    """One line for every node that has no unit."""
    found = []
    for node in graph.nodes:
        reason = _reason(graph, node)
        if reason:
            found.append(f"node {node.name}: {node.kind} {reason}")
    if not found and all(_is_same(graph, node) for node in graph.nodes):
        found.append("there must be a node that computes something")
    return found


def _reason(graph: IntegerGraph, node: Node) -> str:
    shape = graph.tensors[node.inputs[0]].shape
    match node:
        case Adders():
            return "must be left to style parallel, which builds them as they are"
        case Requantise() if node.form is None and graph.tensors[node.inputs[0]].width > 8:
            return "must have thresholds, or a factor and a shift, not a formula alone"
        case Move() if node.how == "concat":
            if node.numbers[0] != len(shape) - 1:
                return f"must join channels, not axis {node.numbers[0]}"
        case Move() if node.how == "pad":
            if len(shape) not in (1, 3):
                return f"of places (pad) must be of an image or a vector, not of {len(shape)} axes"
            if len(shape) == 3 and any(node.numbers[4:6]):
                return "of places (pad) must add rows and columns, not channels"
        case Move() if not (_is_same(graph, node) or _is_cut(node)):
            return f"of places ({node.how}) must keep the order of elements"
        case Softmax() if shape[-1] < 2:
            return "must have two classes, not one"
    return ""


def rules_of(node: Requantise) -> int:
    """How many rules a requantisation has: 1, one for every channel, or one for every element."""
    form = node.form
    if form is None:
        return 1
    arrays = (
        [form.base, form.sign, *form.values]
        if form.kind == "thresholds"
        else [form.factor, form.constant, form.shift]
    )
    shapes = [np.shape(array) for array in arrays]
    return int(np.prod(np.broadcast_shapes(*shapes))) if shapes else 1
