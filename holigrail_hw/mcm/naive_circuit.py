"""Products with constants in the plainest way, as the other side of proofs.

Exact products are sums of shifted copies of x, one for every 1 of the constant, each product for
itself. A truncated graph defines its own result; it is written down adder by adder, at widths that
never overflow.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Const, Value, signed

from .adder_graph import AdderGraph

__all__ = ["naive_graph", "naive_products"]


def naive_products(x: Any, constants: Sequence[int]) -> list[Value]:
    """x times every constant."""
    products = []
    for constant in constants:
        total: Value = Const(0, signed(1))
        for place in range(abs(constant).bit_length()):
            if abs(constant) >> place & 1:
                total = total + x.shift_left(place)
        products.append(-total if constant < 0 else total)
    return products


def naive_graph(x: Any, graph: AdderGraph) -> list[Value]:
    """The targets of a graph, as its definition says."""
    values: list[Value] = [Value.cast(x)]
    for adder in graph.adders:
        total: Value = Const(0, signed(1))
        for operand in adder.operands:
            cleared = values[operand.node].shift_right(operand.truncate)
            term = cleared.shift_left(operand.truncate + operand.shift)
            total = total - term if operand.negative else total + term
        values.append(total.shift_right(adder.right_shift))
    products: list[Value] = []
    for target in graph.targets:
        if target.node is None:
            products.append(Const(0, signed(1)))
            continue
        value = values[target.node].shift_left(target.shift)
        products.append(-value if target.negative else value)
    return products
