"""From rows of terms to a matrix adder graph of two-operand adders."""

import heapq
from collections.abc import Mapping, Sequence

from ..graph.adder_graph import Operand
from .draft import Term
from .graph import MatrixAdder, MatrixGraph, RowTarget

__all__ = ["build"]

_Value = tuple[int, int, int]


def build(
    inputs: int, rows: Mapping[int, Sequence[Term]], targets: Sequence[_Value | None]
) -> MatrixGraph:
    """The graph of rows; a row holds the terms of one node, the first being node ``inputs``.

    A target is (node, shift, sign), or None for zero. The terms of a row are added in pairs,
    earliest first, which gives the least depth.
    """
    builder = _Builder(inputs, rows)
    found = []
    for target in targets:
        if target is None:
            found.append(RowTarget(None))
            continue
        node, shift, sign = target
        value, more, negative = builder.value(node)
        found.append(RowTarget(value, shift + more, sign * negative < 0))
    return _without_negations(MatrixGraph(inputs, tuple(builder.adders), tuple(found)))


class _Builder:
    """A value is (node, shift, sign) of the graph."""

    def __init__(self, inputs: int, rows: Mapping[int, Sequence[Term]]):
        self.inputs = inputs
        self.rows = rows
        self.adders: list[MatrixAdder] = []
        self.depths = [0] * inputs
        self.known: dict[MatrixAdder, int] = {}
        self.values: dict[int, _Value] = {node: (node, 0, 1) for node in range(inputs)}

    def value(self, node: int) -> _Value:
        """The value of a node's row; its operands are built first."""
        if node not in self.values:
            self.values[node] = self.total(self.rows[node])
        return self.values[node]

    def total(self, terms: Sequence[Term]) -> _Value:
        """Terms added in pairs, earliest and lowest first: narrow adders, least depth."""
        heap = []
        for order, (node, shift, sign) in enumerate(terms):
            found, more, negative = self.value(node)
            term = found, shift + more, sign * negative
            heap.append((self.depths[found], shift + more, order, term))
        heapq.heapify(heap)
        order = len(terms)
        while len(heap) > 1:
            both = self.adder(heapq.heappop(heap)[-1], heapq.heappop(heap)[-1])
            heapq.heappush(heap, (self.depths[both[0]], both[1], order, both))
            order += 1
        return heap[0][-1]

    def adder(self, one: _Value, two: _Value) -> _Value:
        """The sum of two values, by an existing adder or a new one."""
        low = min(one[1], two[1])
        left, right = sorted((one, two), key=lambda value: (-value[1], value[0], value[2]))
        # A difference can be built with either sign, and is built once.
        both_negative = left[2] < 0 and right[2] < 0
        signs = (1, -1) if left[2] != right[2] else (-1 if both_negative else 1,)
        made = {
            sign: MatrixAdder(
                Operand(left[0], left[1] - low, left[2] * sign < 0),
                Operand(right[0], 0, right[2] * sign < 0),
            )
            for sign in signs
        }
        for sign, adder in made.items():
            if adder in self.known:
                return self.known[adder], low, sign
        sign, adder = next(iter(made.items()))
        node = self.inputs + len(self.adders)
        self.known[adder] = node
        self.adders.append(adder)
        self.depths.append(1 + max(self.depths[left[0]], self.depths[right[0]]))
        return node, low, sign


def _without_negations(graph: MatrixGraph) -> MatrixGraph:
    """Negate nodes whose only use is one negative target, where this is free."""
    adders = list(graph.adders)
    uses = [0] * (graph.inputs + len(adders))
    for adder in adders:
        for operand in adder.operands:
            uses[operand.node] += 1
    for target in graph.targets:
        if target.node is not None:
            uses[target.node] += 1

    def negated(node: int) -> dict[int, MatrixAdder] | None:
        """The changes that negate a node used once, or None."""
        if node < graph.inputs or uses[node] != 1:
            return None
        left, right = adders[node - graph.inputs].operands
        if left.negative != right.negative:
            return {node: MatrixAdder(_flip(left), _flip(right))}
        for one, adder in (
            (left, MatrixAdder(left, _flip(right))),
            (right, MatrixAdder(_flip(left), right)),
        ):
            deeper = negated(one.node)
            if deeper is not None:
                return {**deeper, node: adder}
        return None

    targets = []
    for target in graph.targets:
        changes = negated(target.node) if target.negative and target.node is not None else None
        for node, adder in (changes or {}).items():
            adders[node - graph.inputs] = adder
        negative = target.negative and changes is None
        targets.append(RowTarget(target.node, target.shift, negative))
    return MatrixGraph(graph.inputs, tuple(adders), tuple(targets))


def _flip(operand: Operand) -> Operand:
    return Operand(operand.node, operand.shift, not operand.negative)
