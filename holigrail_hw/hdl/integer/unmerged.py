"""Adders that synthesis does not merge.

Yosys (its pass alumacc) merges a sum that has one reader into that reader, as an adder of three
operands: carry-save logic of about twice the size where carry chains are cheap. Version 0.23 does
so even if the sum has the attribute ``keep``. A reader is safe if one bit of what it reads is not
the sum's own but the output of a gate, which logic optimisation removes later.
"""

from typing import Any

from amaranth import Cat

__all__ = ["unmerged"]


def unmerged(sum: Any, first: int = 0) -> Any:
    """The same number in the same shape, but read through a redundant gate.

    Bit ``first`` is the lowest one that the adder computes, where lower ones bypass it. That bit a
    is written a | (a & b), where b is the bit above it. If there is none, the sum is returned as it
    is: a single bit is not a carry chain worth keeping.
    """
    if len(sum) < first + 2:
        return sum
    bit, above = sum[first], sum[first + 1]
    whole = Cat(sum[:first], bit | (bit & above), sum[first + 1 :])
    return whole.as_signed() if sum.shape().signed else whole
