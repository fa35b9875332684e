"""Many wires joined in pairs, level by level, so that paths are as short as they can be."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from amaranth import signed, unsigned

from holigrail_hw.estimate.primitives import Adder

from ..plan.plan import Plan, Wire

__all__ = ["balanced_tree", "sum_of"]

_Node = TypeVar("_Node")


def balanced_tree(nodes: Sequence[_Node], join: Callable[[_Node, _Node], _Node]) -> _Node:
    """``join`` on neighbours until one node is left; their order stays."""
    left = list(nodes)
    while len(left) > 1:
        last = left[-1:] if len(left) % 2 else []
        left = [join(a, b) for a, b in zip(left[::2], left[1::2], strict=False)] + last
    return left[0]


def sum_of(plan: Plan, wires: Sequence[Wire], name: str = "sum") -> Wire:
    """The exact sum of integers that are all signed or all unsigned."""

    def added(a: Wire, b: Wire) -> Wire:
        width = max(a.width, b.width) + 1
        shape = signed(width) if a.shape.signed else unsigned(width)
        return plan.step(name, shape, lambda a, b: a + b, a, b, using=Adder(width))

    return balanced_tree(wires, added)
