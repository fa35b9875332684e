"""Square roots of integers, digit by digit, with what remains (:mod:`.digit_recurrence`)."""

from amaranth import Cat, Const

from ..plan.plan import Plan, Wire
from .digit_recurrence import Bits, Digits, Recurrence, appended, difference_of, remains, restored

__all__ = ["square_root"]


def square_root(plan: Plan, radicand: Wire, how: Recurrence) -> Digits:
    """The first digits of the root of the radicand, whose width must be even.

    The first one belongs to its first two bits; beyond its last bit the radicand has zeros.
    """
    if how.per_cycle is not None:
        return _serial_root(plan, radicand, how)
    rest = Bits(plan, "radicand", radicand, 2)
    remainder, value = plan.constant(0, 0), plan.constant(0, 0)
    for _ in range(how.digits):
        entering = rest.next(remainder)
        digit, remainder = _root_digit(plan, entering, value)
        value = appended(plan, value, digit)
    sticky = remains(plan, remainder, rest.wire) if how.sticky else None
    return Digits(value, sticky, how.carried)


def _root_digit(plan: Plan, entering: Wire, value: Wire) -> tuple[Wire, Wire]:
    """A digit and what remains, which is at most twice the digits."""
    size = entering.width
    trial = plan.step("trial", value.width + 2, lambda q: Cat(Const(1, 2), q), value)
    difference = difference_of(plan, entering, trial)
    digit = plan.step("digit", 1, lambda d: ~d[size], difference)
    return digit, restored(plan, digit, difference, entering, min(size, value.width + 2))


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
        sticky = remains(plan, remainder, unused)
    return Digits(value, sticky, kept)
