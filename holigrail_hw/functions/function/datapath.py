"""The hardware of an approximation: the fold around x, the core, and the result put together."""

from typing import Any

import numpy as np
from amaranth import Cat, Const, Mux, Shape, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic, Multiplexer, Negation
from holigrail_hw.hdl.integer.lookup import looked_up
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.integer.negated import negated_where
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .cost import bits_for
from .fold import Fold
from .multipartite import Multipartite, Offsets
from .polynomial import Polynomial
from .search import Approximation
from .shape import Request
from .table import Table

__all__ = ["approximated"]


def approximated(
    plan: Plan, request: Request, approximation: Approximation, x: Wire, multiplier: str
) -> Wire:
    """The result as an integer of the result's width."""
    fold, core = approximation.fold, approximation.core
    shape = Shape(request.result.width, request.result.signed)
    if fold.kind == "none":
        flipped = 1 << (x.width - 1) if request.input.signed else 0
        index = plan.step(
            "index", unsigned(x.width), lambda x: Value.cast(x).as_unsigned() ^ flipped, x
        )
        v = _core(plan, core, index, multiplier)
        return plan.step("rounded", shape, lambda v: v >> fold.guard, v, wrap=True)
    sign = plan.step("sign", 1, lambda x: x[-1], x)
    magnitude = plan.step(
        "magnitude",
        unsigned(x.width),
        lambda x, s: negated_where(s, x),
        x,
        sign,
        using=Negation(x.width),
        wrap=True,
    )
    v = _core_of_magnitude(plan, fold, core, magnitude, multiplier)
    if fold.kind == "relu":
        return _on_positive_part(plan, request, fold, x, sign, v, shape)
    if fold.kind == "even":
        return plan.step("rounded", shape, lambda v: v >> fold.guard, v, wrap=True)
    one = 1 << -request.result.least_place if fold.kind == "complement" else 0
    return plan.step(
        "rounded",
        shape,
        lambda v, s: negated_where(s, v >> fold.guard, shape.width, one),
        v,
        sign,
        using=Negation(shape.width),
        wrap=True,
    )


def _core_of_magnitude(plan: Plan, fold: Fold, core: Any, magnitude: Wire, multiplier: str) -> Wire:
    """v of |x|: the constant where a bit above the index is set, else the core's number."""
    kept, constant = fold.index_width, fold.constant
    assert constant is not None
    index = plan.step("index", unsigned(kept), lambda a: a[:kept], magnitude)
    beyond = plan.step("beyond", 1, lambda a: a[kept:].any(), magnitude, using=Logic())
    v = _core(plan, core, index, multiplier)
    width, is_signed = bits_for(constant, constant)
    shape = Shape.cast(v.shape)
    signs = shape.signed or is_signed
    width = max(shape.width + (signs and not shape.signed), width + (signs and not is_signed))
    return plan.step(
        "limited",
        Shape(width, signs),
        lambda v, b: Mux(b, constant, v),
        v,
        beyond,
        using=Multiplexer(width),
        wrap=True,
    )


def _on_positive_part(
    plan: Plan, request: Request, fold: Fold, x: Wire, sign: Wire, v: Wire, shape: Shape
) -> Wire:
    """max(x, 0) and v, added in guarded units, then rounded."""
    shift = fold.guard + request.input.least_place - request.result.least_place

    def part(x: Any, s: Any) -> Any:
        positive = Value.cast(Mux(s, 0, Value.cast(x)[:-1]))
        return positive.shift_left(shift) if shift >= 0 else positive >> -shift

    width = max(x.width - 1 + max(shift, 0), 1)
    positive = plan.step(
        "positive", unsigned(width), part, x, sign, using=Logic(1, x.width), wrap=True
    )
    whole = signed(max(width, v.width, shape.width + fold.guard) + 2)
    total = plan.step(
        "total", whole, lambda p, v: p + v, positive, v, using=Adder(whole.width), wrap=True
    )
    return plan.step("rounded", shape, lambda t: t >> fold.guard, total, wrap=True)


def _core(plan: Plan, core: Any, index: Wire, multiplier: str) -> Wire:
    if isinstance(core, Table):
        return looked_up(plan, "entry", core.entries, index)
    if isinstance(core, Multipartite):
        return _sum_of_tables(plan, core, index)
    return _polynomial(plan, core, index, multiplier)


def _range_shape(values: Any) -> Shape:
    return Shape(*bits_for(int(values.min()), int(values.max())))


def _sum_of_tables(plan: Plan, core: Multipartite, index: Wire) -> Wire:
    u = np.arange(1 << core.index_width)
    low = core.index_width - core.alpha
    address = plan.step("initial_address", unsigned(core.alpha), lambda u: u[low:], index)
    total = looked_up(plan, "initial", core.initial, address)
    known: Any = np.array(core.initial, np.int64)[u >> low]
    for number, part in enumerate(core.offsets):
        offset = _offset(plan, core, part, index, number)
        known = known + part.evaluate(u, core.index_width)
        shape = _range_shape(known)
        total = plan.step(
            f"sum{number}",
            shape,
            lambda a, b: a + b,
            total,
            offset,
            using=Adder(shape.width),
            wrap=True,
        )
    return total


def _offset(plan: Plan, core: Multipartite, part: Offsets, index: Wire, number: int) -> Wire:
    """The entry for the distance from the middle of B, complemented below it."""
    top, gamma = part.low + part.width - 1, core.index_width - part.gamma

    def address(u: Any) -> Any:
        place = u[part.low : top] ^ (~u[top]).replicate(part.width - 1)
        return Cat(place, u[gamma:])

    width = part.address_width
    place = plan.step(
        f"address{number}", unsigned(width), address, index, using=Logic(1, part.width - 1)
    )
    entry = looked_up(plan, f"offset{number}", part.entries, place)
    shape = Shape.cast(entry.shape)
    is_below = plan.step(f"below{number}", 1, lambda u: ~u[top], index)
    wide = signed(shape.width + (not shape.signed))
    return plan.step(
        f"turned{number}",
        wide,
        lambda e, b: (
            Cat(e, e[-1] if shape.signed else Const(0, 1))[: wide.width] ^ b.replicate(wide.width)
        ).as_signed(),
        entry,
        is_below,
        using=Logic(1, shape.width),
    )


def _polynomial(plan: Plan, core: Polynomial, index: Wire, multiplier: str) -> Wire:
    places = core.place_width
    segment = plan.step(
        "segment",
        unsigned(max(core.segment_width, 1)),
        (lambda u: u[places:]) if core.segment_width else (lambda u: Const(0, 1)),
        index,
    )
    columns = [
        looked_up(plan, f"c{number}", column, segment)
        for number, column in enumerate(core.coefficients)
    ]
    v = columns[-1]
    for level in reversed(range(core.degree)):
        drop, shift = core.drops[level], core.shifts[level]
        t = plan.step(
            f"t{level}", unsigned(places - drop), lambda u, drop=drop: u[drop:places], index
        )
        product = multiply(plan, v, t, multiplier, f"product{level}")
        shape = Shape(*bits_for(*core.ranges[level]))
        v = plan.step(
            f"v{level}",
            shape,
            lambda c, p, shift=shift: c + (p >> shift),
            columns[level],
            product,
            using=Adder(shape.width),
            wrap=True,
        )
    return v
