"""Products in DSP blocks of a unit that is pipelined: a register right behind every block.

Blocks stand in few rows of a device, far from the logic that they work for; a register in the block
gives the wires to it and those from it a cycle each. A factor that is wider than a block is cut
here, as mapping would do it, so that both parts have their register before they are added.
"""

from amaranth import Shape, Value, unsigned

from holigrail_hw.estimate.primitives import Adder, DeviceModel, DspMultiplier
from holigrail_hw.estimate.product_cut import BLOCKS
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.plan.plan import Plan, Wire

__all__ = ["registered_product"]


def registered_product(plan: Plan, x: Wire, factor: Wire, name: str = "product") -> Wire:
    """The exact product, as :func:`~holigrail_hw.hdl.integer.multiply.multiply` gives it."""
    shapes = Shape.cast(x.shape), Shape.cast(factor.shape)
    parts = _blocks(plan.device, *shapes)
    whole = _multiplier(*shapes)
    if parts is None or parts == 1 or parts > whole.dsps(plan.device):
        product = multiply(plan, x, factor, "dsp", name)
        return plan.later(product, product.cycle + 1)
    if shapes[0].width < shapes[1].width:
        x, factor = factor, x
    low, is_signed = _low_bits(plan.device), Shape.cast(x.shape).signed
    halves = (
        plan.step(f"{name}_part", unsigned(low), lambda v: Value.cast(v)[:low], x),
        plan.step(
            f"{name}_rest",
            Shape(x.width - low, is_signed),
            lambda v: Value.cast(v)[low:].as_signed() if is_signed else Value.cast(v)[low:],
            x,
        ),
    )
    products = [
        registered_product(plan, half, factor, f"{name}_{place}")
        for place, half in zip(("low", "high"), halves, strict=True)
    ]
    shape = Shape(x.width + factor.width, any(shape.signed for shape in shapes))
    return plan.step(
        name,
        shape,
        lambda a, b: a + Value.cast(b).shift_left(low),
        *products,
        using=Adder(shape.width - low),
        wrap=True,
    )


def _low_bits(device: DeviceModel) -> int:
    """Bits of a low part, which needs one of a block's for the sign that it does not have."""
    return BLOCKS[device.dsp_blocks][0].width - 1


def _multiplier(a: Shape, b: Shape) -> DspMultiplier:
    return DspMultiplier(a.width, b.width, a.signed, b.signed)


def _blocks(device: DeviceModel, a: Shape, b: Shape) -> int | None:
    """Blocks of a product, cut until every part is one; ``None`` if that cannot be."""
    if not BLOCKS[device.dsp_blocks]:
        return None
    if _multiplier(a, b).is_one_block(device):
        return 1
    low = _low_bits(device)
    if a.width < b.width:
        a, b = b, a
    if a.width <= low:
        return None
    found = [_blocks(device, part, b) for part in (unsigned(low), Shape(a.width - low, a.signed))]
    return None if None in found else sum(n for n in found if n is not None)
