"""Hardware of fixed-point sums, which never round: one addition per product."""

from holigrail_hw.hdl.number.fixed import fixed_product, product_range
from holigrail_hw.hdl.number.fixed_accumulator import fixed_accumulator
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .shape import MacShape

__all__ = ["fixed_sum"]


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
