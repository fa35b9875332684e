"""A running sum in fixed point, which never rounds: one addition per item."""

from amaranth import Mux

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import Format

from ..plan.plan import Plan, Wire
from .fixed import fixed_code, fixed_range, limit
from .unpacked import range_shape

__all__ = ["fixed_accumulator"]


def fixed_accumulator(
    plan: Plan,
    addend: Wire,
    fraction_width: int,
    clear: Wire,
    enable: Wire,
    format: Format,
    *,
    saturate: bool,
    restart: str = "product",
) -> Wire:
    """The code of the running sum, one register after its item.

    Parameters
    ----------
    addend : Wire
        An integer with so many fraction bits, no more than ``format`` has.
    clear, enable : Wire
        ``clear`` starts a new sum, with this addend if ``enable`` is set too and ``restart`` is
        ``product``; ``enable`` counts the addend.
    saturate : bool
        Whether a sum out of range becomes the end of the range; else it wraps.
    """
    low, high, places = fixed_range(format)
    shift = places - fraction_width
    shape = range_shape(low, high)
    width = shape.width

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, addend: Wire) -> Wire:
        total = plan.step(
            "total",
            (old.value + addend.value.shift_left(shift)).shape(),
            lambda s, p: s + p.shift_left(shift),
            old,
            addend,
            using=Adder(width),
        )
        ranged = limit(plan, "ranged", total, format, saturate=saturate)
        if restart == "zero":
            return plan.step(
                "next_sum",
                shape,
                lambda s, r, c, e: Mux(c, 0, Mux(e, r, s)),
                *(old, ranged, clear, enable),
                using=Logic(1, width),
                wrap=True,
            )
        alone = plan.step("alone", shape, lambda p: p.shift_left(shift), addend, wrap=True)
        return plan.step(
            "next_sum",
            shape,
            lambda s, r, p, c, e: Mux(e, Mux(c, p, r), Mux(c, 0, s)),
            *(old, ranged, alone, clear, enable),
            using=Logic(1, width),
            wrap=True,
        )

    operands, restarts = (clear, enable, addend), restart == "product"
    total = plan.loop("accumulated", shape, body, *operands, strobes=2, restarts=restarts)
    return fixed_code(plan, total, format)
