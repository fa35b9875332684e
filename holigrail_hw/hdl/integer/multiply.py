"""Products of integers in logic.

Two structures compute the same product, for any widths and signs.

*Rows* add the multiplicand once per multiplier bit on a carry chain. The chain always adds; the bit
selects between the sum and the old value. Sum, carry and selection share one 4-input LUT, so an
*n* x *k* product takes about *n* x *k* of them, half of what masked partial products take.

*Tree* reduces the columns of partial products with full and half adders to two words (Dadda,
"Some schemes for parallel multipliers", 1965; signs by Baugh and Wooley, 1973) and adds these bit
by bit. It takes the fewest gates where there are no carry chains.
"""

from typing import Any

from amaranth import Cat, Const, Mux, Shape, Value

from holigrail_hw.estimate.primitives import DspMultiplier, Logic, SelectingAdder

from ..plan.plan import Plan, Wire
from .bit_heap import Bit, add_up, compress, heap_of
from .unmerged import unmerged

__all__ = ["MULTIPLIERS", "MULTIPLIER_MEANING", "multiply", "partial_products"]

MULTIPLIERS = ("rows", "tree", "dsp")
MULTIPLIER_MEANING = (
    "structure of a product: rows of carry chains (FPGA), tree of full adders (gates), dsp"
)


def multiply(plan: Plan, a: Wire, b: Wire, structure: str = "rows", name: str = "product") -> Wire:
    """The exact product of two integer wires.

    Parameters
    ----------
    a, b : Wire
        Signed or unsigned integers of any widths.
    structure : str
        ``rows``, ``tree``, or ``dsp`` for a plain product that synthesis maps to DSP blocks.

    Returns
    -------
    Wire
        As wide as both operands together; signed if one of them is.
    """
    shape_a, shape_b = Shape.cast(a.shape), Shape.cast(b.shape)
    is_signed = shape_a.signed or shape_b.signed
    shape = Shape(shape_a.width + shape_b.width, is_signed)
    if structure == "dsp":
        using = DspMultiplier(shape_a.width, shape_b.width, shape_a.signed, shape_b.signed)
        product = plan.step(name, shape, lambda a, b: a * b, a, b, using=using)
        # No register may come in between: it would read the bare product, and be moved as well.
        if not 0 < plan.device.dsp_merges <= shape.width:
            return product
        return plan.step(f"{name}_apart", shape, unmerged, product)
    if shape_a.width < shape_b.width:
        a, b = b, a
    bits = (_rows if structure == "rows" else _tree)(plan, a, b, name)
    return plan.step(name, shape, lambda x: x.as_signed() if is_signed else x, bits)


def _rows(plan: Plan, a: Wire, b: Wire, name: str) -> Wire:
    """The product's bits: one row per bit of ``b``, which selects whether the row is added."""
    shape_a, shape_b = Shape.cast(a.shape), Shape.cast(b.shape)
    width, rows = shape_a.width, shape_b.width
    low: list[Wire] = []
    total = plan.constant(0, width)
    for index in range(rows):
        negative = shape_b.signed and index == rows - 1
        is_signed = shape_a.signed or negative

        def row(total, a, b, index=index, negative=negative):
            old, added = _extend(total, width + 1), _extend(a, width + 1)
            # Written with complements, a difference needs no inverters before the chain.
            new = ~(~old + added) if negative else old + added
            return Mux(b[index], new[: width + 1], old)

        total = plan.step(
            f"{name}_row{index}",
            Shape(width + 1, is_signed),
            row,
            total,
            a,
            b,
            using=SelectingAdder(width + 1) if index else Logic(1, width),
            wrap=True,
        )
        if index < rows - 1:
            low.append(plan.step(f"{name}_bit{index}", 1, lambda t: t[0], total))
            shape = Shape(width, is_signed)
            total = plan.step(f"{name}_rest{index}", shape, lambda t: t[1:], total, wrap=True)
    return plan.step(f"{name}_bits", width + rows, lambda *bits: Cat(*bits), *low, total)


def _extend(value: Any, width: int) -> Any:
    """The value as ``width`` unsigned bits, sign-extended if it is signed."""
    value = Value.cast(value)
    sign: Any = value[-1] if value.shape().signed else Const(0, 1)
    whole: Any = Cat(value, sign.replicate(max(width - len(value), 0)))
    return whole[:width]


def _tree(plan: Plan, a: Wire, b: Wire, name: str) -> Wire:
    """The product's bits: columns of partial products, reduced to two words, then added."""
    shape_a, shape_b = Shape.cast(a.shape), Shape.cast(b.shape)
    bits = partial_products(shape_a, shape_b)
    width = shape_a.width + shape_b.width
    heap = heap_of(plan, f"{name}_partial", width, bits, 0, a, b)
    return add_up(plan, name, compress(plan, name, heap))


def partial_products(a: Shape, b: Shape, first: int = 0, second: int = 1) -> list[Bit]:
    """The bits of a product, operands ``first`` and ``second`` of a heap."""

    def bit(i: int, j: int) -> Bit:
        is_negative = (a.signed and i == a.width - 1) != (b.signed and j == b.width - 1)
        return Bit(
            i + j, is_negative, lambda *v: Value.cast(v[first])[i] & Value.cast(v[second])[j]
        )

    return [bit(i, j) for i in range(a.width) for j in range(b.width)]
