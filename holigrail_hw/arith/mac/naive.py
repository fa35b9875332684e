"""Running sums by definition, in Amaranth's own integers: what proofs compare with."""

from collections.abc import Mapping
from typing import Any

from amaranth import Cat, Const, Mux, Shape, Value, unsigned

from holigrail_hw.hdl import reference
from holigrail_hw.hdl.number.exact_accumulator import FLAGS
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from .shape import MacShape

__all__ = ["naive_exact_sum", "naive_sum"]


def naive_sum(
    spec: MacShape, plan: Plan, a: Wire, b: Wire, clear: Wire, enable: Wire
) -> Mapping[str, Wire]:
    """A sum in fixed point that wraps or saturates, in one expression."""
    accumulator = spec.accumulator
    shape = shape_of(accumulator)
    places = spec.a.least_place + spec.b.least_place - accumulator.least_place
    low, high = accumulator.integer_range

    def next_sum(old: Any, a: Any, b: Any, clear: Any, enable: Any) -> Any:
        x, y = reference.integer(spec.a, a), reference.integer(spec.b, b)
        product = (x * y).shift_left(places)
        total = product + old
        if spec.saturates:
            total = Mux(total > high, high, Mux(total < low, low, total))
        first = 0 if spec.restart == "zero" else product
        return Mux(clear, Mux(enable, first, 0), Mux(enable, total, old))

    def body(plan: Plan, *wires: Wire) -> Wire:
        return plan.step("next_sum", shape, next_sum, *wires, wrap=True)

    return {"result": plan.loop("state", shape, body, a, b, clear, enable)}


def naive_exact_sum(
    spec: MacShape, plan: Plan, a: Wire, b: Wire, clear: Wire, enable: Wire
) -> Mapping[str, Wire]:
    """A sum without rounding, rounded once when it is read.

    State: the sum in units of the last place of all products, and which specials were seen.
    """
    place, width = -spec.register.fraction_width, spec.register.width
    x, y = reference.decode(plan, spec.a, a.value), reference.decode(plan, spec.b, b.value)
    product = reference.multiply(plan, x, y)
    # What lies below the unit are zeros of a significand that is not normalised.
    places = product.place - place
    signed_product = product.signed(plan)
    scaled = signed_product.shift_left(places) if places >= 0 else signed_product >> -places
    whole = plan.step("whole", Shape(width, signed=True), lambda: scaled, wrap=True)
    positive, negative = (product.infinite & s for s in (~product.negative, product.negative))
    kinds = plan.step("kinds", FLAGS, lambda: Cat(positive, negative, product.nan), wrap=True)

    def body(plan: Plan, old: Wire, *wires: Wire) -> Wire:
        def next_state(old: Any, whole: Any, kinds: Any, clear: Any, enable: Any) -> Any:
            total, seen = old[:width].as_signed(), old[width:]
            total = Mux(clear, 0, total) + Mux(enable, whole, 0)
            seen = Mux(clear, 0, seen) | Mux(enable, kinds, 0)
            return Cat(total[:width], seen)

        return plan.step("next_state", width + FLAGS, next_state, old, *wires, wrap=True)

    state = plan.loop("state", unsigned(width + FLAGS), body, whole, kinds, clear, enable)
    total, (up, down, nan) = state.value[:width].as_signed(), state.value[width:]
    special = up | down | nan
    magnitude = Mux(special, 0, Mux(total < 0, -total, total)).as_unsigned()
    number = reference.Number(
        negative=Mux(special, down, total < 0),
        significand=reference.let(plan, "magnitude", magnitude),
        shift=Const(0, 1),
        place=place,
        nan=nan | (up & down),
        infinite=(up ^ down) & ~nan,
    )
    code = reference.project(plan, spec.accumulator, number, spec.rounding, None, spec.overflow)
    shape = unsigned(spec.accumulator.width)
    # Read with the state, one register after the item.
    return {"result": plan.step("code", shape, lambda _: Value.cast(code), state, wrap=True)}
