"""An adder graph built in the plainest way, as the reference side of equivalence proofs.

Every adder follows its definition, at widths that never overflow: no low bits that pass through, no
signs known in advance, no inverted or negated nodes. That the graph's factors are the constants is
an integer identity (:meth:`.AdderGraph.check`), so equality with this circuit is equality with the
products, for every input width; the intermediate values let SAT sweeping prove it adder by adder.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Const, Value, signed

from ..matrix.circuit import MatrixCircuit
from ..graph.adder_graph import AdderGraph

__all__ = ["naive_graph", "naive_matrix"]


def naive_graph(x: Any, graph: AdderGraph) -> list[Any]:
    """The targets of a graph for an input x."""
    values: list[Any] = [Value.cast(x)]
    for adder in graph.adders:
        total: Any = Const(0, signed(1))
        for operand in adder.operands:
            cleared = values[operand.node].shift_right(operand.truncate)
            term = cleared.shift_left(operand.truncate + operand.shift)
            total = total - term if operand.negative else total + term
        values.append(total.shift_right(adder.right_shift))
    products: list[Any] = []
    for target in graph.targets:
        if target.node is None:
            products.append(Const(0, signed(1)))
            continue
        value = values[target.node].shift_left(target.shift)
        products.append(-value if target.negative else value)
    return products


def naive_matrix(inputs: Sequence[Any], circuit: MatrixCircuit) -> list[Any]:
    """The outputs of a matrix circuit: :meth:`.MatrixCircuit.evaluate` in Amaranth's arithmetic."""
    values: list[Any] = [Value.cast(x) for x in inputs]
    for adder, cuts, fold in zip(
        circuit.graph.adders, circuit.truncations, circuit.folds, strict=True
    ):
        total: Any = Const(fold.carry)
        for operand, cut, addend in zip(adder.operands, cuts, (fold.left, fold.right), strict=True):
            cleared = values[operand.node].shift_right(cut).shift_left(cut + operand.shift)
            term = cleared + Const(addend)
            total = total - term if operand.negative else total + term
        values.append(total)
    outputs: list[Any] = []
    for target, addend in zip(circuit.graph.targets, circuit.addends, strict=True):
        total = Const(addend)
        if target.node is not None:
            value = values[target.node].shift_left(target.shift)
            total = total - value if target.negative else total + value
        outputs.append(total)
    return outputs
