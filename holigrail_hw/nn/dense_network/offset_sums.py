"""The sums of a matrix adder graph as unsigned numbers: no sign extension, no negation.

A value v of known range is held as an unsigned number u = v + offset or u = -v + offset; offset and
sign are known and cost nothing until the end, where one constant per output corrects for all of
them. An adder then spans only the positions where both operands have bits. A difference a - b of
unsigned numbers is made positive by 2^(width of b), the constant 1 above b's highest bit in a
two's-complement subtracter, which is free as well. (The sign extension by constants is that of
Baugh and Wooley, "A Two's Complement Parallel Array Multiplication Algorithm", 1973, applied to
every node of the graph.)

Every node is one of

    u = (a << s) + b,     u = b - (a << s) + 2^k,     u = (a << s) - b + constant,

of which only the bits from s upwards need a carry chain: below, b's bits pass through, inverted in
the last form.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holigrail_hw.mcm.matrix.graph import MatrixGraph

__all__ = ["OffsetNode", "OffsetSum", "offset_nodes", "sum_bits"]


@dataclass(frozen=True)
class OffsetSum:
    """An adder between unsigned nodes: ``form`` is ``+`` (both added), ``-`` (the shifted operand
    subtracted) or ``r`` (the other one subtracted)."""

    form: str
    left: int
    shift: int
    right: int


@dataclass(frozen=True)
class OffsetNode:
    """u = sign * v + offset, always from ``low`` to ``high``, both not negative."""

    sign: int
    offset: int
    low: int
    high: int
    sum: OffsetSum | None = None

    @property
    def width(self) -> int:
        """Bits of u."""
        return self.high.bit_length()


def offset_nodes(graph: MatrixGraph, ranges: Sequence[tuple[int, int]]) -> list[OffsetNode]:
    """Every node of the graph in unsigned form.

    Parameters
    ----------
    ranges : (least, greatest) value of each input

    An input that can be negative is taken as v + 2^k, that is, with its sign bit inverted.
    """
    nodes = []
    for low, high in ranges:
        bits = max((-low - 1).bit_length(), max(high, 0).bit_length())
        offset = 0 if low >= 0 else 1 << bits
        nodes.append(OffsetNode(1, offset, low + offset, high + offset))
    for vector, adder in zip(graph.vectors[graph.inputs :], graph.adders, strict=True):
        ends = [(c * low, c * high) for c, (low, high) in zip(vector, ranges, strict=True) if c]
        low, high = sum(map(min, ends)), sum(map(max, ends))
        left, right = nodes[adder.left.node], nodes[adder.right.node]
        signs = [
            -node.sign if operand.negative else node.sign
            for node, operand in ((left, adder.left), (right, adder.right))
        ]
        form = "+" if signs[0] == signs[1] else _difference(left, adder.left.shift, right)
        sign = signs[0] if form == "r" else signs[1]
        made = OffsetSum(form, adder.left.node, adder.left.shift, adder.right.node)
        offset = _offset(made, left, right)
        one, other = sign * low + offset, sign * high + offset
        nodes.append(OffsetNode(sign, offset, min(one, other), max(one, other), made))
    return nodes


def _difference(left: OffsetNode, shift: int, right: OffsetNode) -> str:
    """The narrower operand is subtracted, unless low bits would have to be inverted for it."""
    return "r" if not shift and right.width <= left.width else "-"


def _offset(made: OffsetSum, left: OffsetNode, right: OffsetNode) -> int:
    shifted = left.offset << made.shift
    overlap = right.width > made.shift
    if made.form == "+":
        return shifted + right.offset
    if made.form == "-":
        one = 1 << left.width if overlap else (1 << left.width) - 1
        return right.offset - shifted + (one << made.shift)
    borrow = (1 << made.shift) - 1 if overlap else -1
    return shifted - right.offset + (1 << right.width) + borrow


def sum_bits(node: OffsetNode, nodes: Sequence[OffsetNode]) -> tuple[int, int]:
    """Positions where both operands of a node's adder have bits, and bits of its carry chain."""
    if node.sum is None:
        return 0, 0
    shift, right = node.sum.shift, nodes[node.sum.right].width
    overlap = min(nodes[node.sum.left].width + shift, right) - shift
    return (overlap, node.width - shift) if overlap > 0 else (0, 0)
