"""Between logarithmic numbers and binary fractions.

A logarithm is found by bisection among the powers 2^(k / 2^n), or looked up where the fraction has
few bits. A power is looked up by the fraction of the logarithm.
"""

from amaranth import Cat

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic

from ...integer.lookup import looked_up
from ...plan.plan import Plan, Wire
from ..float_sum import zero_of
from ..normal import normalised
from ..unpacked import Span, Unpacked, range_shape
from .number import Logarithm
from .tables import power_below

__all__ = ["fraction_of", "logarithm_of"]


def logarithm_of(plan: Plan, number: Unpacked, places: int) -> Logarithm:
    """A binary fraction by its logarithm, to ``places`` and a sticky bit below."""
    zero = zero_of(plan, number) if number.zero_high is not None else None
    number = normalised(plan, number, "x")
    width = number.width
    if width == 1:
        part = plan.constant(0, 1)
    elif width <= places + 2:
        part = _looked_up_logarithm(plan, number.significand, places)
    else:
        part = _searched_logarithm(plan, number.significand, places)
    offset = number.scale + width - 1
    low, high = ((e + offset) << (places + 1) for e in (number.exponent_low, number.exponent_high))
    shape = range_shape(low, high + (2 << places))
    log = plan.step(
        "log",
        shape,
        lambda e, part: (e + offset).shift_left(places + 1) + part,
        *(number.exponent, part),
        using=Adder(shape.width),
        wrap=True,
    )
    nan = number.special
    return Logarithm(number.sign, log, zero, nan, places + 1, low, high + (2 << places))


def _looked_up_logarithm(plan: Plan, significand: Wire, places: int) -> Wire:
    """The fraction of the logarithm of 1.xxx, with a sticky bit."""
    width = significand.width
    borders = [power_below(k, places, width - 1) for k in range(1 << places)]
    entries, log = [], 0
    for value in range(1 << (width - 1), 1 << width):
        while log + 1 < len(borders) and borders[log + 1] < value:
            log += 1
        entries.append(2 * log + (value != 1 << (width - 1)))
    index = plan.step("fraction", width - 1, lambda s: s[:-1], significand)
    return looked_up(plan, "fraction_log", entries, index)


def _searched_logarithm(plan: Plan, significand: Wire, places: int) -> Wire:
    """The same digit by digit: is the significand above the power in the middle?"""
    width, found = significand.width, None
    for digit in range(places):
        step = 1 << (places - digit - 1)
        borders = [power_below((2 * k + 1) * step, places, width - 1) for k in range(1 << digit)]
        border = plan.constant(borders[0], width)
        if found is not None:
            border = looked_up(plan, "border", borders, found)
        above = plan.step(
            "above", 1, lambda s, b: s > b, significand, border, using=Comparator(width)
        )
        operands = (above,) if found is None else (above, found)
        found = plan.step("digits", digit + 1, lambda *d: Cat(*d), *operands)
    assert found is not None
    return plan.step(
        "fraction_log",
        places + 1,
        lambda f, s: Cat(s[:-1].any(), f),
        *(found, significand),
        using=Logic(2, width // 3 + 1),
    )


def fraction_of(plan: Plan, x: Logarithm, digits: int) -> Unpacked:
    """The number as a binary fraction with a sticky bit below its digits."""
    entries = [2 * power_below(k, x.places, digits) + (k != 0) for k in range(1 << x.places)]
    significand = plan.constant(entries[0], digits + 2)
    if x.places:
        index = plan.step("log_fraction", x.places, lambda v: v[: x.places], x.log)
        significand = looked_up(plan, "power", entries, index)
    if x.zero is not None:
        significand = plan.step(
            "significand",
            digits + 2,
            lambda s, z: s & ~z.replicate(digits + 2),
            *(significand, x.zero),
            using=Logic(1, digits + 2),
        )
    low, high = x.low >> x.places, x.high >> x.places
    exponent = plan.step(
        "exponent", range_shape(low, high), lambda v: v >> x.places, x.log, wrap=True
    )
    top = digits + 1
    return Unpacked(
        sign=x.sign,
        significand=significand,
        exponent=exponent,
        scale=-top,
        exponent_low=low,
        exponent_high=high,
        spans=(Span(low, high, top, top),),
        zero_high=high,
        nan=x.nan,
        special=x.nan,
        zero=x.zero,
    )
