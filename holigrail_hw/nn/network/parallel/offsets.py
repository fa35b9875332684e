"""Sums as unsigned numbers with known offsets, and constants in the carry inputs of their adders.

A node holds u = sign * v + offset >= 0 (see :mod:`holigrail_hw.nn.dense_network.offset_sums`, whose
forms these are). Here an operand may come in with a sign and an offset already, and an adder has
two more choices that cost nothing: its carry input, which adds or spares one unit of its lowest
bit; and a constant in place of the zeros above its narrower operand.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from holigrail_hw.mcm.matrix.graph import MatrixGraph

__all__ = ["Node", "added_bits", "chain_bits", "free_from", "nodes_of", "value_ranges"]


@dataclass(frozen=True)
class Node:
    """u = sign * v + offset, from ``low`` to ``high``, both not negative.

    For an adder ``form`` is ``+``, ``-`` (the shifted operand is subtracted) or ``r`` (the other
    one is), ``carry`` is the bit that enters the chain, and ``fill`` the constant that stands above
    the narrower operand; for an operand of the graph ``form`` is empty.
    """

    sign: int
    offset: int
    low: int
    high: int
    form: str = ""
    left: int = 0
    shift: int = 0
    right: int = 0
    carry: int = 0
    fill: int = 0

    @property
    def width(self) -> int:
        """Bits of u."""
        return self.high.bit_length()


def value_ranges(graph: MatrixGraph, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The range of v of every node, for those of the inputs."""
    found = []
    for vector in graph.vectors:
        ends = [(c * low, c * high) for c, (low, high) in zip(vector, ranges, strict=True) if c]
        found.append((sum(map(min, ends)), sum(map(max, ends))))
    return found


def nodes_of(
    graph: MatrixGraph,
    operands: Sequence[Node],
    values: Sequence[tuple[int, int]],
    toggled: Collection[int] = (),
    filled: Mapping[int, int] | None = None,
    before: Sequence[Node] | None = None,
) -> list[Node] | None:
    """Every node of a graph.

    Parameters
    ----------
    operands : the inputs of the graph as nodes
    values : what :func:`value_ranges` finds
    toggled : adders whose carry input is the other one
    filled : what adders add by constants above their narrower operands
    before : nodes whose forms are kept; chosen anew if None

    Returns
    -------
    list of Node or None
        None if such a constant does not lie above the narrower operand.
    """
    fills = filled or {}
    nodes = list(operands)
    for index, adder in enumerate(graph.adders, start=graph.inputs):
        left, right = nodes[adder.left.node], nodes[adder.right.node]
        shift = adder.left.shift
        signs = [
            -node.sign if operand.negative else node.sign
            for node, operand in ((left, adder.left), (right, adder.right))
        ]
        if before is not None:
            form = before[index].form
        elif signs[0] == signs[1]:
            form = "+"
        else:
            # The narrower operand is inverted, unless low bits would have to be for it.
            form = "r" if not shift and right.width <= left.width else "-"
        sign = signs[0] if form == "r" else signs[1]
        overlap = right.width > shift
        carry = int((form != "+") != (index in toggled)) if overlap else 0
        free, extra = free_from(left, shift, right), fills.get(index, 0)
        if extra & ((1 << free) - 1):
            return None
        offset = _offset(form, left, shift, right, carry) + extra
        low, high = sorted(sign * end + offset for end in values[index])
        names = adder.left.node, shift, adder.right.node, carry, extra >> free
        nodes.append(Node(sign, offset, low, high, form, *names))
    return nodes


def _offset(form: str, left: Node, shift: int, right: Node, carry: int) -> int:
    """What u is more than its sign times v."""
    shifted = left.offset << shift
    if form == "+":
        return shifted + right.offset + (carry << shift)
    # The complement of a word is 2^width - 1 less the word.
    if form == "-":
        return right.offset - shifted + (((1 << left.width) - 1 + carry) << shift)
    return shifted - right.offset + (1 << right.width) - 1 + (carry << shift)


def free_from(left: Node, shift: int, right: Node) -> int:
    """The place from which one operand of an adder is zero."""
    return min(left.width + shift, right.width)


def added_bits(node: Node, nodes: Sequence[Node]) -> int:
    """Places where both operands of a node have bits."""
    if not node.form:
        return 0
    return max(0, free_from(nodes[node.left], node.shift, nodes[node.right]) - node.shift)


def chain_bits(node: Node, nodes: Sequence[Node]) -> int:
    """Bits of a node's carry chain; 0 if its operands lie side by side."""
    if not node.form or nodes[node.right].width <= node.shift:
        return 0
    return node.width - node.shift
