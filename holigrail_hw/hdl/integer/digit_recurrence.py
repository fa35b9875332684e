"""Quotients and square roots of integers, digit by digit, with what remains.

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
from math import isqrt
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Adder, CarryChoice, Logic, Restored

from ..plan.plan import Plan, Wire

__all__ = ["Digits", "Recurrence", "inverse_root", "quotient", "square_root"]


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


def quotient(plan: Plan, dividend: Wire, divisor: Wire, how: Recurrence, known: int = 0) -> Digits:
    """The first digits of dividend / divisor.

    Parameters
    ----------
    known : int
        So many first bits of the dividend are less than the divisor: the digits before the last of
        them would be 0 and are not made. Beyond its last bit the dividend has zeros.
    """
    if how.per_cycle is not None:
        return _serial_quotient(plan, dividend, divisor, how, known)
    width = dividend.width
    missing = max(known - width, 0)
    rest = _Bits(plan, "dividend", dividend, 1)
    remainder = plan.constant(0, 0)
    if known:
        remainder = plan.step(
            "remainder",
            known,
            lambda a: Cat(Const(0, missing), a[max(width - known, 0) :]),
            dividend,
        )
        rest.drop(min(known, width))
    above = _bits_above(plan, divisor) if remainder.width + 1 < divisor.width else {}
    value = plan.constant(0, 0)
    for _ in range(how.digits):
        entering = rest.next(remainder)
        digit, remainder = _quotient_digit(plan, entering, divisor, above.get(entering.width))
        value = _append(plan, value, digit)
    sticky = _remains(plan, remainder, rest.wire) if how.sticky else None
    return Digits(value, sticky, how.carried)


def _quotient_digit(
    plan: Plan, entering: Wire, divisor: Wire, above: Wire | None = None
) -> tuple[Wire, Wire]:
    """A digit and what remains; ``above``: whether the divisor is longer than what enters."""
    size = entering.width
    difference = _difference(plan, entering, divisor)
    if above is None:
        digit = plan.step("digit", 1, lambda d: ~d[size], difference)
    else:
        digit = plan.step("digit", 1, lambda d, a: ~(d[size] | a), difference, above, using=Logic())
    return digit, _restored(plan, digit, difference, entering, min(size, divisor.width))


def _serial_quotient(
    plan: Plan, dividend: Wire, divisor: Wire, how: Recurrence, known: int
) -> Digits:
    """Bits of the dividend leave a register at its top while digits enter it at the bottom."""
    width = dividend.width
    length = max(width - known, how.digits)
    missing, pad = max(known - width, 0), length - max(width - known, 0)
    remainder = plan.step(
        "remainder",
        divisor.width,
        lambda a: Cat(Const(0, missing), a[max(width - known, 0) :]) if known else Const(0, 1),
        dividend,
    )
    shifted = plan.step(
        "shifted", length, lambda a: Cat(Const(0, pad), a[: max(width - known, 0)]), dividend
    )

    def turn(plan: Plan, remainder: Wire, shifted: Wire, divisor: Wire) -> list[Wire]:
        for _ in range(how.per_cycle or 1):
            entering = plan.step(
                "entering", remainder.width + 1, lambda r, s: Cat(s[-1], r), remainder, shifted
            )
            digit, remainder = _quotient_digit(plan, entering, divisor)
            shifted = plan.step(
                "shifted", length, lambda q, s: Cat(q, s)[:length], digit, shifted, wrap=True
            )
        return [remainder, shifted]

    turns = how.digits // (how.per_cycle or 1)
    kept = [divisor, *how.carried]
    (remainder, shifted), kept = plan.repeat(
        "digits", turn, [remainder, shifted], kept, turns, read=1
    )
    value = plan.step("quotient", how.digits, lambda s: s[: how.digits], shifted)
    unused = plan.constant(0, 0)
    if length > how.digits:
        unused = plan.step("unused", length - how.digits, lambda s: s[how.digits :], shifted)
    sticky = _remains(plan, remainder, unused) if how.sticky else None
    return Digits(value, sticky, kept[1:])


def square_root(plan: Plan, radicand: Wire, how: Recurrence) -> Digits:
    """The first digits of the root of the radicand, whose width must be even.

    The first one belongs to its first two bits; beyond its last bit the radicand has zeros.
    """
    if how.per_cycle is not None:
        return _serial_root(plan, radicand, how)
    rest = _Bits(plan, "radicand", radicand, 2)
    remainder, value = plan.constant(0, 0), plan.constant(0, 0)
    for _ in range(how.digits):
        entering = rest.next(remainder)
        digit, remainder = _root_digit(plan, entering, value)
        value = _append(plan, value, digit)
    sticky = _remains(plan, remainder, rest.wire) if how.sticky else None
    return Digits(value, sticky, how.carried)


def _root_digit(plan: Plan, entering: Wire, value: Wire) -> tuple[Wire, Wire]:
    """A digit and what remains, which is at most twice the digits."""
    size = entering.width
    trial = plan.step("trial", value.width + 2, lambda q: Cat(Const(1, 2), q), value)
    difference = _difference(plan, entering, trial)
    digit = plan.step("digit", 1, lambda d: ~d[size], difference)
    return digit, _restored(plan, digit, difference, entering, min(size, value.width + 2))


def _serial_root(plan: Plan, radicand: Wire, how: Recurrence) -> Digits:
    width, digits = radicand.width, how.digits

    def turn(plan: Plan, remainder: Wire, value: Wire, rest: Wire) -> list[Wire]:
        for _ in range(how.per_cycle or 1):
            entering = plan.step(
                "entering", digits + 3, lambda r, a: Cat(a[-2:], r), remainder, rest
            )
            digit, remainder = _root_digit(plan, entering, value)
            remainder = plan.step(
                "remainder", digits + 1, lambda r: r[: digits + 1], remainder, wrap=True
            )
            value = plan.step("root", digits, lambda q, v: Cat(q, v)[:digits], digit, value)
            rest = plan.step("rest", width, lambda a: Cat(Const(0, 2), a)[:width], rest)
        return [remainder, value, rest]

    state = [plan.constant(0, digits + 1), plan.constant(0, digits), radicand]
    turns = digits // (how.per_cycle or 1)
    (remainder, value, rest), kept = plan.repeat("digits", turn, state, how.carried, turns)
    sticky = None
    if how.sticky:
        unused = rest if width > 2 * digits else plan.constant(0, 0)
        sticky = _remains(plan, remainder, unused)
    return Digits(value, sticky, kept)


def inverse_root(
    plan: Plan, numerator: Wire, radicand: Wire, places: int, how: Recurrence
) -> Digits:
    """The first digits of numerator / sqrt(d), for d = radicand * 2^-places, at least 1.

    The first digit has weight 1. ``numerator``: one bit; 0 makes all digits 0.
    """
    bounds = [
        _inverse_bounds((1 << radicand.width) - 1, places, index) for index in range(how.digits + 1)
    ]
    serial = how.per_cycle is not None
    sizes = [[size.bit_length() for size in (bounds[-1] if serial else each)] for each in bounds]
    thrice = plan.step(
        "thrice",
        radicand.width + 2,
        lambda d: d + (d << 1),
        radicand,
        using=Adder(radicand.width + 1),
        wrap=True,
    )
    entering = plan.step("entering", sizes[0][0], lambda n: Cat(Const(0, places), n), numerator)
    # The negative of the trial: no operand of an adder needs to be inverted.
    trial = plan.step(
        "trial",
        max(sizes[0][1], 1),
        lambda d: -d,
        radicand,
        using=Adder(radicand.width),
        wrap=True,
    )
    value = plan.constant(0, how.digits if serial else 0)
    operands = [thrice, radicand]
    if not serial:
        for index in range(how.digits):
            entering, trial, digit = _inverse_digit(
                plan, entering, trial, *operands, sizes[index + 1]
            )
            value = _append(plan, value, digit)
        return Digits(value, _remains(plan, entering) if how.sticky else None, how.carried)

    def turn(plan: Plan, entering: Wire, trial: Wire, value: Wire, *operands: Wire) -> list[Wire]:
        for _ in range(how.per_cycle or 1):
            entering, trial, digit = _inverse_digit(plan, entering, trial, *operands, sizes[0])
            value = plan.step(
                "root", how.digits, lambda q, v: Cat(q, v)[: how.digits], digit, value
            )
        return [entering, trial, value]

    turns = how.digits // (how.per_cycle or 1)
    (entering, trial, value), kept = plan.repeat(
        "digits", turn, [entering, trial, value], [*operands, *how.carried], turns, read=2
    )
    sticky = _remains(plan, entering) if how.sticky else None
    return Digits(value, sticky, kept[2:])


def _inverse_bounds(largest: int, places: int, index: int) -> tuple[int, int]:
    """The most that enters digit ``index``, and its largest trial, for any radicand."""
    if not index:
        return 1 << places, largest
    # d q^2 <= 2^(places + 2 (index - 1)) < d (q + 1)^2 bounds d q, and what remains by 2 d q + d.
    product = isqrt(largest << (places + 2 * index - 2))
    return 4 * (2 * product + largest), 4 * product + largest


def _inverse_digit(
    plan: Plan, entering: Wire, trial: Wire, thrice: Wire, radicand: Wire, sizes: Sequence[int]
) -> tuple[Wire, Wire, Wire]:
    """What enters the next digit, its trial (negative, without its sign), and this digit."""
    size = max(entering.width, trial.width)
    ones = Const(-1, size + 1)
    difference = plan.step(
        "difference",
        size + 1,
        lambda e, t: (e + Cat(t, ones)[: size + 1])[: size + 1],
        *(entering, trial),
        using=Adder(size),
    )
    digit = plan.step("digit", 1, lambda d: ~d[size], difference)
    remainder = _restored(plan, digit, difference, entering, max(sizes[0] - 2, 1))
    entering = plan.step("entering", remainder.width + 2, lambda r: Cat(Const(0, 2), r), remainder)
    width = max(sizes[1], 1)
    addend = plan.step(
        "addend",
        width,
        lambda q, d3, d: Mux(q, ~(d3 + Const(0, width)), d + Const(0, width))[:width],
        *(digit, thrice, radicand),
        using=CarryChoice(width),
        wrap=True,
    )
    # -3 d is ~3 d + 1, and twice the trial has a free place for that 1.
    trial = plan.step(
        "trial",
        width,
        lambda t, q, a: (Cat(q, t, Const(-1, width))[:width] + a)[:width],
        *(trial, digit, addend),
        using=Adder(width),
        wrap=True,
    )
    return entering, trial, digit


def _difference(plan: Plan, entering: Wire, trial: Wire) -> Wire:
    """Modulo 2^(size + 1); its top bit is the borrow of what is as wide as that which enters."""
    size = entering.width

    def subtract(e: Any, t: Any) -> Any:
        low: Any = Value.cast(t)[:size]
        return (e - low)[: size + 1]

    return plan.step(
        "difference", size + 1, subtract, entering, trial, using=Adder(size), wrap=True
    )


def _restored(plan: Plan, digit: Wire, difference: Wire, entering: Wire, width: int) -> Wire:
    """What remains: the difference, or what there was if that would be negative."""

    def choose(q: Any, d: Any, e: Any) -> Any:
        whole: Any = Mux(q, d, e) + Const(0, width)
        return whole[:width]

    operands = (digit, difference, entering)
    using = Restored(width)
    return plan.step("remainder", width, choose, *operands, using=using, wrap=True)


def _append(plan: Plan, value: Wire, digit: Wire) -> Wire:
    return plan.step("digits", value.width + 1, lambda q, v: Cat(q, v), digit, value)


def _remains(plan: Plan, *wires: Wire) -> Wire:
    """Whether any bit is set."""
    found = [wire for wire in wires if wire.width]
    bits = sum(wire.width for wire in found)
    levels = max((bits - 1).bit_length() + 1, 2) // 2
    using = Logic(levels, -(-bits // 3))
    return plan.step("remains", 1, lambda *w: Cat(*w).any(), *found, using=using)


def _bits_above(plan: Plan, word: Wire) -> dict[int, Wire]:
    """By place: whether any bit from there upwards is set, three places per look-up table."""
    found: dict[int, Wire] = {}
    for place in range(word.width - 1, 0, -1):
        next_place = min(place + 3 - place % 3, word.width)
        upper = [found[next_place]] if next_place < word.width else []

        def any_of(w: Any, *upper: Any, low: int = place, high: int = next_place) -> Any:
            return Cat(w[low:high], *upper).any()

        found[place] = plan.step("longer", 1, any_of, word, *upper, using=Logic())
    return found


class _Bits:
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
