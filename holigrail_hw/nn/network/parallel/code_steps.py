# Amaranth is untyped: its shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""Codes of sums as steps of a plan: a shift with limits, comparisons, or a table."""

from typing import Any

from amaranth import Array, Const, Mux, unsigned

from holigrail_hw.estimate.primitives import Logic, Lookup
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.mcm.matrix.counting import width_of_range

from .carries import Want
from .held import Held, at_least, joined, offset_for
from .rules import Shift, Steps, Table

__all__ = ["shift_want", "shifted", "stepped", "tabled"]


class _Limits:
    """A shift for operands of a range: its constant with rounding, and the ends of its codes.

    Codes leave with ``offset``, unsigned. Where ties go to even numbers, half a unit is added, and
    the lowest bit of what was a tie is cleared.
    """

    def __init__(self, rule: Shift, low: int, high: int):
        first, last = sorted(rule.apply(x) - rule.base >> rule.scale for x in (low, high))
        self.offset = offset_for(first, last)
        if rule.even and self.offset == 1:
            self.offset = 2
        self.low, self.high = first + self.offset, last + self.offset
        half = 1 << rule.places >> 1 if rule.even else 0
        self.constant = rule.constant + (self.offset << rule.places) + half
        ends = sorted(rule.sign * x + self.constant for x in (low, high))
        self.total = ends[0], ends[1]
        self.width = width_of_range(*ends)


def shift_want(rule: Shift, low: int, high: int) -> Want:
    """What a shift wants of a sum from ``low`` to ``high``, its bits above the shift at least."""
    limits = _Limits(rule, low, high)
    return Want(rule.sign, limits.constant, limits.width)


def shifted(plan: Plan, name: str, rule: Shift, total: Wire, low: int, high: int) -> Held:
    """The code of a sum, given as :func:`shift_want` wants it."""
    limits = _Limits(rule, low, high)
    signed = limits.total[0] < 0
    bits = max(limits.high.bit_length(), 1)

    def function(value: Any) -> Any:
        sign = value[-1] if signed else Const(0, 1)
        digits = value[:-1] if signed else value
        code = digits[rule.places :]
        if rule.even and len(code):
            tie = ~digits[: rule.places].any()
            code = joined(code[0] & ~tie, code[1:])
        below = sign | ~at_least(code, limits.low) if len(code) else sign
        above = ~sign & at_least(code, limits.high + 1) if len(code) else Const(0, 1)
        code = joined(code, Const(0, max(0, bits - len(code))))[:bits]
        if (limits.total[1] >> rule.places) > limits.high:
            code = Mux(above, Const(limits.high, bits), code)
        if rule.even or (limits.total[0] >> rule.places) < limits.low:
            code = Mux(below, Const(limits.low, bits), code)
        return code

    using = Logic(2, bits + 1)
    wire = plan.step(name, unsigned(bits), function, total, using=using, wrap=True)
    constant = rule.base - (limits.offset << rule.scale)
    return Held(wire, 1, rule.scale, constant, limits.low, limits.high)


def stepped(plan: Plan, name: str, rule: Steps, held: Held) -> Held:
    """The code by a comparison with every place; bits of the code change where their places are."""
    codes = [rule.base]
    for jump in rule.jumps:
        codes.append(codes[-1] + jump)
    offset = offset_for(min(codes), max(codes))
    bits = max(max(code + offset for code in codes).bit_length(), 1)
    sign = rule.sign * held.sign

    def reached(value: Any, place: int) -> Any:
        place -= rule.sign * held.constant
        if sign > 0:
            return at_least(value, -(-place >> held.shift))
        return ~at_least(value, (-place >> held.shift) + 1)

    def function(value: Any) -> Any:
        marks = [reached(value, place) for place in rule.places]
        found = []
        for bit in range(bits):
            digit = Const((codes[0] + offset) >> bit & 1, 1)
            for mark, before, after in zip(marks, codes[:-1], codes[1:], strict=True):
                if ((before + offset) ^ (after + offset)) >> bit & 1:
                    digit = digit ^ mark
            found.append(digit)
        return joined(*found)

    count = len(rule.places) * -(-held.wire.width // 3) + bits
    using = Logic(3, count)
    wire = plan.step(name, unsigned(bits), function, held.wire, using=using)
    ends = sorted((codes[0] + offset, codes[-1] + offset))
    return Held(wire, 1, 0, -offset, ends[0], ends[1])


def tabled(plan: Plan, name: str, rule: Table, held: Held) -> Held:
    """The code from a table whose index is the number as it is held."""
    low, high = rule.ends
    offset = offset_for(low, high)
    bits = max((high + offset).bit_length(), 1)
    last = rule.first + len(rule.values) - 1
    entries = []
    for index in range(1 << held.wire.width):
        x = held.sign * (index << held.shift) + held.constant
        entries.append(rule.apply(min(max(x, rule.first), last)) + offset)

    def function(index: Any) -> Any:
        return Array([Const(entry, bits) for entry in entries])[index]

    using = Lookup(held.wire.width, bits)
    wire = plan.step(name, unsigned(bits), function, held.wire, using=using)
    return Held(wire, 1, 0, -offset, low + offset, high + offset)
