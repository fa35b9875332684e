"""A running sum that is rounded: the loop that adds an unpacked number to a packed accumulator.

The number is ready before the loop starts; only alignment, addition and rounding lie inside it.
A sum that starts afresh adds to the neutral zero: x + (-0) = x for every x, and x + (+0) = x when
rounding down (IEEE 754-2019, 6.3).
"""

from amaranth import Mux, Value, unsigned

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.formats import Format, Rounding

from ..plan.plan import Plan, Wire
from .float_sum import Need, aligned_sum
from .project import project
from .rules import hardware_rules
from .unpack import unpack
from .unpacked import Unpacked

__all__ = ["ACCUMULATE", "float_accumulator"]

ACCUMULATE = hardware_rules("accumulate")
"""For a sum in a format with a loop of its own: ``(plan, number, clear, enable, format, rounding,
random, overflow)`` to its code, one register after its item."""


def float_accumulator(
    plan: Plan,
    number: Unpacked,
    clear: Wire,
    enable: Wire,
    format: Format,
    rounding: Rounding,
    random: Wire | None = None,
    overflow: str = "wrap",
) -> Wire:
    """The code of the running sum, one register after its item.

    ``clear`` starts a new sum, with this number if ``enable`` is set too; ``enable`` counts the
    number. Each sum is rounded once. A loop of several cycles interleaves as many sums.
    ``overflow``: of formats that have a choice.
    """
    rule = ACCUMULATE.find(format)
    if rule is not None:
        return rule(plan, number, clear, enable, format, rounding, random, overflow)
    zero = int(format.encode(0))
    neutral = zero
    if format.has_negative_zero and Rounding(rounding) is not Rounding.DOWN:
        neutral = int(format.encode(-0.0))
    width = format.width
    need = Need.of(format, rounding, random)

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, *wires: Wire) -> Wire:
        arrived = number.of(wires)
        word = wires[-1] if random is not None else None
        start = plan.step(
            "start", width, lambda s, c: Mux(c, neutral, s), old, clear, using=Logic(1, width)
        )
        total = aligned_sum(plan, arrived, unpack(plan, format, start, "sum"), need, rounding)
        code = project(plan, format, total, rounding=rounding, random=word)
        return plan.step(
            "next_sum",
            width,
            lambda s, z, c, e: Mux(e, Value.cast(z), Mux(c, zero, s)),
            old,
            code,
            clear,
            enable,
            using=Logic(1, width),
        )

    operands = number.wires
    if random is not None:
        operands.append(random)
    return plan.loop("accumulated", unsigned(width), body, clear, enable, *operands, strobes=2)
