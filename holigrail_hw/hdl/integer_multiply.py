"""Products of integers in logic.

Two structures compute the same product, for any widths and signs.

*Rows* add the multiplicand once per multiplier bit on a carry chain. The chain always adds; the bit
chooses between the sum and the old value. Sum, chain and choice share one 4-input LUT, so an
*n* x *k* product takes about *n* x *k* of them, half of what masked partial products take.

*Tree* reduces the columns of partial products with full and half adders to two words (Dadda,
"Some schemes for parallel multipliers", 1965), signs by Baugh and Wooley (1973), and adds these
bit by bit. It takes the fewest gates where carry chains do not exist.
"""

from typing import Any

from amaranth import Cat, Const, Mux, Shape, Value

from .plan import Plan, Wire
from .primitives import Adder, Compressor, DspMultiplier, Logic, SelectingAdder

__all__ = ["MULTIPLIERS", "multiply"]

MULTIPLIERS = ("rows", "tree", "dsp")


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
        using = DspMultiplier(shape_a.width, shape_b.width)
        return plan.step(name, shape, lambda a, b: a * b, a, b, using=using)
    if shape_a.width < shape_b.width:
        a, b = b, a
    bits = (_rows if structure == "rows" else _tree)(plan, a, b, name)
    return plan.step(name, shape, lambda x: x.as_signed() if is_signed else x, bits)


def _rows(plan: Plan, a: Wire, b: Wire, name: str) -> Wire:
    """The product's bits: one row per bit of ``b``, each a sum that the bit may refuse."""
    shape_a, shape_b = Shape.cast(a.shape), Shape.cast(b.shape)
    width, rows = shape_a.width, shape_b.width
    low: list[Wire] = []
    total = plan.constant(0, width)
    for index in range(rows):
        negative = shape_b.signed and index == rows - 1
        is_signed = shape_a.signed or negative

        def row(total, a, b, index=index, negative=negative):
            old, added = _extend(total, width + 1), _extend(a, width + 1)
            # Written with complements, a difference needs no inverters in front of the chain.
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
    """The value as ``width`` unsigned bits, its sign repeated if it has one."""
    value = Value.cast(value)
    sign: Any = value[-1] if value.shape().signed else Const(0, 1)
    whole: Any = Cat(value, sign.replicate(max(width - len(value), 0)))
    return whole[:width]


def _tree(plan: Plan, a: Wire, b: Wire, name: str) -> Wire:
    """The product's bits: columns of partial products, reduced to two words, then added."""
    shape_a, shape_b = Shape.cast(a.shape), Shape.cast(b.shape)
    width = shape_a.width + shape_b.width
    columns: list[int] = [0] * width
    correction = 0
    sources: list[list[tuple[int, int, bool]]] = [[] for _ in range(width)]
    for i in range(shape_a.width):
        for j in range(shape_b.width):
            # A bit of negative weight counts as its complement, less one.
            is_negative = (shape_a.signed and i == shape_a.width - 1) != (
                shape_b.signed and j == shape_b.width - 1
            )
            correction -= is_negative << (i + j)
            sources[i + j].append((i, j, is_negative))
    ones = [correction >> column & 1 for column in range(width)]

    def partial_products(a, b):
        a, b = Value.cast(a), Value.cast(b)
        bits = []
        for column, one in zip(sources, ones, strict=True):
            bits += [Const(1, 1)] * one
            bits += [~(a[i] & b[j]) if inverted else a[i] & b[j] for i, j, inverted in column]
        return Cat(*bits)

    columns = [len(column) + one for column, one in zip(sources, ones, strict=True)]
    heap = plan.step(
        f"{name}_partial", sum(columns), partial_products, a, b, using=Logic(1, sum(columns))
    )
    level = 0
    while max(columns) > 2:
        target = 2
        while target * 3 // 2 < max(columns):
            target = target * 3 // 2
        reduce, after = _dadda_level(columns, target)
        heap = plan.step(
            f"{name}_level{level}",
            sum(after),
            lambda heap, reduce=reduce: Cat(*reduce(heap)),
            heap,
            using=Compressor(width, 3),
        )
        columns, level = after, level + 1
    return plan.step(
        f"{name}_bits",
        width,
        lambda heap: Cat(*_ripple(_split(heap, columns))),
        heap,
        using=Adder(width),
    )


def _split(heap: Value, columns: list[int]) -> list[list[Value]]:
    found, start = [], 0
    for height in columns:
        found.append([heap[start + k] for k in range(height)])
        start += height
    return found


def _dadda_level(columns: list[int], target: int):
    """A function that brings every column down to ``target`` bits, and the heights after it."""
    plans, after, carries = [], [], 0
    for height in columns:
        total = height + carries
        full = half = 0
        while total > target:
            if total - target >= 2:
                full, total = full + 1, total - 2
            else:
                half, total = half + 1, total - 1
        plans.append((full, half))
        carries = full + half
        after.append(total)

    def reduce(heap: Value) -> list[Value]:
        carried: list[Value] = []
        bits: list[Value] = []
        for column, (full, half) in zip(_split(heap, columns), plans, strict=True):
            # Carries of this level join last: they are the latest to arrive.
            waiting, next_carried = column + carried, []
            for inputs in [3] * full + [2] * half:
                taken, waiting = waiting[:inputs], waiting[inputs:]
                total, carry = _full_adder(*taken)
                waiting.append(total)
                next_carried.append(carry)
            bits += waiting
            carried = next_carried
        return bits

    return reduce, after


def _full_adder(a: Value, b: Value, c: Value | int = 0) -> tuple[Value, Value]:
    """Sum and carry of three bits, or of two."""
    if isinstance(c, int):
        return a ^ b, a & b
    return a ^ b ^ c, (a & b) | ((a ^ b) & c)


def _ripple(columns: list[list[Value]]) -> list[Value]:
    """Bits of the sum of columns of at most two bits each."""
    bits: list[Value] = []
    carry: list[Value] = []
    for column in columns:
        terms = column + carry
        if len(terms) == 1:
            bits, carry = [*bits, terms[0]], []
        elif not terms:
            bits, carry = [*bits, Const(0, 1)], []
        else:
            total, out = _full_adder(*terms)
            bits, carry = [*bits, total], [out]
    return bits
