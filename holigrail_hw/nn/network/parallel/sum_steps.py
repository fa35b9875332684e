# Amaranth is untyped: its shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""A constant matrix times a vector as steps of a plan, on unsigned numbers.

A sum with one reader is read through :func:`.unmerged`, so that no tool merges the two adders.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Const, unsigned

from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.hdl.integer.unmerged import unmerged
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.mcm.matrix.graph import MatrixGraph
from holigrail_hw.nn.dense_network.stages import stages

from .carries import Choice, Folded, Want
from .held import Held, joined
from .offsets import Node, chain_bits

__all__ = ["Placed", "placed", "sum_wires"]


@dataclass(frozen=True)
class Placed:
    """A graph with its constants, and the stage of every node and row if stages are counted."""

    graph: MatrixGraph
    choice: Choice
    stages: tuple[int, ...] | None


def placed(
    graph: MatrixGraph, choice: Choice, wants: Sequence[Want | None], levels: int | None
) -> Placed:
    """Where registers go when ``levels`` adders at most may be between two of them."""
    if levels is None:
        return Placed(graph, choice, None)
    nodes = choice.nodes
    operands = [[n.left, n.right] if n.form else [] for n in nodes]
    adders = [int(chain_bits(n, nodes) > 0) for n in nodes]
    widths = [n.width for n in nodes]
    for target, want, folded in zip(graph.targets, wants, choice.folded, strict=True):
        assert target.node is not None
        operands.append([target.node])
        adders.append(int(want is not None and folded is None))
        widths.append(nodes[target.node].width if want is None else want.width)
    results = range(len(nodes), len(operands))
    return Placed(
        graph, choice, tuple(stages(operands, adders, widths, results, levels, held=True))
    )


def sum_wires(
    plan: Plan, name: str, made: Placed, operands: Sequence[Held]
) -> tuple[list[Wire], list[Wire | None], Callable[[Wire, int], Wire]]:
    """Wires of all nodes, and of all rows with folded constants.

    The function returned brings a wire to the stage of a row.
    """
    graph, nodes = made.graph, made.choice.nodes
    first = max(held.wire.cycle for held in operands)

    def at(wire: Wire, node: int) -> Wire:
        return wire if made.stages is None else plan.later(wire, first + made.stages[node])

    roots = {f.root: f for f in made.choice.folded if f is not None}
    wires: list[Wire] = []
    for index, held in enumerate(operands):
        wire = held.wire
        if held.shift:
            shifted = lambda v, up=held.shift: joined(Const(0, up), v)  # noqa: E731
            width = wire.width + held.shift
            wire = plan.step(f"{name}_operand{index}", unsigned(width), shifted, wire)
        wires.append(at(wire, index))
    for index, node in enumerate(nodes[graph.inputs :], start=graph.inputs):
        left, right = (at(wires[n], index) for n in (node.left, node.right))
        label = f"{name}_sum{index - graph.inputs}"
        folded = roots.get(index)
        chain = chain_bits(node, nodes) if folded is None else folded.width - node.shift
        if not chain:
            whole = _side_by_side(node, nodes[node.right].width)
            wires.append(plan.step(label, unsigned(node.width), whole, left, right))
            continue
        adder = _chain(node, chain, node.fill if folded is None else folded.fill)
        upper = plan.step(
            f"{label}_upper", unsigned(chain), adder, left, right, using=Adder(chain), wrap=True
        )
        if folded is None:
            whole = _whole(node, graph.readers[index] == 1)
            wires.append(plan.step(label, unsigned(node.width), whole, upper, right))
        else:
            whole, width = _folded(node, folded), folded.width + folded.shift
            wires.append(plan.step(f"{label}_total", unsigned(width), whole, upper, right))
    rows = [None if f is None else wires[f.root] for f in made.choice.folded]
    return wires, rows, lambda wire, row: at(wire, len(nodes) + row)


def _side_by_side(node: Node, below: int) -> Callable[..., Any]:
    gap = node.shift - below

    def function(left: Any, right: Any) -> Any:
        low = joined(~right if node.form == "r" else right, Const(0, gap))
        # Where the least operand is above 0, the upper bits may always be 0.
        return joined(low, ~left if node.form == "-" else left)[: node.width]

    return function


def _chain(node: Node, width: int, fill: int) -> Callable[..., Any]:
    """The bits above the shift; ``fill`` stands above the narrower operand."""

    def function(left: Any, right: Any) -> Any:
        one, other = left, right[node.shift :]
        if node.form == "-":
            one, other = other, one
        inverts = node.form != "+"
        free = min(len(one), len(other))
        above = Const(fill % (1 << max(0, width - free)), max(0, width - free))
        zeros = Const(0, max(0, width - len(other)))
        if len(other) == free:
            zeros = above
        elif fill:
            one = joined(one, above)
        # one + other + carry, or one + ~other + carry: a subtracter brings a carry of its own.
        if not node.carry:
            return one + joined(~other if inverts else other, zeros)
        return one - joined(other if inverts else ~other, ~zeros)

    return function


def _whole(node: Node, one_reader: bool) -> Callable[..., Any]:
    def function(upper: Any, right: Any) -> Any:
        below = right[: node.shift]
        if one_reader:
            upper = unmerged(upper)
        return joined(~below if node.form == "r" else below, upper)

    return function


def _folded(node: Node, folded: Folded) -> Callable[..., Any]:
    def function(upper: Any, right: Any) -> Any:
        below = right[: node.shift]
        value = joined(~below if node.form == "r" else below, upper)
        value = ~value if folded.inverted else value
        return joined(Const(folded.below, folded.shift), value)

    return function
