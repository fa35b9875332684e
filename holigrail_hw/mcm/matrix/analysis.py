"""Ranges, errors and cost of a matrix circuit, all proved, for given ranges of its inputs.

*Errors.* Clearing t bits of a node with z known zeros subtracts some e, 0 <= e <= 2^t - 2^z. From
there on everything is linear, so an output is off by the sum of all such e, each weighted by the
sum over all paths to that output. Paths of opposite sign cancel, and operands that lose the same
bits of the same node share one e. This is never wider, and often narrower, than adding intervals
from node to node (:mod:`.error_bounds`, used here for known zeros and the errors of single nodes).

*Ranges.* A node's range is the exact one of its coefficients, shifted by its constants and widened
by its error, or the one that follows from its operands, whichever is narrower.

*Cost.* One-bit adders by our rule of :mod:`.counting`. A constant is free where it is
wiring: in known zeros, or above the sign bit, as in the elimination of sign extension (-s * 2^(W-1)
= (1 - s) * 2^(W-1) - 2^(W-1)), or as the carry into the lowest position that is added.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..graph.error_bounds import NodeState, join
from .circuit import Fold, MatrixCircuit
from .counting import width_of_range
from .graph import MatrixGraph

__all__ = [
    "AdderFacts",
    "Analysis",
    "GraphAnalysis",
    "Ranges",
    "is_wiring",
    "output_is_wiring",
    "output_site",
    "trailing_zeros",
]

Ranges = Sequence[tuple[int, int]]
"""Least and greatest value of every input."""


class AdderFacts(NamedTuple):
    """One adder: ranges of its aligned operands before constants, in units of its sum.

    ``zeros`` counts the known zeros of the aligned operands before constants, ``passed`` the low
    positions without an adder, ``cost`` the one-bit adders.
    """

    left: tuple[int, int]
    right: tuple[int, int]
    zeros: tuple[int, int]
    passed: int
    cost: int


class Analysis(NamedTuple):
    """A circuit's nodes (least, greatest value, known zeros), adders, output ranges and errors.

    ``errors`` are bounds (least, greatest) on output minus exact product, without ``constants``:
    what all constants of the circuit together add to each output. ``output_costs`` are one-bit
    adders of negations and constants after the graph.
    """

    nodes: list[tuple[int, int, int]]
    adders: list[AdderFacts]
    outputs: list[tuple[int, int]]
    errors: list[tuple[int, int]]
    constants: list[int]
    output_costs: list[int]

    @property
    def one_bit_adders(self) -> int:
        """One-bit adders of the whole circuit."""
        return sum(adder.cost for adder in self.adders) + sum(self.output_costs)


class _Node(NamedTuple):
    low: int
    high: int
    state: NodeState
    offset: int


class GraphAnalysis:
    """What is known about a graph for input ranges; :meth:`of` adds truncations and constants."""

    def __init__(self, graph: MatrixGraph, ranges: Ranges):
        if len(ranges) != graph.inputs:
            raise ValueError(f"there must be {graph.inputs} ranges, not {len(ranges)}")
        self.graph = graph
        self.ranges = tuple(ranges)
        self.exact = [
            (
                sum(min(c * low, c * high) for c, (low, high) in zip(vector, ranges, strict=True)),
                sum(max(c * low, c * high) for c, (low, high) in zip(vector, ranges, strict=True)),
            )
            for vector in graph.vectors
        ]
        self._single = [sum(map(bool, vector)) == 1 for vector in graph.vectors]
        self._same = [
            sum(
                a != 0 or b != 0
                for a, b in zip(
                    graph.vectors[adder.left.node], graph.vectors[adder.right.node], strict=True
                )
            )
            == 1
            for adder in graph.adders
        ]

    def weights(self, target: int) -> dict[int, int]:
        """What one unit of each node's value adds to an output, over all paths; without zeros."""
        graph = self.graph
        goal = graph.targets[target]
        if goal.node is None:
            return {}
        found = {goal.node: (-1 if goal.negative else 1) << goal.shift}
        for node in range(goal.node, graph.inputs - 1, -1):
            weight = found.get(node, 0)
            if not weight:
                continue
            for operand in graph.adders[node - graph.inputs].operands:
                step = weight << operand.shift
                found[operand.node] = found.get(operand.node, 0) + (
                    -step if operand.negative else step
                )
        return {node: weight for node, weight in found.items() if weight}

    def of(self, circuit: MatrixCircuit) -> Analysis:
        """The facts of a circuit on this graph.

        Raises
        ------
        ValueError
            If a constant is not wiring where it stands.
        """
        graph = self.graph
        nodes = [_Node(low, high, NodeState(0, 0, 0, low < 0), 0) for low, high in self.ranges]
        facts: list[AdderFacts] = []
        for index in range(len(graph.adders)):
            fact, node = self._adder(index, nodes, circuit.truncations[index], circuit.folds[index])
            facts.append(fact)
            nodes.append(node)
        outputs, constants, costs = [], [], []
        built: set[tuple[int, bool, int]] = set()
        for target, addend in zip(graph.targets, circuit.addends, strict=True):
            if target.node is None:
                outputs.append((addend, addend))
                constants.append(addend)
                costs.append(0)
                continue
            node = nodes[target.node]
            ends = [bound << target.shift for bound in (node.low, node.high)]
            offset = node.offset << target.shift
            if target.negative:
                ends, offset = [-ends[1], -ends[0]], -offset
            low, high = ends[0] + addend, ends[1] + addend
            outputs.append((low, high))
            constants.append(offset + addend)
            costs.append(0)
            ends = node.low, node.high, node.state.zeros
            if not output_is_wiring(ends, target.shift, target.negative, addend):
                # A negation or sum is shared by all outputs that differ only by a shift.
                key = (target.node, target.negative, addend >> target.shift)
                if key not in built:
                    built.add(key)
                    width = width_of_range(low, high)
                    free = 0 if target.negative else trailing_zeros(addend)
                    costs[-1] = width - max(target.shift, free)
        ends = [(node.low, node.high, node.state.zeros) for node in nodes]
        return Analysis(ends, facts, outputs, self._errors(circuit, nodes), constants, costs)

    def _adder(
        self, index: int, nodes: list[_Node], truncate: tuple[int, int], fold: Fold
    ) -> tuple[AdderFacts, _Node]:
        graph = self.graph
        adder = graph.adders[index]
        left, right = nodes[adder.left.node], nodes[adder.right.node]
        shift, minus = adder.left.shift, (adder.left.negative, adder.right.negative)
        state, passed = join(left.state, right.state, shift, 0, minus, truncate)
        zeros = (max(truncate[0], left.state.zeros) + shift, max(truncate[1], right.state.zeros))
        a, b = (
            (node.low >> cut << cut << by, node.high >> cut << cut << by)
            for node, cut, by in ((left, truncate[0], shift), (right, truncate[1], 0))
        )
        for constant, known, (low, high) in ((fold.left, zeros[0], a), (fold.right, zeros[1], b)):
            if not is_wiring(constant, known, low, high):
                raise ValueError(f"adder {index}: {constant} is not wiring")
        if fold.left or fold.right:
            kept = [
                min(known, trailing_zeros(constant)) if constant else known
                for known, constant in zip(zeros, fold[:2], strict=True)
            ]
            passed = max(0 if minus[1] else kept[0], 0 if minus[0] else kept[1])
            state = state._replace(zeros=min(kept))
        if fold.carry:
            if fold.carry != (-1 if any(minus) else 1) << passed:
                raise ValueError(f"adder {index}: a carry of {fold.carry} cannot come in")
            state = state._replace(zeros=min(state.zeros, passed))
        first = (a[0] + fold.left, a[1] + fold.left)
        second = (b[0] + fold.right, b[1] + fold.right)
        signed_first = (-first[1], -first[0]) if minus[0] else first
        signed_second = (-second[1], -second[0]) if minus[1] else second
        offset = (
            _signed((left.offset << shift) + fold.left, minus[0])
            + _signed(right.offset + fold.right, minus[1])
            + fold.carry
        )
        exact = self.exact[graph.inputs + index]
        low = max(signed_first[0] + signed_second[0] + fold.carry, exact[0] + offset - state.low)
        high = min(signed_first[1] + signed_second[1] + fold.carry, exact[1] + offset + state.high)
        widths = [width_of_range(*ends) for ends in (first, second)]
        if (first[0] < 0) != (second[0] < 0):
            widths[first[0] < 0] += 1
        width = width_of_range(low, high)
        grows = width > max(widths)
        plain = not any(minus) and first[0] >= 0 and second[0] >= 0
        pure = self._same[index] and not (
            state.low or state.high or left.offset or right.offset or any(fold)
        )
        cost = max(0, width - passed - (grows and (plain or pure)))
        if fold.carry and not cost:
            raise ValueError(f"adder {index}: without an adder there is no carry")
        node = _Node(low, high, state, offset)
        return AdderFacts(a, b, zeros, passed, cost), node

    def _errors(self, circuit: MatrixCircuit, nodes: list[_Node]) -> list[tuple[int, int]]:
        graph = self.graph
        cleared: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for index, (adder, amounts) in enumerate(
            zip(graph.adders, circuit.truncations, strict=True), start=graph.inputs
        ):
            for operand, amount in zip(adder.operands, amounts, strict=True):
                if amount > nodes[operand.node].state.zeros:
                    factor = (-1 if operand.negative else 1) << operand.shift
                    cleared.setdefault((operand.node, amount), []).append((index, factor))
        if not cleared:
            return [(0, 0)] * len(graph.targets)
        found = []
        for target in range(len(graph.targets)):
            weights = self.weights(target)
            low = high = 0
            for (node, amount), places in cleared.items():
                most = (1 << amount) - (1 << nodes[node].state.zeros)
                weight = sum(weights.get(index, 0) * factor for index, factor in places)
                low -= max(0, weight) * most
                high += max(0, -weight) * most
            found.append((low, high))
        return found


