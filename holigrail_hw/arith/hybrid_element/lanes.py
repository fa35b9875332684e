"""Products of int4 and int2 digits, and of parts of significands, in small arrays side by side.

In an array of an int4 product the two int2 products of a lane lie on the other diagonal, where both
have the weight 4, so that the array adds them; the halves of ``b`` change places for that.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Mux, Value, signed

from holigrail_hw.estimate.primitives import Logic, Multiplexer
from holigrail_hw.hdl.integer.bit_heap import add_up, compress
from holigrail_hw.hdl.integer.mode_products import Block, mode_products
from holigrail_hw.hdl.number.sum_of_many import add_integers
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .operands import Modes

__all__ = ["PART", "digits_of_lane", "dot_of", "lane_product", "masked"]

PART = 5
"""Bits of a significand that an array for floats multiplies at once."""

_INT4 = [Block(range(4), range(4), True, True, range(8))]
_INT2 = [
    Block(range(2), range(2, 4), True, True, range(2, 8)),
    Block(range(2, 4), range(2), True, True, range(2, 8)),
]
_PART = [Block(range(PART), range(PART), False, False, range(2 * PART))]


def digits_of_lane(plan: Plan, a: Wire, b: Wire, lane: int, modes: Modes) -> tuple[Wire, Wire]:
    """Four bits of each word, those of ``b`` as the array wants them."""
    part = slice(4 * lane, 4 * lane + 4)

    def swapped(b: Any, int2: Any) -> Any:
        digits = Value.cast(b)[part]
        return Mux(int2, Cat(digits[2:], digits[:2]), digits)

    return (
        plan.step(f"lane{lane}_a", 4, lambda w: w[part], a),
        plan.step(f"lane{lane}_b", 4, swapped, b, modes.int2, using=Logic(1, 4)),
    )


def lane_product(plan: Plan, name: str, x: Wire, y: Wire, modes: Modes) -> Wire:
    """The bits of what the array of a lane gives: of four-bit digits, or of parts of significands.

    An array without parts does not care what it is given in a mode of floats.
    """
    if x.width == PART:
        blocks, selected = [_PART, _INT4, _INT2], [modes.floating, modes.int4, modes.int2]
    else:
        other = plan.step(f"{name}_not_int2", 1, lambda two: ~two, modes.int2, using=Logic())
        blocks, selected = [_INT4, _INT2], [other, modes.int2]
    heap = mode_products(plan, name, x, y, 2 * x.width, blocks, selected)
    return add_up(plan, name, compress(plan, name, heap))


def masked(plan: Plan, name: str, product: Wire, counts: Wire, index: int) -> Wire:
    """The product, or 0 unless bit ``index`` of ``counts`` is set."""
    width = product.width
    return plan.step(
        name,
        width,
        lambda p, c: p & Value.cast(c)[index].replicate(width),
        *(product, counts),
        using=Logic(1, width),
    )


def dot_of(plan: Plan, products: Sequence[Wire], modes: Modes) -> Wire:
    """The sum of the products of all lanes, which are 0 where they do not count."""
    terms = [
        plan.step("lane_term", signed(8), lambda p: p[:8].as_signed(), product)
        for product in products
    ]
    width = 8 + (len(terms) - 1).bit_length()
    total = add_integers(plan, terms, width)
    return plan.step(
        "dot",
        signed(width),
        lambda t, two: Mux(two, t >> 2, t),
        *(total, modes.int2),
        using=Multiplexer(width),
    )
