"""One pipe for both: arrays for digits and for parts of significands, one adder, one register.

The arrays of the first four lanes are a digit wider and multiply the halves of two significands of
ten bits; that of the fifth lane multiplies the significands of the second product. The adder of
aligned words adds the dot product of a mode of integers to their sum instead.
"""

from collections.abc import Mapping
from typing import Any

from amaranth import Cat, Const, Mux, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic, Multiplexer
from holigrail_hw.hdl.number.sum_of_many import Window, add_integers
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..mac.terms import chosen, parts, started
from . import operands
from .lanes import PART, digits_of_lane, dot_of, lane_product, masked
from .operands import Factor, Modes
from .shape import HybridShape
from .sums import count_width, next_chunk, of_wires, sum_of_chunks, wires_of

__all__ = ["results"]

_SECOND = 4
"""The lane of the second product of floats."""


def results(
    spec: HybridShape, plan: Plan, a: Wire, b: Wire, mode: Wire, clear: Wire, enable: Wire
) -> Mapping[str, Wire]:
    """Both sums. State: the float sum of the present chunk, its items, and the integer sum."""
    modes = Modes.of(plan, mode)
    first, second = operands.counting_floats(plan, a, b, modes, enable)
    digits = operands.counting_digits(plan, spec, a, b, modes, enable)
    if spec.bypass:
        loads = _lanes_load(spec, plan, first, second, digits, modes)
        a, b = operands.held(plan, "operand", a, b, loads, 4)
    left = operands.factors(plan, spec, "a", a, modes, backward=False)
    right = operands.factors(plan, spec, "b", b, modes, backward=True)
    products = _products(spec, plan, (a, b), (left, right), modes, (first, second, digits))
    significands = (
        _significand(plan, products),
        plan.step("second_significand", 8, lambda p: p[:8], products[_SECOND]),
    )
    addends = [
        operands.product_of(plan, *given)
        for given in zip(
            ("first", "second"), left, right, significands, (first, second), strict=True
        )
    ]
    dot, bits = dot_of(plan, products, modes), count_width(spec)

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, *wires: Wire) -> Wire:
        integer, dot, *rest = wires
        inner, count, total = parts(plan, old, inner=16, count=bits, integer=16)
        by_kind = _by_kind(plan, clear, enable, integer)
        start = started(plan, "integer_start", 0, total, by_kind[1][0])
        sums: list[Wire] = []

        def add(window: Window) -> Wire:
            words = _words(plan, window, integer, dot, start)
            sums.append(add_integers(plan, words, window.sum_width))
            return sums[0]

        terms = of_wires(addends, rest)
        kept = next_chunk(spec, plan, (inner, count), by_kind[0], terms, add)
        low = plan.step("integer_total", 16, lambda t: Value.cast(t)[:16], sums[0])
        after = chosen(plan, "integer_next", 0, total, low, *by_kind[1])
        joined = *kept, after
        return plan.step("next_chunk", 32 + bits, lambda s, n, t: Cat(s, n, t), *joined)

    given = clear, enable, modes.integer, dot, *wires_of(addends)
    state = plan.loop("chunk", unsigned(32 + bits), body, *given, strobes=2)
    inner, count, total = parts(plan, state, inner_sum=16, inner_count=bits, integer_state=16)
    strobes, _ = _by_kind(plan, clear, enable, modes.integer)
    return {
        "float_sum": sum_of_chunks(spec, plan, inner, count, strobes),
        "integer_sum": plan.step("integer_sum_after", signed(16), lambda s: s.as_signed(), total),
    }


def _by_kind(
    plan: Plan, clear: Wire, enable: Wire, integer: Wire
) -> tuple[tuple[Wire, Wire], tuple[Wire, Wire]]:
    """Clear and enable of the float sum, and those of the integer sum."""

    def bit(name: str, strobe: Wire, *, is_integer: bool) -> Wire:
        def both(s: Any, kind: Any) -> Any:
            return s & (kind if is_integer else ~kind)

        return plan.step(name, 1, both, strobe, integer, using=Logic())

    return (
        (
            bit("float_clear", clear, is_integer=False),
            bit("float_enable", enable, is_integer=False),
        ),
        (
            bit("integer_clear", clear, is_integer=True),
            bit("integer_enable", enable, is_integer=True),
        ),
    )


