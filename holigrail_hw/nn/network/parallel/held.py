# Amaranth is untyped: its shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""An element in hardware: an unsigned number, up to sign, shift and constant."""

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Mux, unsigned

from holigrail_hw.estimate.primitives import Adder, Wiring
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .offsets import Node

__all__ = ["Held", "at_least", "greater", "joined", "offset_for", "total"]


@dataclass(frozen=True, eq=False)
class Held:
    """value = sign * (u << shift) + constant, with u from ``low`` to ``high``."""

    wire: Wire
    sign: int
    shift: int
    constant: int
    low: int
    high: int

    @property
    def node(self) -> Node:
        """The value without its constant, as an operand of sums."""
        return Node(self.sign, 0, self.low << self.shift, self.high << self.shift)


def joined(*parts: Any) -> Any:
    """Concatenation without empty parts, which Verilog does not allow."""
    return Cat(*(part for part in parts if len(part)))


def offset_for(low: int, high: int) -> int:
    """What makes a range unsigned by inverting one bit: 0, or the weight of the sign."""
    return 0 if low >= 0 else 1 << max((-low - 1).bit_length(), max(high, 0).bit_length())


def at_least(word: Any, place: int) -> Any:
    """Whether an unsigned word is at least a constant, as logic that look-up tables hold well."""
    if place <= 0:
        return Const(1, 1)
    if place.bit_length() > len(word):
        return Const(0, 1)
    # Below the lowest one of the constant, any bits will do.
    zeros = (place & -place).bit_length() - 1
    found = word[zeros]
    for index in range(zeros + 1, len(word)):
        found = word[index] & found if place >> index & 1 else word[index] | found
    return found


def greater(a: Any, b: Any) -> Any:
    """Whether an unsigned word is greater than another one of the same width, as logic."""
    found = a[0] & ~b[0]
    for one, other in zip(a[1:], b[1:], strict=True):
        found = (one & ~other) | (~(one ^ other) & found)
    return found


def total(plan: Plan, name: str, held: Held, sign: int, constant: int, width: int) -> Wire:
    """sign * value + constant, modulo 2^width, with an adder where the constant needs one."""
    constant += sign * held.constant
    shift, inverted = held.shift, sign * held.sign < 0
    # -u is the complement of u, plus 1.
    constant = (constant + (inverted << shift)) % (1 << width)
    zeros = (constant & -constant).bit_length() - 1 if constant else width
    bits = held.wire.width

    def function(value: Any) -> Any:
        # Bits that carry: none if the constant lies above all of them.
        value = joined(Const(0, shift), value)[:width]
        value = joined(value, Const(0, width - len(value)))
        if inverted:
            value = joined(value[:shift], ~value[shift:])
        if not constant:
            return value
        below, upper, more = value[:zeros], value[zeros:], constant >> zeros
        if chain:
            return joined(below, (upper + more)[: width - zeros])
        # One bit at most is not constant: the sum is one of two words.
        last = (1 << (width - zeros)) - 1
        return joined(below, Mux(upper[0], Const((more + 1) & last), Const(more & last)))

    chain = 0 if not inverted and bits + shift <= zeros + 1 else max(0, width - zeros)
    using = Adder(chain) if chain else Wiring()
    return plan.step(name, unsigned(width), function, held.wire, using=using, wrap=True)
