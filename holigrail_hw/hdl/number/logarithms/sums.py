"""Sums of logarithmic numbers: the larger one, and what the smaller one adds to its logarithm."""

from amaranth import Mux, unsigned

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Multiplexer

from ...integer.lookup import looked_up
from ...plan.plan import Plan, Wire
from ..digit_places import any_of
from ..unpacked import range_shape
from .number import Logarithm, aligned
from .tables import sum_logarithms

__all__ = ["sum_of"]


def sum_of(plan: Plan, x: Logarithm, y: Logarithm, result_places: int) -> Logarithm:
    """x + y with a sticky bit below its logarithm."""
    assert x.zero is not None and y.zero is not None
    places = max(x.places, y.places)
    (p, x_low, x_high), (q, y_low, y_high) = aligned(x, places), aligned(y, places)
    shape = range_shape(min(x_low, y_low), max(x_high, y_high))
    x_wins = plan.step(
        "first_is_larger",
        1,
        lambda a, b, x_zero, y_zero: y_zero | (~x_zero & (p(a) >= q(b))),
        *(x.log, y.log, x.zero, y.zero),
        using=Comparator(shape.width),
    )
    large = plan.step(
        "larger_log",
        shape,
        lambda w, a, b: Mux(w, p(a), q(b)),
        *(x_wins, x.log, y.log),
        using=Multiplexer(shape.width),
        wrap=True,
    )
    distance = plan.step(
        "distance",
        unsigned(shape.width),
        lambda w, a, b: Mux(w, p(a) - q(b), q(b) - p(a)),
        *(x_wins, x.log, y.log),
        using=Adder(shape.width),
        wrap=True,
    )
    unlike = plan.step("unlike", 1, lambda s, t: s ^ t, x.sign, y.sign, using=Logic())
    alone = any_of(plan, "alone", x.zero, y.zero)
    assert alone is not None
    finer = max(places, result_places) + 1
    more = _what_the_smaller_adds(plan, distance, unlike, alone, places, finer)
    high = (max(x_high, y_high) << (finer + 1 - places)) + (1 << (finer + 1))
    low = (min(x_low, y_low) << (finer + 1 - places)) - (finer + 2 << (finer + 1))
    total = range_shape(low, high)
    log = plan.step(
        "sum_log",
        total,
        lambda a, m: a.shift_left(finer + 1 - places) + m,
        *(large, more),
        using=Adder(total.width),
        wrap=True,
    )
    zero = plan.step(
        "sum_zero",
        1,
        lambda x, y, d, u: x & y | (u & ~(x | y) & ~d.any()),
        *(x.zero, y.zero, distance, unlike),
        using=Logic(2, distance.width // 3 + 1),
    )
    sign = plan.step(
        "sum_sign",
        1,
        lambda w, s, t, z: Mux(w, s, t) & ~z,
        *(x_wins, x.sign, y.sign, zero),
        using=Logic(),
    )
    nan = any_of(plan, "sum_nan", x.nan, y.nan)
    return Logarithm(sign, log, zero, nan, finer + 1, low, high)


def _what_the_smaller_adds(
    plan: Plan, distance: Wire, unlike: Wire, alone: Wire, places: int, finer: int
) -> Wire:
    """The logarithm of 1 +- 2^-d with a sticky bit, 0 where one of the numbers is zero."""
    columns = []
    for kind in (False, True):
        whole = {0, 1 << places} if kind else {0}
        entries = sum_logarithms(places, finer, kind)
        columns.append([2 * log + (d not in whole) for d, log in enumerate(entries)])
    last = len(columns[0]) - 1
    bits = last.bit_length()
    index = plan.step(
        "entry",
        bits,
        lambda d: Mux(d > last, last, d)[:bits],
        distance,
        using=Comparator(distance.width),
        wrap=True,
    )
    plus, minus = (
        looked_up(plan, name, column, index)
        for name, column in zip(("plus", "minus"), columns, strict=True)
    )
    shape = range_shape(min(columns[1]), max(columns[0]))
    return plan.step(
        "more",
        shape,
        lambda u, z, p, m: Mux(z, 0, Mux(u, m, p)),
        *(unlike, alone, plus, minus),
        using=Multiplexer(shape.width, 3),
        wrap=True,
    )
