"""Pipes of their own: a product of significands and an adder for floats, arrays for integers."""

from collections.abc import Mapping

from amaranth import Cat, Mux, unsigned

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.number.sum_of_many import Window, add_integers
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..mac.terms import parts
from . import operands
from .lanes import digits_of_lane, dot_of, lane_product, masked
from .operands import Modes
from .shape import HybridShape
from .sums import count_width, integer_sum, next_chunk, of_wires, sum_of_chunks, wires_of

__all__ = ["results"]


def results(
    spec: HybridShape, plan: Plan, a: Wire, b: Wire, mode: Wire, clear: Wire, enable: Wire
) -> Mapping[str, Wire]:
    """Both sums."""
    modes = Modes.of(plan, mode)

    def strobes(name: str, kind: Wire) -> tuple[Wire, Wire]:
        found = [
            plan.step(f"{name}_{strobe}", 1, lambda s, k: s & k, wire, kind, using=Logic())
            for strobe, wire in (("clear", clear), ("enable", enable))
        ]
        return found[0], found[1]

    return {
        "float_sum": _floats(spec, plan, a, b, modes, enable, strobes("float", modes.floating)),
        "integer_sum": _integers(spec, plan, a, b, modes, enable, strobes("int", modes.integer)),
    }


def _floats(
    spec: HybridShape,
    plan: Plan,
    a: Wire,
    b: Wire,
    modes: Modes,
    enable: Wire,
    strobes: tuple[Wire, Wire],
) -> Wire:
    """Two products at most, and the sum in chunks. State: the chunk's sum, and its items."""
    x, y = (plan.step(f"{n}_float", 16, lambda w: w[:16], w) for n, w in (("a", a), ("b", b)))
    counts = operands.counting_floats(plan, x, y, modes, enable)
    if spec.bypass:
        loads = plan.step(
            "octets_load",
            2,
            lambda first, second, half: Cat(first, Mux(half, first, second)),
            *(*counts, modes.half),
            using=Logic(),
        )
        x, y = operands.held(plan, "float", x, y, loads, 8)
    left = operands.factors(plan, spec, "a", x, modes, backward=False)
    right = operands.factors(plan, spec, "b", y, modes, backward=True)
    addends = []
    for name, p, q, count in zip(("first", "second"), left, right, counts, strict=True):
        product = multiply(plan, p.significand, q.significand, "tree", f"{name}_product")
        product = masked(plan, f"{name}_counted", product, count, 0)
        addends.append(operands.product_of(plan, name, p, q, product, count))
    bits = count_width(spec)

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, *wires: Wire) -> Wire:
        inner, count = parts(plan, old, inner=16, count=bits)

        def add(window: Window) -> Wire:
            return add_integers(plan, window.words, window.sum_width)

        terms = of_wires(addends, wires)
        kept = next_chunk(spec, plan, (inner, count), (clear, enable), terms, add)
        return plan.step("next_chunk", 16 + bits, lambda s, n: Cat(s, n), *kept)

    shape = unsigned(16 + bits)
    state = plan.loop("chunk", shape, body, *strobes, *wires_of(addends), strobes=2)
    inner, count = parts(plan, state, inner_sum=16, inner_count=bits)
    return sum_of_chunks(spec, plan, inner, count, strobes)


def _integers(
    spec: HybridShape,
    plan: Plan,
    a: Wire,
    b: Wire,
    modes: Modes,
    enable: Wire,
    strobes: tuple[Wire, Wire],
) -> Wire:
    """One array for each lane, and the sum of all."""
    counts = operands.counting_digits(plan, spec, a, b, modes, enable)
    if spec.bypass:
        a, b = operands.held(plan, "integer", a, b, counts, 4)
    products = []
    for lane in range(spec.lanes):
        x, y = digits_of_lane(plan, a, b, lane, modes)
        product = lane_product(plan, f"lane{lane}", x, y, modes)
        products.append(masked(plan, f"lane{lane}_counted", product, counts, lane))
    return integer_sum(plan, dot_of(plan, products, modes), *strobes)