def is_wiring(constant: int, zeros: int, low: int, high: int) -> bool:
    """Whether a constant is added to a value of this range, with known zeros, by wires alone."""
    top = constant >> zeros << zeros
    width = width_of_range(low, high)
    return top == 0 or (top - ((low < 0) << (width - 1))) % (1 << width) == 0


def output_site(
    node: tuple[int, int, int], shift: int, negative: bool
) -> tuple[int, int, int, int]:
    """Range, known zeros and constant of a node as an output, made by wires and inverters only.

    ±node << shift is that value plus the constant: -(v << s) is (~v << s) + 2^s.
    """
    low, high, zeros = node
    if negative:
        return ~high << shift, ~low << shift, shift, 1 << shift
    return low << shift, high << shift, zeros + shift, 0


def output_is_wiring(node: tuple[int, int, int], shift: int, negative: bool, addend: int) -> bool:
    """Whether ±node << shift plus ``addend`` needs wires and inverters only."""
    low, high, zeros, constant = output_site(node, shift, negative)
    return is_wiring(addend + constant, zeros, low, high)


def trailing_zeros(number: int) -> int:
    """Zeros below the lowest one; 0 for 0."""
    return (number & -number).bit_length() - 1 if number else 0


def _signed(value: int, negative: bool) -> int:
    return -value if negative else value
