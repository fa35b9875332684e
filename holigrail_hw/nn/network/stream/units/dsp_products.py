"""Products in DSP blocks of a unit that is pipelined: a register right behind every block.

Blocks stand in few rows of a device, far from the logic that they work for; a register in the block
gives the wires to it and those from it a cycle each. A factor that is wider than a block is cut
here, as mapping would do it, so that both parts have their register before they are added.
"""

from amaranth import Shape, Value, unsigned

from holigrail_hw.estimate.primitives import Adder, DspMultiplier
from holigrail_hw.estimate.product_cut import BLOCKS
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.plan.plan import Plan, Wire

__all__ = ["registered_product"]


def registered_product(plan: Plan, x: Wire, factor: Wire, name: str = "product") -> Wire:
    """The exact product, as :func:`~holigrail_hw.hdl.integer.multiply.multiply` gives it."""
    low = _low_part(plan, x, factor)
    if low is None:
        return _later(plan, multiply(plan, x, factor, "dsp", name))
    is_signed = Shape.cast(x.shape).signed
    parts = (
        plan.step(f"{name}_x_low", unsigned(low), lambda v: Value.cast(v)[:low], x),
        plan.step(
            f"{name}_x_high",
            Shape(x.width - low, is_signed),
            lambda v: Value.cast(v)[low:].as_signed() if is_signed else Value.cast(v)[low:],
            x,
        ),
    )
    products = [
        _later(plan, multiply(plan, part, factor, "dsp", f"{name}_{place}"))
        for place, part in zip(("low", "high"), parts, strict=True)
    ]
    shape = Shape(x.width + factor.width, is_signed or Shape.cast(factor.shape).signed)
    return plan.step(
        name,
        shape,
        lambda a, b: a + Value.cast(b).shift_left(low),
        *products,
        using=Adder(shape.width - low),
        wrap=True,
    )


def _low_part(plan: Plan, x: Wire, factor: Wire) -> int | None:
    """Bits of the low part, if two blocks take the place of a product that needs as many."""
    blocks = BLOCKS[plan.device.dsp_blocks]
    # The low part needs a bit for the sign that it does not have.
    low = blocks[0].width - 1 if blocks else x.width
    if low >= x.width:
        return None
    signs = [Shape.cast(wire.shape).signed for wire in (x, factor)]
    whole = DspMultiplier(x.width, factor.width, *signs)
    parts = (
        DspMultiplier(low, factor.width, False, signs[1]),
        DspMultiplier(x.width - low, factor.width, *signs),
    )
    needless = whole.is_one_block(plan.device) or whole.dsps(plan.device) < len(parts)
    return None if needless or not all(p.is_one_block(plan.device) for p in parts) else low


def _later(plan: Plan, wire: Wire) -> Wire:
    return plan.later(wire, wire.cycle + 1)
