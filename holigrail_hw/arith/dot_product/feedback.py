"""Hardware of dot products whose sum goes on from item to item.

What does not depend on the sum before is ready before the loop: the whole exact sum, or that of a
tree or of chunks. A window is placed by the largest of all terms, so all of it lies in the loop.
"""

from collections.abc import Mapping
from dataclasses import replace

from amaranth import Mux, Value, unsigned

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.hdl.number.fixed_accumulator import fixed_accumulator
from holigrail_hw.hdl.number.float_accumulator import float_accumulator
from holigrail_hw.hdl.number.project import project
from holigrail_hw.hdl.number.sum_of_many import Addend, digits_of, windowed_sum_of
from holigrail_hw.hdl.number.unpack import unpack, unpack_integer
from holigrail_hw.hdl.plan.plan import Plan, Wire

from . import once, stepwise
from .shape import DotProductShape

__all__ = ["result_of"]


def result_of(spec: DotProductShape, plan: Plan, wires: Mapping[str, Wire]) -> Wire:
    """The code of the sum, this item included; ``wires`` by port."""
    clear, enable, random = wires["clear"], wires["enable"], wires.get("random")
    if spec.accumulation == "window":
        return _windowed(spec, plan, wires)
    how = (spec.target, spec.rounding, random, spec.overflow)
    if not spec.is_once:
        partial = spec.partial or spec.target
        code = stepwise.result_of(spec, plan, wires, partial)
        return float_accumulator(plan, unpack(plan, partial, code, "dot"), clear, enable, *how)
    if not spec.is_fixed:
        number = once.exact_number(spec, plan, once.terms_of(spec, plan, wires))
        return float_accumulator(plan, number, clear, enable, *how)
    total, places = once.exact_integer(spec, plan, wires), spec.register.fraction_width
    if spec.target.is_fixed_like:
        return fixed_accumulator(
            plan, total, places, clear, enable, spec.target, saturate=spec.saturates
        )
    return float_accumulator(plan, unpack_integer(plan, total, places, "dot"), clear, enable, *how)


def _windowed(spec: DotProductShape, plan: Plan, wires: Mapping[str, Wire]) -> Wire:
    """Everything aligned to the largest term, the sum before among them. State: the sum."""
    format = spec.target
    zero, terms = int(format.encode(0)), once.terms_of(spec, plan, wires)
    random = [wires["random"]] if spec.rounding.is_stochastic else []
    given = [wire for term in terms for wire in term.number.wires]

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, *wires: Wire) -> Wire:
        left, addends = [*wires], []
        for term in terms:
            addends.append(replace(term, number=term.number.of(left)))
            del left[: len(term.number.wires)]
        start = plan.step(
            "start",
            format.width,
            lambda s, c: Mux(c, zero, s),
            *(old, clear),
            using=Logic(1, format.width),
        )
        before = unpack(plan, format, start, "sum")
        addends.append(Addend(before, digits_of(format, before)))
        number = windowed_sum_of(plan, addends, spec.window)
        word = left[0] if random else None
        code = project(plan, format, number, rounding=spec.rounding, random=word)
        return plan.step(
            "next_sum",
            format.width,
            lambda s, z, c, e: Mux(e, Value.cast(z), Mux(c, zero, s)),
            *(old, code, clear, enable),
            using=Logic(1, format.width),
        )

    operands = (wires["clear"], wires["enable"], *given, *random)
    return plan.loop("accumulated", unsigned(format.width), body, *operands, strobes=2)
