"""A product, a constant, a shift and limits, as a plan for one lane."""

from typing import Any

from amaranth import Cat, Mux, Value

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, device_model
from holigrail_hw.hdl.integer.constant_product import constant_product
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..dsp_products import registered_product
from ..elastic import shape_of
from ..unit import Integers

__all__ = ["requantiser_plan"]


def requantiser_plan(shape: Any, lane: int) -> Plan:
    """From x, and factor and constant if they change from beat to beat, to the result.

    With a clock period, the operands of a product and the result have registers of their own.
    """
    pipelined = shape.timing.period_ns is not None
    factors, constants, shift = shape.scaled
    own = [shape.by_lane(a)[:, lane] for a in (factors, constants)]
    inputs: dict[str, Any] = {"x": shape_of(shape.input)}
    if shape.groups > 1:
        inputs |= {"factor": shape_of(Integers.of(factors))}
        inputs |= {"constant": shape_of(Integers.of(constants))}

    def datapath(plan: Plan, **wires: Wire) -> dict[str, Wire]:
        if pipelined and shape.groups > 1:
            wires = {name: plan.later(wire, 1) for name, wire in wires.items()}
        x = wires["x"]
        if shape.groups > 1:
            product = _product(plan, x, wires["factor"], shape)
            constant = wires["constant"]
        else:
            product = _scaled(plan, x, int(own[0][0]), shape)
            constant = plan.constant(
                int(own[1][0]), shape_of(Integers(int(own[1][0]), int(own[1][0])))
            )
        width = shape_of(shape.total)
        total = plan.step(
            "total",
            width,
            lambda p, c: p + c,
            product,
            constant,
            using=Adder(width.width),
            wrap=True,
        )
        result = _limited(plan, shape, _shifted(plan, shape, total, shift), shift)
        return {"result": plan.later(result, result.cycle + pipelined)}

    return Plan(
        inputs,
        {"result": shape_of(shape.output)},
        datapath,
        device=device_model(shape.timing.device),
        period_ns=shape.timing.period_ns,
    )


def _product(plan: Plan, x: Wire, factor: Wire, shape: Any) -> Wire:
    if shape.multiplier == "dsp" and shape.timing.period_ns is not None:
        return registered_product(plan, x, factor)
    return multiply(plan, x, factor, shape.multiplier)


def _scaled(plan: Plan, x: Wire, factor: int, shape: Any) -> Wire:
    """x times a constant."""
    if shape.multiplier == "dsp" or not factor:
        return _product(plan, x, plan.constant(factor, shape_of(Integers(factor, factor))), shape)
    product = constant_product(plan, x, abs(factor))
    if factor > 0:
        return product
    wide = shape_of(Integers(-1 << product.width, 1 << product.width))
    return plan.step("negated", wide, lambda p: -p, product, using=Adder(wide.width), wrap=True)


def _shifted(plan: Plan, shape: Any, total: Wire, shift: int) -> Wire:
    """The total without its low bits; after a tie the lowest bit left is cleared."""
    ends = Integers(shape.total.low >> shift, shape.total.high >> shift)
    kept = shape_of(Integers(ends.low - 1, ends.high) if shape.even else ends)
    if not shift:
        return total

    def shifted(t: Any) -> Any:
        t = Value.cast(t)
        above = t.shift_right(shift)
        if not shape.even:
            return above
        tie = ~t[: min(shift, len(t))].any()
        whole = Cat(above[0] & ~tie, above[1:])
        return whole.as_signed() if t.shape().signed else whole

    using = Logic(1 + shift // 8, 1 + shift // 3) if shape.even else None
    return plan.step("shifted", kept, shifted, total, using=using, wrap=True)


def _limited(plan: Plan, shape: Any, value: Wire, shift: int) -> Wire:
    low, high = (end >> shift for end in (shape.total.low, shape.total.high))

    def limited(v: Any) -> Any:
        v = Value.cast(v)
        result = Mux(v > shape.high, shape.high, v) if high > shape.high else v
        # Rounding a tie to even may take one off.
        return Mux(v < shape.low, shape.low, result) if low - 1 < shape.low else result

    using = Comparator(value.width)
    return plan.step("result", shape_of(shape.output), limited, value, using=using, wrap=True)
