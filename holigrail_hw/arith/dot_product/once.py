"""Hardware of dot products that are rounded once: exact ones, and those in a window."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from amaranth import Shape

from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.hdl.integer.bit_heap import add_up
from holigrail_hw.hdl.integer.dot_product import dot_heap, dot_product
from holigrail_hw.hdl.number.block import block_product, positive_zero
from holigrail_hw.hdl.number.fixed import fixed_operand
from holigrail_hw.hdl.number.float_fma import product_zero
from holigrail_hw.hdl.number.float_multiply import multiply_unpacked
from holigrail_hw.hdl.number.project import project, project_integer
from holigrail_hw.hdl.number.sum_of_many import Addend, digits_of, exact_sum_of, windowed_sum_of
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.number.unpacked import Unpacked
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .shape import DotProductShape

__all__ = ["exact_integer", "exact_number", "result_of", "terms_of"]


def result_of(spec: DotProductShape, plan: Plan, wires: Mapping[str, Wire]) -> Wire:
    """The code of the dot product; ``wires`` by port."""
    options = spec.options(wires)
    if spec.is_fixed and spec.accumulation == "exact":
        total = exact_integer(spec, plan, wires)
        place = spec.register.fraction_width
        return project_integer(plan, spec.target, total, place, **options)
    addends = terms_of(spec, plan, wires)
    if spec.accumulation == "exact":
        number = exact_number(spec, plan, addends)
    else:
        number = windowed_sum_of(plan, addends, spec.window)
    return project(plan, spec.target, number, **options)


def terms_of(spec: DotProductShape, plan: Plan, wires: Mapping[str, Wire]) -> list[Addend]:
    """The exact products, and the addend."""
    addends = [_product(spec, plan, wires[f"a{i}"], wires[f"b{i}"], i) for i in range(spec.terms)]
    if spec.c is not None:
        z = unpack(plan, spec.c, wires["c"], "c")
        addends.append(Addend(z, digits_of(spec.c, z)))
    return addends


def exact_number(spec: DotProductShape, plan: Plan, addends: Sequence[Addend]) -> Unpacked:
    """The exact sum of all terms; zero is +0."""
    if not spec.has_register:
        return positive_zero(plan, addends[0].number)
    return exact_sum_of(plan, [addend.number for addend in addends], spec.register)


def _product(spec: DotProductShape, plan: Plan, a: Wire, b: Wire, index: int) -> Addend:
    """The exact product of two numbers, or of two blocks."""
    if spec.of_blocks:
        left, right = spec.blocks
        return block_product(plan, left, a, right, b, spec.multiplier)
    x = unpack(plan, spec.a, a, f"a{index}")
    y = unpack(plan, spec.b, b, f"b{index}")
    product = multiply_unpacked(plan, x, y, spec.multiplier)
    product = replace(product, zero=product_zero(plan, x, y))
    return Addend(product, digits_of(spec.a, x) + digits_of(spec.b, y))


def exact_integer(spec: DotProductShape, plan: Plan, wires: Mapping[str, Wire]) -> Wire:
    """The sum of integer products, and of the addend, in units of the register."""
    pairs = [(wires[f"a{i}"], wires[f"b{i}"]) for i in range(spec.terms)]
    register = spec.register
    places = spec.a.least_place + spec.b.least_place + register.fraction_width
    if spec.multiplier == "fused":
        width = register.width - places
        heap = dot_heap(plan, pairs, spec.a, spec.b, width)
        bits = add_up(plan, "dot", heap)
        total = plan.step("dot_sum", Shape(width, signed=True), lambda b: b.as_signed(), bits)
    else:
        total = dot_product(plan, pairs, spec.a, spec.b, spec.multiplier)
    if spec.c is None:
        return plan.step("sum", Shape(register.width, signed=True), lambda t: t, total, wrap=True)
    addend = fixed_operand(plan, "c_integer", wires["c"], spec.c)
    up = spec.c.least_place + register.fraction_width
    return plan.step(
        "sum",
        Shape(register.width, signed=True),
        lambda t, c: t.shift_left(places) + c.shift_left(up),
        *(total, addend),
        using=Adder(register.width),
        wrap=True,
    )
