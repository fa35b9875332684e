"""Dot products of short vectors of integers, binary or ternary numbers.

*Separate*: every product is computed on its own, as :func:`.multiply.multiply` does, and a tree of
carry chains adds them. Each adder is kept as it is: synthesis would otherwise turn the whole sum
into compressors, which cost more LUTs than carry chains.

*Fused*: the partial products of all products form one bit heap, with one carry-propagate addition
at the end. That takes fewer gates where there are no carry chains.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Shape, Value

from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.formats import BinaryFormat, Format, TernaryFormat

from ..number.fixed import fixed_operand, fixed_product, product_range
from ..number.unpack import range_shape
from ..plan.plan import Plan, Wire
from .bit_heap import Bit, Heap, compress, heap_of
from .multiply import partial_products

__all__ = ["dot_heap", "dot_product"]

Pairs = Sequence[tuple[Wire, Wire]]


def dot_product(plan: Plan, pairs: Pairs, a: Format, b: Format, structure: str) -> Wire:
    """The exact sum of products; ``structure`` is that of the multipliers."""
    low, high, _ = product_range(a, b)
    terms = [(fixed_product(plan, x, a, y, b, structure), 1) for x, y in pairs]
    while len(terms) > 1:
        added = [
            (_sum(plan, x, y, range_shape((m + n) * low, (m + n) * high)), m + n)
            for (x, m), (y, n) in zip(terms[::2], terms[1::2], strict=False)
        ]
        terms = added + terms[len(terms) & ~1 :]
    return terms[0][0]


def _sum(plan: Plan, x: Wire, y: Wire, shape: Shape) -> Wire:
    return plan.step(
        "dot", shape, lambda x, y: x + y, x, y, using=Adder(shape.width), wrap=True, keep=True
    )


def dot_heap(plan: Plan, pairs: Pairs, a: Format, b: Format, width: int) -> Heap:
    """Two words that add up to the sum of products, modulo 2^width."""
    bits: list[Bit] = []
    operands: list[Wire] = []
    constant = 0
    for x, y in pairs:
        added, offset = _product(plan, x, a, y, b, len(operands), operands)
        bits, constant = bits + added, constant + offset
    heap = heap_of(plan, "partial", width, bits, constant, *operands)
    return compress(plan, "partial", heap)


def _product(
    plan: Plan, x: Wire, a: Format, y: Wire, b: Format, place: int, operands: list[Wire]
) -> tuple[list[Bit], int]:
    """Bits and constant of one product; its operands join ``operands`` from ``place`` on."""
    if isinstance(a, BinaryFormat) and isinstance(b, BinaryFormat):
        operands += [x, y]
        return [Bit(1, True, lambda *v: v[place] ^ v[place + 1])], 1
    if isinstance(b, BinaryFormat | TernaryFormat):
        x, a, y, b = y, b, x, a
    if isinstance(a, BinaryFormat | TernaryFormat):
        operands += [x, fixed_operand(plan, "operand", y, b)]
        shape = Shape.cast(operands[-1].shape)
        return _signed_copy(shape, place, isinstance(a, TernaryFormat)), 0
    operands += [x, y]
    shapes = Shape.cast(x.shape), Shape.cast(y.shape)
    return partial_products(*shapes, place, place + 1), 0


def _signed_copy(shape: Shape, place: int, has_zero: bool) -> list[Bit]:
    """The second operand, its negation or 0, as selected by the code of the first one.

    A negation is the complement plus one; the complement of an unsigned number is signed.
    """

    def negates(v: Any) -> Value:
        return v[0] & v[1] if has_zero else ~Value.cast(v)[0]

    def digit(i: int) -> Any:
        def of(*v: Any) -> Value:
            bit = Value.cast(v[place + 1])[i] ^ negates(v[place])
            return bit & v[place][0] if has_zero else bit

        return of

    def sign(*v: Any) -> Value:
        return negates(v[place])

    top = shape.width - 1
    bits = [Bit(i, shape.signed and i == top, digit(i)) for i in range(shape.width)]
    bits.append(Bit(0, False, sign))
    return bits if shape.signed else [*bits, Bit(shape.width, True, sign)]
