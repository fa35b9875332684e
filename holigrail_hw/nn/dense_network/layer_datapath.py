"""One layer as steps of a plan: sums of unsigned numbers, then constant, rounding and saturation.

A sum with one reader is read through :func:`.unmerged`, so that no tool merges the two adders.
"""

from collections.abc import Callable, Sequence
from typing import Any

from amaranth import Cat, Const, Shape, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic, Wiring
from holigrail_hw.formats import FixedFormat
from holigrail_hw.hdl.integer.unmerged import unmerged
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.mcm.matrix.counting import width_of_range
from holigrail_hw.mcm.matrix.graph import MatrixGraph

from .layers import Layer
from .offset_sums import OffsetNode, OffsetSum, offset_nodes, sum_bits
from .stages import stages

__all__ = ["layer_outputs"]


def layer_outputs(
    plan: Plan,
    name: str,
    layer: Layer,
    graph: MatrixGraph,
    values: Sequence[Wire],
    activation: FixedFormat | None,
    stage_levels: int | None,
) -> list[Wire]:
    """The outputs of a layer.

    Parameters
    ----------
    name : prefix of the names of all signals
    graph : computes the layer's matrix
    values : the inputs, in the number formats of the network
    activation : format of the outputs; ``None`` for exact sums
    stage_levels : most adders between two registers; ``None``: registers where the clock needs them
    """
    nodes = offset_nodes(graph, layer.ranges)
    rows = [_Row(layer, index, graph, nodes, activation) for index in range(len(graph.targets))]
    at = _placement(plan, graph, nodes, rows, values, activation, stage_levels)
    wires = []
    for index, (value, node) in enumerate(zip(values, nodes, strict=False)):
        label = f"{name}_input{index}"
        wires.append(plan.step(label, unsigned(node.width), _from_number(node), at(value, 0)))
    for index, node in enumerate(nodes[graph.inputs :], start=graph.inputs):
        assert node.sum is not None
        operands = [at(wires[n], index) for n in (node.sum.left, node.sum.right)]
        label, chain = f"{name}_sum{index - graph.inputs}", sum_bits(node, nodes)[1]
        if not chain:
            whole = _side_by_side(node.sum, nodes)
            wires.append(plan.step(label, unsigned(node.width), whole, *operands))
            continue
        upper = plan.step(
            f"{label}_upper",
            unsigned(chain),
            _chain(node.sum, chain),
            *operands,
            using=Adder(chain),
            wrap=True,
        )
        whole = _whole(node.sum, graph.readers[index] == 1)
        wires.append(plan.step(label, unsigned(node.width), whole, upper, operands[1]))
    results = []
    for index, row in enumerate(rows):
        node = None if row.node is None else at(wires[row.node], len(nodes) + index)
        total = row.total(plan, f"{name}_row{index}", node)
        if activation is None:
            shape = signed(row.width) if row.signed else unsigned(row.width)
            exact = lambda v, shape=shape: v.as_signed() if shape.signed else v  # noqa: E731
            results.append(plan.step(f"{name}_output{index}", shape, exact, total))
        else:
            results.append(_activated(plan, f"{name}_output{index}", total, row, activation))
    return results


class _Row:
    """An output before rounding: a node, up to sign and shift, plus a constant, modulo 2^width."""

    def __init__(
        self,
        layer: Layer,
        index: int,
        graph: MatrixGraph,
        nodes: Sequence[OffsetNode],
        activation: FixedFormat | None,
    ):
        self.drop = layer.fraction_width - activation.fraction_width if activation else 0
        half = 1 << self.drop >> 1 if self.drop > 0 else 0
        low, high = (end + half for end in layer.results[index])
        self.width, self.signed = width_of_range(low, high), low < 0
        target = graph.targets[index]
        self.node, self.shift, self.inverted = target.node, target.shift, False
        constant = layer.biases[index] + half
        if target.node is not None:
            node = nodes[target.node]
            sign = -node.sign if target.negative else node.sign
            constant -= sign * (node.offset << target.shift)
            # -u is the complement of u, plus 1.
            self.inverted = sign < 0
            constant += self.inverted << target.shift
        self.constant = constant % (1 << self.width)
        self.zeros = (self.constant & -self.constant).bit_length() - 1

    @property
    def chain(self) -> int:
        """Bits of the adder for the constant; 0 if there is no such adder."""
        return self.width - self.zeros if self.constant and self.node is not None else 0

    def total(self, plan: Plan, name: str, node: Wire | None) -> Wire:
        shape = unsigned(self.width)
        if node is None:
            return plan.constant(self.constant, shape)

        def function(value: Any) -> Any:
            value = _joined(value, Const(0, self.width))[: self.width]
            value = _joined(Const(0, self.shift), ~value if self.inverted else value)
            value = value[: self.width]
            if not self.constant:
                return value
            upper = value[self.zeros :] + (self.constant >> self.zeros)
            return _joined(value[: self.zeros], upper[: self.chain])

        using = Adder(self.chain) if self.chain else Wiring()
        return plan.step(name, shape, function, node, using=using)


