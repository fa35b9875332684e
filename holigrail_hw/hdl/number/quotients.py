"""Quotients of unpacked numbers, with the special values of IEEE 754-2019 (6.1, 7.2 and 7.3)."""

from dataclasses import replace

from holigrail_hw.estimate.primitives import Adder, Logic

from ..integer.quotient import quotient
from ..plan.plan import Plan, Wire
from .digit_places import Carried, DigitPlaces, Wanted, any_of, with_sticky
from .float_sum import zero_of
from .normal import normalised
from .unpacked import Span, Unpacked, constant_exponent, range_shape

__all__ = ["divide_unpacked", "one"]


def one(plan: Plan) -> Unpacked:
    """The number 1."""
    sign, significand = plan.constant(0, 1), plan.constant(1, 1)
    number = constant_exponent(plan, sign, significand, 0, Span(0, 0, 0, 0))
    return replace(number, zero_high=None)


def divide_unpacked(
    plan: Plan, x: Unpacked, y: Unpacked, wanted: Wanted
) -> tuple[Unpacked, Carried]:
    """x / y as an Unpacked, and what was carried along. x/0 is infinite, 0/0 is NaN."""
    sign = plan.step("quotient_sign", 1, lambda x, y: x ^ y, x.sign, y.sign, using=Logic())
    nan, special = _quotient_specials(plan, x, y)
    dividend = x.significand
    known = 0
    if not wanted.whole:
        x, y = normalised(plan, x, "x"), normalised(plan, y, "y")
        dividend, known = x.significand, y.width - 1
    if y.special is not None and y.special is not y.nan:
        # A finite number divided by an infinite one is zero.
        dividend = plan.step(
            "dividend",
            x.width,
            lambda s, i: s & ~i.replicate(x.width),
            *(dividend, y.special),
            using=Logic(1, x.width),
        )
    low, high = x.exponent_low - y.exponent_high, x.exponent_high - y.exponent_low
    exponent = _exponent(plan, x, y, low, high)
    first = x.scale + x.width - 1 - y.scale - known
    spans = [
        (a.exponent_low - b.exponent_high, a.exponent_high - b.exponent_low)
        for a in x.spans
        for b in y.spans
    ]
    highest = max((top for _, top in spans), default=0) + first
    how = wanted.recurrence(highest, 2, [sign, exponent, nan, special])
    found = quotient(plan, dividend, y.significand, how, known)
    may_be_zero = x.zero_high is not None or y.special is not None
    shape = DigitPlaces(first, (low, high), spans, 2, may_be_zero)
    return with_sticky(plan, found, how, wanted, shape)


def _quotient_specials(plan: Plan, x: Unpacked, y: Unpacked) -> tuple[Wire | None, Wire | None]:
    """NaN, and NaN or infinite."""
    x_zero = zero_of(plan, x) if x.zero_high is not None else None
    y_zero = zero_of(plan, y) if y.zero_high is not None else None
    both_zero = _both(plan, "zeros", x_zero, y_zero)
    both_special = _both(plan, "specials", x.special, y.special)
    nan = any_of(plan, "quotient_nan", x.nan, y.nan, both_zero, both_special)
    return nan, any_of(plan, "quotient_special", x.special, y_zero, y.nan)


def _exponent(plan: Plan, x: Unpacked, y: Unpacked, low: int, high: int) -> Wire:
    if y.exponent_low == y.exponent_high == 0:
        return x.exponent
    shape = range_shape(low, high)
    return plan.step(
        "quotient_exponent",
        shape,
        lambda a, b: a - b,
        *(x.exponent, y.exponent),
        using=Adder(shape.width),
        wrap=True,
    )


def _both(plan: Plan, name: str, a: Wire | None, b: Wire | None) -> Wire | None:
    if a is None or b is None:
        return None
    return plan.step(name, 1, lambda a, b: a & b, a, b, using=Logic())
