"""Partial products of one array that computes other products in other modes.

A mode is a set of blocks: rectangles of the array in which digits of ``a`` meet digits of ``b``.
Inside a block every partial product counts, outside of all blocks it is gated to 0, by a copy of
``b`` that is 0 in the modes in which it is not wanted: gates that see no change switch nothing.
Blocks on the diagonal give products apart (the multiplier of Moons et al., "Envision", 2017);
blocks on the other diagonal give products of one weight, that is, their sum (Mei et al., "Sub-word
parallel precision-scalable MAC engines for efficient embedded DNN inference", 2019).

In a block of signed numbers a bit of negative weight enters as its complement (Baugh and Wooley,
1973); what that lacks is a constant of the mode. A bit that is negative in some modes only passes
an exclusive or.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Const, Value

from holigrail_hw.estimate.primitives import Logic

from ..plan.plan import Plan, Wire
from .bit_heap import Bit, Heap, heap_of

__all__ = ["Block", "mode_products"]


@dataclass(frozen=True)
class Block:
    """Digits of ``a`` times digits of ``b``, each a number of its own.

    ``field``: the columns that hold what the block adds up to, modulo 2^(their number).
    """

    a: range
    b: range
    a_signed: bool
    b_signed: bool
    field: range

    def holds(self, i: int, j: int) -> bool:
        """Whether digit ``i`` of ``a`` meets digit ``j`` of ``b`` in this block."""
        return i in self.a and j in self.b

    def is_negative(self, i: int, j: int) -> bool:
        """Whether their product counts negatively."""
        return (self.a_signed and i == self.a[-1]) != (self.b_signed and j == self.b[-1])

    @property
    def constant(self) -> int:
        """What the complements of the block's negative bits lack."""
        lacks = sum(1 << i + j for i in self.a for j in self.b if self.is_negative(i, j))
        low = self.field[0]
        return ((-lacks >> low) % (1 << len(self.field))) << low


def mode_products(
    plan: Plan,
    name: str,
    a: Wire,
    b: Wire,
    width: int,
    modes: Sequence[Sequence[Block]],
    selected: Sequence[Wire],
) -> Heap:
    """The heap of ``width`` columns of all partial products.

    Parameters
    ----------
    a, b : Wire
        Digits; the signs are those of the blocks.
    modes : sequence of sequences of Block
        The blocks of every mode.
    selected : sequence of Wire
        For every mode a bit that is 1 in it; exactly one of them is.
    """
    every = frozenset(range(len(modes)))
    bits: list[Bit] = []
    operands, gated, chosen = [a], {}, {}

    def in_modes(which: frozenset[int]) -> int:
        """Where among the operands a bit is that is 1 in these modes."""
        if which not in chosen:
            chosen[which] = len(operands)
            operands.append(_any_of(plan, name, which, every, selected))
        return chosen[which]

    def gated_b(which: frozenset[int]) -> int:
        """Where among the operands ``b`` is, 0 in all other modes."""
        if which not in gated:
            wire = b if which == every else _gated(plan, name, b, operands[in_modes(which)])
            gated[which] = len(operands)
            operands.append(wire)
        return gated[which]

    for i in range(a.width):
        for j in range(b.width):
            blocks = {m: block for m in every for block in modes[m] if block.holds(i, j)}
            active = frozenset(blocks)
            if not active or i + j >= width:
                continue
            negative = frozenset(m for m, block in blocks.items() if block.is_negative(i, j))
            flip = in_modes(negative) if negative and negative != every else None
            bits.append(_bit(i, j, gated_b(active), flip, is_negative=negative == every))
    constants = [sum(block.constant for block in blocks) % (1 << width) for blocks in modes]
    for column in range(width):
        ones = frozenset(m for m in every if constants[m] >> column & 1)
        if ones == every:
            bits.append(Bit(column, False, lambda *v: Const(1, 1)))
        elif ones:
            bits.append(Bit(column, False, _operand(in_modes(ones))))
    return heap_of(plan, f"{name}_partial", width, bits, 0, *operands)


def _bit(i: int, j: int, place: int, flip: int | None, *, is_negative: bool) -> Bit:
    def of(*values: Any) -> Value:
        both = Value.cast(values[0])[i] & Value.cast(values[place])[j]
        if is_negative:
            return ~both
        return both if flip is None else both ^ Value.cast(values[flip])

    return Bit(i + j, False, of)


def _operand(place: int) -> Callable[..., Value]:
    return lambda *values: Value.cast(values[place])


def _any_of(
    plan: Plan, name: str, which: frozenset[int], every: frozenset[int], selected: Sequence[Wire]
) -> Wire:
    """1 in the given modes, of the fewer of these and the others."""
    others = every - which
    inverted = len(others) < len(which)
    wires = [selected[m] for m in sorted(others if inverted else which)]

    def either(*bits: Any) -> Any:
        found = bits[0]
        for bit in bits[1:]:
            found = found | bit
        return ~found if inverted else found

    return plan.step(f"{name}_in_mode", 1, either, *wires, using=Logic())


def _gated(plan: Plan, name: str, b: Wire, on: Wire) -> Wire:
    width = b.width
    return plan.step(
        f"{name}_gated",
        width,
        lambda b, on: Value.cast(b) & on.replicate(width),
        *(b, on),
        using=Logic(1, width),
    )
