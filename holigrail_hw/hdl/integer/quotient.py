"""Quotients of integers, digit by digit, with what remains (:mod:`.digit_recurrence`)."""

from amaranth import Cat, Const

from ..plan.plan import Plan, Wire
from .digit_recurrence import Bits, Digits, Recurrence, appended, difference_of, remains, restored

__all__ = ["quotient"]


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
    rest = Bits(plan, "dividend", dividend, 1)
    remainder = plan.constant(0, 0)
    if known:
        remainder = plan.step(
            "remainder",
            known,
            lambda a: Cat(Const(0, missing), a[max(width - known, 0) :]),
            dividend,
        )
        rest.drop(min(known, width))
    value = plan.constant(0, 0)
    for _ in range(how.digits):
        entering = rest.next(remainder)
        digit, remainder = _quotient_digit(plan, entering, divisor)
        value = appended(plan, value, digit)
    sticky = remains(plan, remainder, rest.wire) if how.sticky else None
    return Digits(value, sticky, how.carried)


def _quotient_digit(plan: Plan, entering: Wire, divisor: Wire) -> tuple[Wire, Wire]:
    """A digit and what remains."""
    size = entering.width
    difference = difference_of(plan, entering, divisor)
    digit = plan.step("digit", 1, lambda d: ~d[size], difference)
    return digit, restored(plan, digit, difference, entering, min(size, divisor.width))


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
    sticky = remains(plan, remainder, unused) if how.sticky else None
    return Digits(value, sticky, kept[1:])
