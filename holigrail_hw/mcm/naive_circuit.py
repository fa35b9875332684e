"""An adder graph in the plainest way, as the other side of proofs.

Every adder as its definition says, at widths that never overflow: no low bits that pass, no signs
known beforehand, no inverted or negated nodes. That the graph's factors are the constants is an
identity of integers (:meth:`.AdderGraph.check`), so equality with this circuit is equality with the
products, for every width of the input; intermediate values are the bridge that lets SAT sweeping
prove it adder by adder.
"""

from typing import Any

from amaranth import Const, Value, signed

from .adder_graph import AdderGraph

__all__ = ["naive_graph"]


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
