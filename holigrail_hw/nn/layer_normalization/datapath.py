"""The hardware of layer normalisation: sums, the variance, its root from a table, products.

The names are those of :mod:`.operator`.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Mux, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Comparator, LeadingZeros, Shifter
from holigrail_hw.formats import FixedFormat
from holigrail_hw.hdl.integer.balanced_tree import sum_of
from holigrail_hw.hdl.integer.constant_product import constant_product
from holigrail_hw.hdl.integer.leading_zeros import leading_zeros
from holigrail_hw.hdl.integer.lookup import looked_up
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from .roots import roots_of

__all__ = ["inverse_root", "limited", "numerator", "variance_of"]


def variance_of(
    plan: Plan, x: Sequence[Wire], total: Wire, epsilon: int, most: int, multiplier: str
) -> Wire:
    """V = N S2 - S1^2 + E, at most ``most``, as an even number of bits."""
    squares = [multiply(plan, a, a, multiplier, f"square{n}") for n, a in enumerate(x)]
    # A square is no negative number, whatever the product of signed ones could be.
    squares = [
        plan.step("squared", unsigned(square.width), lambda s: s.as_unsigned(), square)
        for square in squares
    ]
    grown = constant_product(plan, sum_of(plan, squares, "squares"), len(x))
    square = multiply(plan, total, total, multiplier, "square_of_sum")
    width = most.bit_length()
    v = plan.step(
        "variance",
        unsigned(width),
        lambda s, t: s - t + epsilon,
        grown,
        square,
        using=Adder(width),
        wrap=True,
    )
    return plan.step("pairs_of_bits", unsigned(width + width % 2), lambda v: v, v)


def inverse_root(plan: Plan, v: Wire, k: int, p: int) -> tuple[Wire, Wire]:
    """R, and by how many pairs of bits V is shorter than it may be."""
    width = v.width
    pairs = width // 2
    used = plan.step(
        "pairs",
        unsigned(pairs),
        lambda v: Cat(*(v[2 * place : 2 * place + 2].any() for place in range(pairs))),
        v,
    )
    count_width = max((pairs - 1).bit_length(), 1)
    distance = plan.step(
        "distance", unsigned(count_width), leading_zeros, used, using=LeadingZeros(pairs), wrap=True
    )
    aligned = plan.step(
        "aligned",
        unsigned(width),
        lambda v, d: v << Cat(Const(0, 1), d),
        v,
        distance,
        using=Shifter(width, count_width),
        wrap=True,
    )
    index = plan.step(
        "index", unsigned(k), lambda v: Cat(Const(0, max(k - width, 0)), v)[-k:], aligned
    )
    roots = roots_of(k, p)
    # The top pair is never 0, so that the first quarter is not read.
    entries = [*roots[: 1 << (k - 2)], *roots]
    return looked_up(plan, "root", entries, index), distance


def numerator(plan: Plan, x: Wire, total: Wire, count: int, span: int, gamma: int, n: int) -> Wire:
    """(N x - S1) |gamma|; no two x differ by more than ``span``."""
    grown = constant_product(plan, x, count)
    width = ((count - 1) * span).bit_length() + 1
    using = Adder(width)
    found = plan.step(
        f"numerator{n}", signed(width), lambda a, b: a - b, grown, total, using=using, wrap=True
    )
    return constant_product(plan, found, abs(gamma))


def limited(
    plan: Plan,
    product: Wire,
    distance: Wire,
    largest: int,
    shift: int,
    gamma: int,
    beta: int,
    result: FixedFormat,
    n: int,
) -> Wire:
    """A product with R, aligned by V, rounded at ``shift``, plus beta, in the result's range.

    ``largest``: no result is larger before beta is added, in units of its last place.
    """
    width = (largest << shift).bit_length() + 1
    aligned = plan.step(
        f"aligned{n}",
        signed(width),
        lambda p, d: p << d,
        product,
        distance,
        using=Shifter(width, distance.width),
        wrap=True,
    )
    half, is_negative = 1 << (shift - 1), gamma < 0

    def rounded(a: Any) -> Any:
        return ((half - a if is_negative else half + a) >> shift) + beta

    ends = largest + 1 + abs(beta), *map(abs, result.integer_range)
    whole = signed(max(ends).bit_length() + 1)
    value = plan.step(f"rounded{n}", whole, rounded, aligned, using=Adder(width), wrap=True)
    low, high = result.minimum, result.maximum
    if low <= beta - largest and beta + largest <= high:
        return plan.step(f"limited{n}", shape_of(result), lambda y: y, value, wrap=True)
    return plan.step(
        f"limited{n}",
        shape_of(result),
        lambda y: Mux(y < low, low, Mux(y > high, high, y)),
        value,
        using=Comparator(whole.width),
        wrap=True,
    )
