"""Constant tables: logic, or a block of memory where they are large and the design has a clock."""

from collections.abc import Sequence

from amaranth import Array, Const

from holigrail_hw.estimate.primitives import Lookup

from ..number.unpacked import range_shape
from ..plan.plan import Plan, Wire

__all__ = ["looked_up"]

_BLOCK_BITS = 1 << 12
"""A table of so many bits or more is a block of memory, where the design has a clock."""


def looked_up(plan: Plan, name: str, entries: Sequence[int], index: Wire) -> Wire:
    """The entry of a constant table; read into a register at once if it is large."""
    shape = range_shape(min(entries), max(entries))
    width = shape.width
    if len(set(entries)) == 1:
        return plan.constant(entries[0], shape)
    block = plan.period_ns is not None and width * len(entries) >= _BLOCK_BITS
    found = plan.step(
        name,
        shape,
        lambda i: Array([Const(entry, shape) for entry in entries])[i],
        index,
        using=Lookup(index.width, width, block),
    )
    return plan.later(found, found.cycle + 1) if block else found