def _words(plan: Plan, window: Window, integer: Wire, dot: Wire, start: Wire) -> list[Wire]:
    """What the adder gets: aligned words, or the dot product, nothing, and the integer sum."""
    shape = signed(window.width + 1)

    def word(name: str, aligned: Wire, other: Wire) -> Wire:
        return plan.step(
            name,
            shape,
            lambda i, w, o: Mux(i, Value.cast(o).as_signed(), w),
            *(integer, aligned, other),
            using=Multiplexer(shape.width),
        )

    nothing = plan.constant(0, signed(1))
    names = ("first_word", "second_word", "sum_word")
    return [word(*given) for given in zip(names, window.words, (dot, nothing, start), strict=True)]


def _lanes_load(
    spec: HybridShape, plan: Plan, first: Wire, second: Wire, digits: Wire, modes: Modes
) -> Wire:
    """Which four bits of the operand words are wanted."""

    def loads(first: Any, second: Any, digits: Any, half: Any) -> Any:
        upper = Mux(half, first, second)
        floats = Cat(first, first, upper, upper, Const(0, spec.lanes - 4))
        return floats | Value.cast(digits)

    operands = first, second, digits, modes.half
    return plan.step("lanes_load", spec.lanes, loads, *operands, using=Logic(1, 6))


def _products(
    spec: HybridShape,
    plan: Plan,
    words: tuple[Wire, Wire],
    floats: tuple[tuple[Factor, Factor], tuple[Factor, Factor]],
    modes: Modes,
    counts: tuple[Wire, Wire, Wire],
) -> list[Wire]:
    """What the array of each lane gives, 0 where it does not count."""

    def counted(first: Any, second: Any, digits: Any) -> Any:
        floats = Cat(*[first] * _SECOND, second, Const(0, spec.lanes - _SECOND - 1))
        return floats | Value.cast(digits)

    mask = plan.step("products_count", spec.lanes, counted, *counts, using=Logic(1, _SECOND + 1))
    found = []
    for lane in range(spec.lanes):
        x, y = digits_of_lane(plan, *words, lane, modes)
        if lane <= _SECOND:
            x, y = (
                _with_part(plan, f"lane{lane}_{name}", digits, pair, lane, side, modes)
                for side, (name, digits, pair) in enumerate(
                    zip(("a", "b"), (x, y), floats, strict=True)
                )
            )
        product = lane_product(plan, f"lane{lane}", x, y, modes)
        found.append(masked(plan, f"lane{lane}_counted", product, mask, lane))
    return found


def _with_part(
    plan: Plan,
    name: str,
    digits: Wire,
    pair: tuple[Factor, Factor],
    lane: int,
    side: int,
    modes: Modes,
) -> Wire:
    """Digits of an integer, or the part of a significand that this lane multiplies."""
    first, second = pair
    low = PART * (lane >> side & 1)
    source, part = (
        (second.significand, slice(0, 4))
        if lane == _SECOND
        else (first.significand, slice(low, low + PART))
    )

    def either(digits: Any, significand: Any, integer: Any) -> Any:
        bits = Value.cast(significand)[part]
        return Cat(Mux(integer, Value.cast(digits), bits[:4]), bits[4:])

    return plan.step(
        f"{name}_part",
        PART,
        either,
        *(digits, source, modes.integer),
        using=Logic(1, 4),
    )


def _significand(plan: Plan, products: list[Wire]) -> Wire:
    """The product of two significands of ten bits, of those of their halves."""
    outer = plan.step("outer_parts", 4 * PART, lambda p, q: Cat(p, q), products[0], products[3])
    inner = plan.step(
        "inner_parts",
        2 * PART + 1,
        lambda p, q: p + q,
        *(products[1], products[2]),
        using=Adder(2 * PART + 1),
    )
    return plan.step(
        "first_significand",
        4 * PART,
        lambda o, i: Value.cast(o) + Value.cast(i).shift_left(PART),
        *(outer, inner),
        using=Adder(4 * PART),
        wrap=True,
    )
