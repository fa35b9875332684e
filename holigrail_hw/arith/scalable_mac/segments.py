# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportOptionalSubscript=false

"""Addition of words in segments that the mode joins or keeps apart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from amaranth import Cat, Value

from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .shape import ScalableMacShape
from .together import restarted

__all__ = ["Segment", "segmented_sums"]


@dataclass(frozen=True)
class Segment:
    """Bits of a word from ``low`` on, and the segment whose carry enters, while ``gate`` is set."""

    low: int
    width: int
    source: int | None
    gate: Wire | None


def segmented_sums(
    spec: ScalableMacShape, plan: Plan, addend: Wire, segments: Sequence[Segment], clear: Wire
) -> Wire:
    """The word of sums, one register after its item; gates are those of the item."""
    gates = [segment.gate for segment in segments if segment.gate is not None]

    def body(plan: Plan, old: Wire, clear: Wire, addend: Wire, *gates: Wire) -> Wire:
        left = iter(gates)
        here = [s if s.gate is None else replace(s, gate=next(left)) for s in segments]

        def total(before: Wire) -> Wire:
            return _added(plan, "total", before, addend, here)

        return restarted(plan, spec.result_width, spec.restart, old, clear, total)

    return plan.loop("sums", spec.result_width, body, clear, addend, *gates)


def _added(plan: Plan, name: str, old: Wire, addend: Wire, segments: Sequence[Segment]) -> Wire:
    """The sum of two words, segment by segment; carries out of a segment may be dropped.

    A segment comes after its source. One step per bit keeps expressions short; the first is charged
    with the delay of all.
    """
    carries: list[Wire] = []
    bits: dict[int, Wire] = {}
    using = Adder(old.width)
    for segment in segments:
        carry = None
        if segment.source is not None:
            assert segment.gate is not None
            above = carries[segment.source]
            carry = plan.step(f"{name}_join", 1, lambda c, g: c & g, above, segment.gate)
        for bit in range(segment.low, segment.low + segment.width):
            operands = (old, addend) if carry is None else (old, addend, carry)
            both = plan.step(f"{name}_add{bit}", 2, _adder(bit), *operands, using=using)
            using = None
            bits[bit] = plan.step(f"{name}_bit{bit}", 1, lambda v: v[0], both)
            carry = plan.step(f"{name}_carry{bit}", 1, lambda v: v[1], both)
        assert carry is not None
        carries.append(carry)
    word = [bits[bit] for bit in range(old.width)]
    return plan.step(f"{name}_bits", old.width, lambda *v: Cat(*v), *word)


def _adder(bit: int) -> Any:
    def both(old: Any, addend: Any, carry: Any = None) -> Value:
        a, b = Value.cast(old)[bit], Value.cast(addend)[bit]
        if carry is None:
            return Cat(a ^ b, a & b)
        either = a ^ b
        return Cat(either ^ carry, (a & b) | (either & carry))

    return both
