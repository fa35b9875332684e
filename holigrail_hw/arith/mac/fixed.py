"""Hardware of fixed-point sums, which never round: one addition per product."""

from collections.abc import Mapping
from typing import Any

from amaranth import Mux

from holigrail_hw.hdl import reference
from holigrail_hw.hdl.number.fixed import fixed_product, product_range
from holigrail_hw.hdl.number.fixed_accumulator import fixed_accumulator
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from .shape import MacShape

__all__ = ["fixed_sum", "naive_sum"]


def fixed_sum(spec: MacShape, plan: Plan, a: Wire, b: Wire, clear: Wire, enable: Wire) -> Wire:
    """The code of a running sum that never rounds; it wraps or saturates."""
    product = fixed_product(plan, a, spec.a, b, spec.b, spec.multiplier)
    return fixed_accumulator(
        plan,
        product,
        product_range(spec.a, spec.b)[2],
        clear,
        enable,
        spec.accumulator,
        saturate=spec.saturates,
        restart=spec.restart,
    )


def naive_sum(
    spec: MacShape, plan: Plan, a: Wire, b: Wire, clear: Wire, enable: Wire
) -> Mapping[str, Wire]:
    """The same in Amaranth's own integer arithmetic, one expression: what proofs compare with."""
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
