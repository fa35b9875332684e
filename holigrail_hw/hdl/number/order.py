"""Which of two numbers is larger, for any pair of formats.

Fixed-point numbers are aligned by a constant shift and compared as integers. The codes of a float
format, without their sign, are in the order of the magnitudes. For numbers of different kinds both
are normalised first: (exponent of the leading one, significand) is in the order of the magnitudes.
"""

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Comparator, LeadingZeros, Logic, Shifter
from holigrail_hw.formats import Format

from ..integer.leading_zeros import leading_zeros
from ..plan.plan import Plan, Wire
from .fixed import fixed_operand, fixed_range
from .rules import hardware_rules
from .unpack import unpack
from .unpacked import Unpacked

__all__ = ["ORDER", "Order", "order", "order_unpacked"]

ORDER = hardware_rules("order")
"""By both formats: ``(plan, a_format, a, b_format, b)`` to an Order."""


@dataclass(frozen=True)
class Order:
    """One-bit wires. Without NaN, exactly one of less, equal and greater is set.

    ``before``: less, or -0 against +0; False for NaN operands it is not defined.
    ``a``, ``b``: the operands taken apart, None for fixed point.
    """

    less: Wire
    equal: Wire
    greater: Wire
    before: Wire
    unordered: Wire
    a: Unpacked | None = None
    b: Unpacked | None = None


def order(plan: Plan, a_format: Format, a: Wire, b_format: Format, b: Wire) -> Order:
    """Compare two numbers exactly; +0 equals -0, and NaN is unordered with everything.

    A system whose numbers are ordered otherwise, as NaR of posits is, says so by a rule.
    """
    rule = ORDER.find(a_format, b_format)
    if rule is not None:
        return rule(plan, a_format, a, b_format, b)
    if a_format.is_fixed_like and b_format.is_fixed_like:
        return _order_integers(plan, a_format, a, b_format, b)
    x, y = unpack(plan, a_format, a, "a"), unpack(plan, b_format, b, "b")
    return order_unpacked(plan, x, y)


def order_unpacked(
    plan: Plan, x: Unpacked, y: Unpacked, keys: tuple[Wire, Wire] | None = None
) -> Order:
    """Compare two numbers taken apart.

    ``keys``: two unsigned wires in the order of the magnitudes, 0 for zero alone; where there are
    none, both numbers are normalised to make them.
    """
    return _order_keys(plan, x, y, *(_normalised_keys(plan, x, y) if keys is None else keys))


def _order_integers(plan: Plan, a_format: Format, a: Wire, b_format: Format, b: Wire) -> Order:
    a_fraction, b_fraction = fixed_range(a_format)[2], fixed_range(b_format)[2]
    fraction = max(a_fraction, b_fraction)
    a, b = fixed_operand(plan, "a_value", a, a_format), fixed_operand(plan, "b_value", b, b_format)

    def compared(function) -> Any:
        return lambda a, b: function(
            _aligned(a, fraction - a_fraction), _aligned(b, fraction - b_fraction)
        )

    width = max(a.width + fraction - a_fraction, b.width + fraction - b_fraction)
    using = Comparator(width)
    less = plan.step("below", 1, compared(lambda x, y: x < y), a, b, using=using)
    equal = plan.step("same", 1, compared(lambda x, y: x == y), a, b, using=using)
    greater = plan.step("above", 1, lambda x, y: ~x & ~y, less, equal, using=Logic())
    return Order(less, equal, greater, less, plan.constant(0, 1))


def _aligned(value: Any, places: int) -> Any:
    value = Value.cast(value)
    return value.shift_left(places)


def _normalised_keys(plan: Plan, x: Unpacked, y: Unpacked) -> list[Wire]:
    """{class and exponent of the leading one, significand} of both, as comparable integers."""
    tops = [(n.exponent_low + n.scale, n.exponent_high + n.scale + n.width) for n in (x, y)]
    lowest, highest = min(low for low, _ in tops), max(high for _, high in tops)
    exponent_width = (highest - lowest + 1).bit_length()
    width = max(x.width, y.width)
    return [_normalised_key(plan, n, lowest, exponent_width, width) for n in (x, y)]


def _normalised_key(plan: Plan, n: Unpacked, lowest: int, exponent_width: int, width: int) -> Wire:
    count_width = (n.width - 1).bit_length() + 1
    count = plan.step(
        "leading_zeros", count_width, leading_zeros, n.significand, using=LeadingZeros(n.width)
    )
    shifted = plan.step(
        "normalised",
        n.width,
        lambda m, c: m << c[:-1] if len(c) > 1 else m,
        n.significand,
        count,
        using=Shifter(n.width, count_width - 1),
        wrap=True,
    )
    offset = n.scale + n.width - lowest

    def key(e: Any, m: Any, c: Any, special: Any) -> Any:
        # One more than the distance to the lowest exponent, so that 0 is left for zero.
        # Not negative but for zero; a slice of fewer bits than exponent_width would be shorter.
        distance = e + offset - c[:-1] if len(c) > 1 else e + offset
        exponent = Cat(distance, Const(0, exponent_width))[:exponent_width]
        digits = Cat(Const(0, width - n.width), m)
        finite = Cat(digits, Mux(c[-1], 0, exponent))
        return Cat(finite & ~special.replicate(len(finite)), special)

    special = n.special or plan.constant(0, 1)
    return plan.step(
        "key",
        exponent_width + width + 1,
        key,
        n.exponent,
        shifted,
        count,
        special,
        using=Comparator(exponent_width),
    )


def _order_keys(plan: Plan, x: Unpacked, y: Unpacked, x_key: Wire, y_key: Wire) -> Order:
    smaller = plan.step(
        "smaller", 1, lambda x, y: x < y, x_key, y_key, using=Comparator(x_key.width)
    )
    same = plan.step(
        "same_magnitude", 1, lambda x, y: x == y, x_key, y_key, using=Comparator(x_key.width)
    )
    both_zero = plan.step(
        "both_zero", 1, lambda s, k: s & ~k.any(), same, x_key, using=Logic(2, x_key.width // 3)
    )
    nothing = plan.constant(0, 1)
    unordered = plan.step(
        "unordered", 1, lambda a, b: a | b, x.nan or nothing, y.nan or nothing, using=Logic()
    )
    before = plan.step(
        "before",
        1,
        lambda s, t, smaller, same: Mux(s ^ t, s, Mux(s, ~smaller & ~same, smaller)),
        x.sign,
        y.sign,
        smaller,
        same,
        using=Logic(),
    )
    equal = plan.step(
        "same",
        1,
        lambda s, t, same, zero, unordered: (same & ~(s ^ t) | zero) & ~unordered,
        x.sign,
        y.sign,
        same,
        both_zero,
        unordered,
        using=Logic(2, 2),
    )
    less = plan.step(
        "below",
        1,
        lambda before, zero, unordered: before & ~zero & ~unordered,
        before,
        both_zero,
        unordered,
        using=Logic(),
    )
    greater = plan.step(
        "above",
        1,
        lambda less, equal, unordered: ~(less | equal | unordered),
        less,
        equal,
        unordered,
        using=Logic(),
    )
    return Order(less, equal, greater, before, unordered, x, y)
