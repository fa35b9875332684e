"""What the hardware of an adder graph must know about each node: bounds, zeros, sign, readers.

The sign of a node is that of the input if it only adds nodes of that sign, since clearing low bits
never changes a sign, or if its error is too small to cross zero: without errors its value is 0 for
the input 0, and otherwise its magnitude is at least the fundamental.
"""

from ..graph.adder_graph import AdderGraph
from .node_signs import Node, Result, Sum
from ..graph.error_bounds import node_states

__all__ = ["nodes_of", "results_of", "sums_of"]


def nodes_of(graph: AdderGraph, input_width: int, signed: bool) -> tuple[Node, ...]:
    """The input and all adders, with bounds for an input of ``input_width`` bits."""
    least = -(1 << (input_width - 1)) if signed else 0
    most = (1 << (input_width - signed)) - 1
    masked = _masked(graph)
    found: list[Node] = []
    for index, (fundamental, (state, _)) in enumerate(
        zip(graph.fundamentals, node_states(graph, signed), strict=True)
    ):
        known = signed
        if signed and index:
            operands = graph.adders[index - 1].operands
            known = all(not o.negative and found[o.node].sign_known for o in operands) or (
                state.low <= fundamental and state.high < fundamental
            )
        low = fundamental * least - (state.low if state.signed else 0)
        found.append(Node(low, fundamental * most + state.high, state.zeros, known, masked[index]))
    return tuple(found)


def sums_of(graph: AdderGraph, signed: bool) -> tuple[Sum, ...]:
    """The adders."""
    states = [state for state, _ in node_states(graph, signed)]
    found = []
    for index, adder in enumerate(graph.adders, start=1):
        left, right = adder.operands
        parts = [states[node] for node in (left.node, right.node, index)]
        found.append(
            Sum(
                left.node,
                right.node,
                (left.negative, right.negative),
                (left.shift, right.shift),
                (
                    max(left.truncate, parts[0].zeros) + left.shift,
                    max(right.truncate, parts[1].zeros),
                ),
                adder.right_shift,
                not any((*(o.truncate for o in adder.operands), *(s.low or s.high for s in parts))),
            )
        )
    return tuple(found)


def results_of(graph: AdderGraph) -> tuple[Result, ...]:
    """The targets that are not zero, without their shifts."""
    return tuple(Result(t.node, t.negative) for t in graph.targets if t.node is not None)


def _masked(graph: AdderGraph) -> list[bool]:
    masked = [False] * len(graph.fundamentals)
    for adder in graph.adders:
        for operand in adder.operands:
            masked[operand.node] |= operand.truncate > 0
    return masked
