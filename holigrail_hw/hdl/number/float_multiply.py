"""The exact product of two unpacked numbers.

Significands multiply as they are: a subnormal operand is not normalised first, since the unit that
rounds the product has to shift it anyway. 0 * infinity is NaN.
"""

from amaranth import Shape

from holigrail_hw.estimate.primitives import Adder, Logic

from ..integer.multiply import multiply
from ..plan.plan import Plan, Wire
from .unpacked import Span, Unpacked, range_shape

__all__ = ["multiply_unpacked"]


def multiply_unpacked(plan: Plan, a: Unpacked, b: Unpacked, structure: str = "rows") -> Unpacked:
    """The product of ``a`` and ``b``; ``structure`` as in :func:`.multiply.multiply`."""
    significand = multiply(plan, a.significand, b.significand, structure)
    width = a.width + b.width - (1 in (a.width, b.width))
    if width < significand.width:
        significand = plan.step("product_low", width, lambda x: x, significand, wrap=True)
    low, high = a.exponent_low + b.exponent_low, a.exponent_high + b.exponent_high
    exponent = _sum(plan, a, b, range_shape(low, high))
    nan = _nan(plan, a, b)
    return Unpacked(
        sign=plan.step("product_sign", 1, lambda a, b: a ^ b, a.sign, b.sign, using=Logic()),
        significand=significand,
        exponent=exponent,
        scale=a.scale + b.scale,
        exponent_low=low,
        exponent_high=high,
        spans=tuple(_product_span(x, y, width) for x in a.spans for y in b.spans),
        zero_high=_zero_high(a, b),
        nan=nan,
        special=_either(plan, "product_special", a.special, b.special),
    )


def _sum(plan: Plan, a: Unpacked, b: Unpacked, shape: Shape) -> Wire:
    for x, y in ((a, b), (b, a)):
        if x.exponent_low == x.exponent_high == 0:
            return y.exponent
    return plan.step(
        "product_exponent",
        shape,
        lambda a, b: a + b,
        a.exponent,
        b.exponent,
        using=Adder(shape.width),
        wrap=True,
    )


def _product_span(a: Span, b: Span, width: int) -> Span:
    return Span(
        a.exponent_low + b.exponent_low,
        a.exponent_high + b.exponent_high,
        a.leading_low + b.leading_low,
        min(a.leading_high + b.leading_high + 1, width - 1),
    )


def _zero_high(a: Unpacked, b: Unpacked) -> int | None:
    """The largest exponent of a product with significand 0."""
    found = []
    for x, y in ((a, b), (b, a)):
        if x.zero_high is not None:
            largest = max([span.exponent_high for span in y.spans], default=0)
            found.append(x.zero_high + max(largest, y.zero_high or 0))
    return max(found, default=None)


def _nan(plan: Plan, a: Unpacked, b: Unpacked) -> Wire | None:
    nan = _either(plan, "product_nan", a.nan, b.nan)
    for index, (x, y) in enumerate(((a, b), (b, a))):
        if x.special is None or x.special is x.nan or y.zero_high is None:
            continue
        zero = y.zero
        if zero is None:
            zero = plan.step(
                f"zero{index}",
                1,
                lambda s: ~s.any(),
                y.significand,
                using=Logic(2, -(-y.width // 3)),
            )
        invalid = plan.step(
            f"invalid{index}", 1, lambda s, z: s & z, x.special, zero, using=Logic()
        )
        nan = _either(plan, "product_nan", nan, invalid)
    return nan


def _either(plan: Plan, name: str, a: Wire | None, b: Wire | None) -> Wire | None:
    if a is None or b is None:
        return a or b
    return plan.step(name, 1, lambda a, b: a | b, a, b, using=Logic())
