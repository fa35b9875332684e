"""Reciprocals of square roots, digit by digit, with what remains (:mod:`.digit_recurrence`)."""

from math import isqrt

from amaranth import Cat, Const, Mux

from holigrail_hw.estimate.primitives import Adder, CarryChoice, Trial

from ..plan.plan import Plan, Wire
from .digit_recurrence import Digits, Recurrence, appended, remains, restored

__all__ = ["inverse_root"]


def inverse_root(
    plan: Plan, numerator: Wire, radicand: Wire, places: int, how: Recurrence
) -> Digits:
    """The first digits of numerator / sqrt(d), for d = radicand * 2^-places, at least 1.

    The first digit has weight 1. ``numerator``: one bit; 0 makes all digits 0.
    """
    largest = (1 << radicand.width) - 1
    if how.per_cycle is not None:
        return _serial_inverse(plan, numerator, radicand, places, how)
    entering, trial, thrice = _begin(plan, numerator, radicand, places, _sizes(largest, places, 0))
    value = plan.constant(0, 0)
    for index in range(how.digits):
        sizes = _sizes(largest, places, index + 1)
        entering, trial, digit = _inverse_digit(plan, entering, trial, thrice, radicand, sizes)
        value = appended(plan, value, digit)
    return Digits(value, remains(plan, entering) if how.sticky else None, how.carried)


def _serial_inverse(
    plan: Plan, numerator: Wire, radicand: Wire, places: int, how: Recurrence
) -> Digits:
    digits = how.digits
    # Every turn has room for the last one.
    sizes = _sizes((1 << radicand.width) - 1, places, digits)
    entering, trial, thrice = _begin(plan, numerator, radicand, places, sizes)

    def turn(
        plan: Plan, entering: Wire, trial: Wire, value: Wire, thrice: Wire, radicand: Wire
    ) -> list[Wire]:
        for _ in range(how.per_cycle or 1):
            entering, trial, digit = _inverse_digit(plan, entering, trial, thrice, radicand, sizes)
            value = plan.step("root", digits, lambda q, v: Cat(q, v)[:digits], digit, value)
        return [entering, trial, value]

    state, kept = [entering, trial, plan.constant(0, digits)], [thrice, radicand, *how.carried]
    turns = digits // (how.per_cycle or 1)
    (entering, _, value), kept = plan.repeat("digits", turn, state, kept, turns, read=2)
    return Digits(value, remains(plan, entering) if how.sticky else None, kept[2:])


def _begin(
    plan: Plan, numerator: Wire, radicand: Wire, places: int, sizes: tuple[int, int]
) -> tuple[Wire, Wire, Wire]:
    """What enters the first digit, its trial, and three times the radicand."""
    entering = plan.step("entering", sizes[0], lambda n: Cat(Const(0, places), n), numerator)
    # The negative of the trial: no operand of an adder needs to be inverted.
    using = Adder(radicand.width)
    trial = plan.step("trial", sizes[1], lambda d: -d, radicand, using=using, wrap=True)
    using, width = Adder(radicand.width + 1), radicand.width + 2
    thrice = plan.step("thrice", width, lambda d: d + (d << 1), radicand, using=using, wrap=True)
    return entering, trial, thrice


def _sizes(largest: int, places: int, index: int) -> tuple[int, int]:
    """Bits of what enters digit ``index``, and of its trial, for any radicand."""
    if not index:
        return places + 1, largest.bit_length()
    # d q^2 <= 2^(places + 2 (index - 1)) < d (q + 1)^2 bounds d q, and what remains by 2 d q + d.
    product = isqrt(largest << (places + 2 * index - 2))
    return (4 * (2 * product + largest)).bit_length(), (4 * product + largest).bit_length()


def _inverse_digit(
    plan: Plan, entering: Wire, trial: Wire, thrice: Wire, radicand: Wire, sizes: tuple[int, int]
) -> tuple[Wire, Wire, Wire]:
    """What enters the next digit, its trial (negative, without its sign), and this digit."""
    size = max(entering.width, trial.width)
    ones = Const(-1, size + 1)
    difference = plan.step(
        "difference",
        size + 1,
        lambda e, t: (e + Cat(t, ones)[: size + 1])[: size + 1],
        *(entering, trial),
        using=Trial(size, size),
    )
    digit = plan.step("digit", 1, lambda d: ~d[size], difference)
    remainder = restored(plan, digit, difference, entering, sizes[0] - 2)
    entering = plan.step("entering", remainder.width + 2, lambda r: Cat(Const(0, 2), r), remainder)
    width = sizes[1]
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
