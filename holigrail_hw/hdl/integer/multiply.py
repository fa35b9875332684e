"""Products of integers in logic.

Two structures compute the same product, for any widths and signs.

*Rows* add the multiplicand once per multiplier bit on a carry chain. The chain always adds; the bit
selects between the sum and the old value. Sum, carry and selection share one 4-input LUT, so an
*n* x *k* product takes about *n* x *k* of them, half of what masked partial products take.

*Tree* reduces the columns of partial products with full and half adders to two words (Dadda,
"Some schemes for parallel multipliers", 1965; signs by Baugh and Wooley, 1973) and adds these bit
by bit. It takes the fewest gates where there are no carry chains.

In DSP blocks a product wider than one is cut, where a clock is asked for, as synthesis would do it:
the blocks are steps of their own, and registers fit between them and the sum of their products.
"""

import itertools
from typing import Any

from amaranth import Cat, Const, Mux, Shape, Value

from holigrail_hw.estimate.primitives import Adder, DspMultiplier, Logic, SelectingAdder
from holigrail_hw.estimate.product_cut import BLOCKS

from ..plan.plan import Plan, Wire
from .bit_heap import Bit, add_up, compress, heap_of
from .unmerged import unmerged

__all__ = ["MULTIPLIERS", "MULTIPLIER_MEANING", "multiply", "partial_products"]

MULTIPLIERS = ("rows", "tree", "dsp")
MULTIPLIER_MEANING = (
    "structure of a product: rows of carry chains (FPGA), tree of full adders (gates), dsp"
)
_FAR_NS = 10.0
"""A clock for which wires of a block take a cycle of their own: up to 8 ns in placed engines."""


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
        if parts := _cuts(plan, shape_a, shape_b):
            return _in_parts(plan, a, b, parts, shape, name)
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


def _cuts(plan: Plan, a: Shape, b: Shape) -> list[tuple[int, int, int, int]]:
    """Where a product is cut into DSP blocks: begin and end of both parts; empty if it is not.

    All parts but the highest are unsigned, so in a signed product they have a bit less.
    """
    blocks = {block.width for block in BLOCKS[plan.device.dsp_blocks]}
    using = DspMultiplier(a.width, b.width, a.signed, b.signed)
    if plan.period_ns is None or plan.device.dsp_merges or len(blocks) != 1:
        return []
    width = blocks.pop() - (a.signed or b.signed)

    def ends(shape: Shape) -> list[tuple[int, int]]:
        inner = range(width, shape.width - shape.signed, width)
        return list(itertools.pairwise([0, *inner, shape.width]))

    parts = [(*x, *y) for x in ends(a) for y in ends(b)]
    return parts if 1 < len(parts) == using.dsps(plan.device) else []


def _in_parts(
    plan: Plan, a: Wire, b: Wire, parts: list[tuple[int, int, int, int]], shape: Shape, name: str
) -> Wire:
    """A product of several blocks, so that registers may come between these and their sum."""
    total: Any = None
    wait = 2 if plan.period_ns is not None and plan.period_ns < _FAR_NS else 0
    for begin, end, first, last in sorted(parts, key=lambda part: part[0] + part[2]):
        x = _bits_of(plan, a, begin, end, f"{name}_a{begin}")
        y = _bits_of(plan, b, first, last, f"{name}_b{first}")
        # The block has one of these registers in front of it, and one behind.
        x, y = _after(plan, x, wait), _after(plan, y, wait)
        using = DspMultiplier(x.width, y.width, x.shape.signed, y.shape.signed)
        is_signed, place = x.shape.signed or y.shape.signed, begin + first
        product = plan.step(
            f"{name}_part",
            Shape(x.width + y.width, is_signed),
            lambda x, y: x * y,
            x,
            y,
            using=using,
        )
        part = _after(plan, product, wait)
        if total is None:
            total = part
            continue

        def added(total: Any, part: Any, place: int = place) -> Any:
            # Wires are extended, not their sum, which would be written once for every bit.
            rest = shape.width - place
            upper = _extend(total.shift_right(place), rest) + _extend(part, rest)
            return Cat(total[:place], upper[:rest])

        using = Adder(shape.width - place)
        total = plan.step(f"{name}_sum", shape, added, total, part, using=using, wrap=True)
    return total


def _after(plan: Plan, wire: Wire, cycles: int) -> Wire:
    return plan.later(wire, wire.cycle + cycles) if cycles else wire


def _bits_of(plan: Plan, wire: Wire, begin: int, end: int, name: str) -> Wire:
    shape = Shape.cast(wire.shape)
    if (begin, end) == (0, shape.width):
        return wire
    is_signed = shape.signed and end == shape.width

    def bits(value: Any) -> Any:
        part = Value.cast(value)[begin:end]
        return part.as_signed() if is_signed else part

    return plan.step(name, Shape(end - begin, is_signed), bits, wire)


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
    # Adders that share a gate take fewer transistors by Yosys's estimate, but a library has cells
    # for whole ones, which take less of it (`synth multiply --multiplier tree --target asic`).
    return add_up(plan, name, compress(plan, name, heap))


def partial_products(a: Shape, b: Shape, first: int = 0, second: int = 1) -> list[Bit]:
    """The bits of a product, operands ``first`` and ``second`` of a heap."""

    def bit(i: int, j: int) -> Bit:
        is_negative = (a.signed and i == a.width - 1) != (b.signed and j == b.width - 1)
        return Bit(
            i + j, is_negative, lambda *v: Value.cast(v[first])[i] & Value.cast(v[second])[j]
        )

    return [bit(i, j) for i in range(a.width) for j in range(b.width)]