def _placement(
    plan: Plan,
    graph: MatrixGraph,
    nodes: Sequence[OffsetNode],
    rows: Sequence[_Row],
    values: Sequence[Wire],
    activation: FixedFormat | None,
    stage_levels: int | None,
) -> Callable[[Wire, int], Wire]:
    """A function that brings an operand to the cycle of the node that reads it."""
    first = max((value.cycle for value in values), default=0)
    if stage_levels is None:
        return lambda wire, node: wire
    operands = [[n.sum.left, n.sum.right] if n.sum else [] for n in nodes]
    operands += [[] if row.node is None else [row.node] for row in rows]
    adders = [int(sum_bits(node, nodes)[1] > 0) for node in nodes]
    adders += [int(row.chain > 0) for row in rows]
    widths = [node.width for node in nodes]
    widths += [activation.width if activation else row.width for row in rows]
    results = range(len(nodes), len(nodes) + len(rows))
    held = activation is not None
    chosen = stages(operands, adders, widths, results, stage_levels, held=held)
    return lambda wire, node: plan.later(wire, first + chosen[node])


def _from_number(node: OffsetNode) -> Callable[[Any], Any]:
    def function(number: Any) -> Any:
        code = Value.cast(number).as_unsigned()
        if not node.offset:
            return code[: node.width]
        top = node.offset.bit_length() - 1
        return _joined(code[:top], ~code[top])[: node.width]

    return function


def _side_by_side(made: OffsetSum, nodes: Sequence[OffsetNode]) -> Callable[..., Any]:
    gap = made.shift - nodes[made.right].width

    def function(left: Any, right: Any) -> Any:
        below = _joined(~right if made.form == "r" else right, Const(0, gap))
        return _joined(below, ~left if made.form == "-" else left)

    return function


def _chain(made: OffsetSum, width: int) -> Callable[..., Any]:
    def function(left: Any, right: Any) -> Any:
        upper = right[made.shift :]
        if made.form == "+":
            return left + upper
        one, other = (upper, left) if made.form == "-" else (left, upper)
        ones = max(0, width - len(other))
        return one - _joined(other, Const((1 << ones) - 1, ones))

    return function


def _whole(made: OffsetSum, one_reader: bool) -> Callable[..., Any]:
    def function(upper: Any, right: Any) -> Any:
        below = right[: made.shift]
        if one_reader:
            upper = unmerged(upper)
        return _joined(~below if made.form == "r" else below, upper)

    return function


def _activated(plan: Plan, name: str, total: Wire, row: _Row, activation: FixedFormat) -> Wire:
    """Round (the half is in the constant) and saturate."""
    bits = activation.width - activation.signed

    def function(value: Any) -> Any:
        value = _joined(value, value[-1] if row.signed else Const(0, 1))
        # The sign remains even if all digits are dropped.
        dropped = min(row.drop, len(value) - 1)
        value = _joined(Const(0, -row.drop), value) if row.drop < 0 else value[dropped:]
        sign, value = value[-1], value[:-1]
        value = _joined(value, sign.replicate(max(0, bits - len(value))))
        upper, value = value[bits:], value[:bits]
        above = ~sign & upper.any() if len(upper) else Const(0, 1)
        below = sign & ~upper.all() if len(upper) and activation.signed else Const(0, 1)
        if not activation.signed:
            below = sign
        value = (value | above.replicate(bits)) & ~Value.cast(below).replicate(bits)
        return _joined(value, sign).as_signed() if activation.signed else value

    shape = Shape(activation.width, activation.signed)
    return plan.step(name, shape, function, total, using=Logic(2, bits + 1), wrap=True)


def _joined(*parts: Any) -> Any:
    """Concatenation without empty parts, which Verilog does not allow."""
    return Cat(*(part for part in parts if len(part)))
