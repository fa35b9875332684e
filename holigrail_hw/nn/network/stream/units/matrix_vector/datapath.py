"""Products of a cycle and their sums, as a plan."""

from typing import Any

from amaranth import Shape

from holigrail_hw.estimate.primitives import Adder, device_model
from holigrail_hw.hdl.integer.balanced_tree import balanced_tree
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.integer.unmerged import unmerged
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..dsp_products import registered_product
from ..elastic import shape_of

__all__ = ["products_plan"]


def products_plan(shape: Any) -> Plan:
    """From elements x0, x1, ... and weights w0_0, ... to sums dot0, dot1, ...

    With a clock period, operands and sums have registers of their own: memories are slow to
    answer, and the accumulator has an adder. So have products in DSP blocks.
    """
    pipelined = shape.timing.period_ns is not None
    inputs: dict[str, Any] = {f"x{n}": shape_of(shape.input) for n in range(shape.lanes_in)}
    pairs = [(p, s) for p in range(shape.pe) for s in range(shape.simd)]
    inputs |= {f"w{p}_{s}": shape_of(shape.weight) for p, s in pairs}
    outputs = {f"dot{p}": shape_of(part) for p, part in enumerate(shape.partial)}

    def datapath(plan: Plan, **wires: Wire) -> dict[str, Wire]:
        if pipelined:
            wires = {name: plan.later(wire, 1) for name, wire in wires.items()}
        found = {}
        for p, part in enumerate(shape.partial):
            factors = [
                (wires[f"x{shape.lane(p, s)}"], wires[f"w{p}_{s}"]) for s in range(shape.simd)
            ]
            terms = [
                _product(plan, shape, *two, f"product{p}_{s}") for s, two in enumerate(factors)
            ]
            total = balanced_tree(terms, lambda a, b, p=p: _sum(plan, f"sum{p}", a, b))
            total = plan.step(f"partial{p}", shape_of(part), lambda t: t, total, wrap=True)
            found[f"dot{p}"] = plan.later(total, total.cycle + pipelined)
        return found

    return Plan(
        inputs,
        outputs,
        datapath,
        device=device_model(shape.timing.device),
        period_ns=shape.timing.period_ns,
    )


def _product(plan: Plan, shape: Any, x: Wire, weight: Wire, name: str) -> Wire:
    if shape.multiplier == "dsp" and shape.timing.period_ns is not None:
        return registered_product(plan, x, weight, name)
    return multiply(plan, x, weight, shape.multiplier, name)


def _sum(plan: Plan, name: str, a: Wire, b: Wire) -> Wire:
    is_signed = a.shape.signed
    shape = Shape(max(a.width, b.width) + 1, is_signed)
    total = plan.step(name, shape, lambda a, b: a + b, a, b, using=Adder(shape.width), wrap=True)
    return plan.step(f"{name}_apart", shape, unmerged, total)
