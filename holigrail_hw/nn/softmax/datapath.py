"""The hardware of softmax: distances to the largest number, exponentials, one reciprocal, products.

The names are those of :mod:`.operator`: p fraction bits of exponentials, q of the reciprocal.
"""

from collections.abc import Sequence

from amaranth import Cat, Mux, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Multiplexer
from holigrail_hw.formats import FixedFormat
from holigrail_hw.hdl.integer.balanced_tree import balanced_tree
from holigrail_hw.hdl.integer.lookup import looked_up
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

__all__ = ["exponential", "largest", "reciprocal", "scaled"]


def largest(plan: Plan, numbers: Sequence[Wire]) -> Wire:
    """The largest of integers of one shape."""

    def larger(a: Wire, b: Wire) -> Wire:
        less = plan.step("less", 1, lambda a, b: a < b, a, b, using=Comparator(a.width))
        using = Multiplexer(a.width)
        return plan.step("larger", a.shape, lambda t, a, b: Mux(t, b, a), less, a, b, using=using)

    return balanced_tree(numbers, larger)


def exponential(plan: Plan, table: Sequence[int], x: Wire, most: Wire, number: int) -> Wire:
    """The entry for the distance of x to the largest number; 0 beyond the table."""
    width, kept = x.width, max((len(table) - 1).bit_length(), 1)
    distance = plan.step(
        f"distance{number}",
        unsigned(width),
        lambda m, x: m - x,
        most,
        x,
        using=Adder(width),
        wrap=True,
    )
    entries = [*table, *[0] * ((1 << kept) - len(table))]
    index = plan.step(f"index{number}", unsigned(kept), lambda d: d[:kept], distance)
    entry = looked_up(plan, f"exponential{number}", entries, index)
    if kept == width:
        return entry
    beyond = plan.step(f"beyond{number}", 1, lambda d: d[kept:].any(), distance, using=Logic())
    using = Logic(1, entry.width)
    return plan.step(
        f"e{number}", entry.shape, lambda e, b: Mux(b, 0, e), entry, beyond, using=using
    )


def reciprocal(plan: Plan, total: Wire, p: int, q: int) -> Wire:
    """floor(2^(p+q) / S) for 2^p <= S: the first remainder is 2^p, and q + 1 digits follow."""
    width, digits = total.width, []
    rest = plan.constant(1 << p, unsigned(width + 1))
    for digit in range(q, -1, -1):
        less = plan.step(
            f"less{digit}",
            signed(width + 2),
            lambda r, s: r - s,
            rest,
            total,
            using=Adder(width + 2),
        )
        digits.insert(0, plan.step(f"digit{digit}", 1, lambda v: ~v[-1], less))
        if digit:
            rest = plan.step(
                f"rest{digit}",
                unsigned(width + 1),
                lambda v, r: Mux(v[-1], r, v).as_unsigned().shift_left(1),
                less,
                rest,
                using=Multiplexer(width),
                wrap=True,
            )
    return plan.step("reciprocal", unsigned(q + 1), lambda *bits: Cat(*bits), *digits)


def scaled(
    plan: Plan, e: Wire, factor: Wire, shift: int, result: FixedFormat, multiplier: str, number: int
) -> Wire:
    """The product rounded to the result's places; 1 becomes its largest number if that is less."""
    product = multiply(plan, e, factor, multiplier, f"product{number}")
    width, shape = result.fraction_width + 1, shape_of(result)
    rounded = plan.step(
        f"rounded{number}",
        unsigned(width),
        lambda v: (v + (1 << shift >> 1)) >> shift,
        product,
        using=Adder(product.width),
        wrap=True,
    )
    if result.maximum >= 1 << result.fraction_width:
        return plan.step(f"y{number}", shape, lambda v: v, rounded)
    return plan.step(
        f"y{number}",
        shape,
        lambda v: Mux(v > result.maximum, result.maximum, v),
        rounded,
        using=Comparator(width),
        wrap=True,
    )
