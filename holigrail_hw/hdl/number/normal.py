"""Numbers with their leading one in the top place, as divisions and roots need them."""

from dataclasses import replace

from amaranth import Mux, Value

from holigrail_hw.estimate.primitives import Adder, LeadingZeros, Multiplexer

from ..integer.leading_zeros import leading_zeros
from ..plan.plan import Plan, Wire
from .unpacked import Span, Unpacked, range_shape

__all__ = ["normalised"]


def normalised(plan: Plan, number: Unpacked, name: str) -> Unpacked:
    """The same number; its significand is zero or has its top bit set.

    The exponent of a zero is any in the range of the exponents. ``name`` prefixes the steps' names.
    """
    width = number.width
    most = max((width - 1 - span.leading_low for span in number.spans), default=0)
    if not most:
        return number
    looked_at = min(most + 1, width)
    stages = most.bit_length()
    zeros = plan.step(
        f"{name}_leading_zeros",
        (looked_at - 1).bit_length() + 1,
        lambda s: leading_zeros(s[-looked_at:]),
        number.significand,
        using=LeadingZeros(looked_at),
    )
    significand = number.significand
    for index in reversed(range(stages)):
        distance = 1 << index

        def shifted(s, z, index: int = index, distance: int = distance):
            return Mux(z[index], Value.cast(s << distance)[:width], s)

        significand = plan.step(
            f"{name}_shifted_{distance}",
            width,
            shifted,
            *(significand, zeros),
            using=Multiplexer(width),
        )
    spans = tuple(
        Span(
            span.exponent_low - (width - 1 - span.leading_low),
            span.exponent_high - (width - 1 - span.leading_high),
            width - 1,
            width - 1,
        )
        for span in number.spans
    )
    low, high = number.exponent_low - (1 << stages) + 1, number.exponent_high
    return replace(
        number,
        significand=significand,
        exponent=_less(plan, f"{name}_exponent", number.exponent, zeros, stages, low, high),
        exponent_low=low,
        exponent_high=high,
        spans=spans,
        zero_high=None if number.zero_high is None else high,
    )


def _less(
    plan: Plan, name: str, exponent: Wire, zeros: Wire, stages: int, low: int, high: int
) -> Wire:
    shape = range_shape(low, high)
    return plan.step(
        name,
        shape,
        lambda e, z: e - z[:stages],
        *(exponent, zeros),
        using=Adder(shape.width),
        wrap=True,
    )
