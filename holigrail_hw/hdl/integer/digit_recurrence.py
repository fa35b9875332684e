"""Quotients and square roots of integers, digit by digit: what all recurrences have in common.

Restoring recurrences of radix 2. With R what remains, a digit is 1 if a trial T can be taken away:

=====================  ====================  ==========================================
q = floor(a / d)       R <- 2 R + next bit   T = d
q = floor(sqrt(a))     R <- 4 R + next two   T = 4 q + 1
q = floor(2^n/sqrt(d)) R <- 4 R              T = 4 d q + d: next 2 T + 3 d or 2 T - d
=====================  ====================  ==========================================

The digits so far are exact and rounded down, and what was cut off is 0 only if nothing remains.
Unrolled, every digit has steps of its own, no wider than they can be, that a schedule may place in
any cycle. Otherwise ``per_cycle`` digits are made in every cycle by the same hardware
(:meth:`.Plan.repeat`).

Reference: Ercegovac and Lang, Digital Arithmetic, 2004, chapters 5 and 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Logic, Restored, Trial

from ..plan.plan import Plan, Wire

__all__ = ["Bits", "Digits", "Recurrence", "appended", "difference_of", "remains", "restored"]


@dataclass(frozen=True)
class Recurrence:
    """How many digits are made.

    Parameters
    ----------
    digits : int
        At least 1.
    sticky : bool
        Whether it must be known if anything remains.
    per_cycle : int or None
        Digits in each cycle, of which there are ``digits / per_cycle``; None to unroll them.
    carried : sequence of Wire or None
        What is needed later, and must wait for the digits.
    """

    digits: int
    sticky: bool = True
    per_cycle: int | None = None
    carried: Sequence[Wire | None] = ()


@dataclass(frozen=True)
class Digits:
    """The digits as an unsigned integer, whether anything remains, and what was carried along."""

    value: Wire
    sticky: Wire | None
    carried: Sequence[Wire | None]


def difference_of(plan: Plan, entering: Wire, trial: Wire) -> Wire:
    """As many bits as enter, and the borrow above them."""
    size = entering.width
    whole = max(size, trial.width)

    def subtract(e: Any, t: Any) -> Any:
        difference = Value.cast(e - t)
        return Cat(difference[:size], difference[whole])

    using = Trial(whole, size)
    return plan.step("difference", size + 1, subtract, entering, trial, using=using)


def restored(plan: Plan, digit: Wire, difference: Wire, entering: Wire, width: int) -> Wire:
    """What remains: the difference, or what there was if that would be negative."""

    def choose(q: Any, d: Any, e: Any) -> Any:
        whole: Any = Mux(q, d, e) + Const(0, width)
        return whole[:width]

    operands = (digit, difference, entering)
    using = Restored(width)
    return plan.step("remainder", width, choose, *operands, using=using, wrap=True)


def appended(plan: Plan, value: Wire, digit: Wire) -> Wire:
    return plan.step("digits", value.width + 1, lambda q, v: Cat(q, v), digit, value)


def remains(plan: Plan, *wires: Wire) -> Wire:
    """Whether any bit is set."""
    found = [wire for wire in wires if wire.width]
    bits = sum(wire.width for wire in found)
    levels = max((bits - 1).bit_length() + 1, 2) // 2
    using = Logic(levels, -(-bits // 3))
    return plan.step("remains", 1, lambda *w: Cat(*w).any(), *found, using=using)


class Bits:
    """The bits of a word from the top, some at a time; zeros after the last one."""

    def __init__(self, plan: Plan, name: str, wire: Wire, count: int):
        self.plan, self.name, self.wire, self.count = plan, name, wire, count

    def drop(self, count: int) -> None:
        """Leave so many bits out."""
        self._keep(self.wire.width - count, 0)

    def next(self, remainder: Wire) -> Wire:
        """The remainder followed by the next bits."""
        count, width = self.count, remainder.width + self.count
        name, wire = "entering", self.wire
        if not wire.width:
            return self.plan.step(name, width, lambda r: Cat(Const(0, count), r), remainder)
        found = self.plan.step(name, width, lambda r, w: Cat(w[-count:], r), remainder, wire)
        # In the cycle of the digit: only what is left needs registers.
        self._keep(wire.width - count, found.cycle)
        return found

    def _keep(self, width: int, cycle: int) -> None:
        if not width:
            self.wire = self.plan.constant(0, 0)
            return
        self.wire = self.plan.step(self.name, width, lambda w: w[:width], self.wire, cycle=cycle)
