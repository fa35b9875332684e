"""Dot products of short vectors of integers, binary or ternary numbers.

*Separate*: every product is computed on its own, as :func:`.multiply.multiply` does, and a tree of
carry chains adds them. No adder is merged into the next (:mod:`.unmerged`): synthesis would
otherwise turn the whole sum into compressors, which cost more LUTs than carry chains.

Of products that are +1 or -1 alone, the positive ones are counted.

*Fused*: the partial products of all products form one bit heap, with one carry-propagate addition
at the end. That takes fewer gates where there are no carry chains.
"""

from collections.abc import Sequence

from amaranth import Shape

from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.formats import Format

from ..number.fixed import fixed_operand, fixed_product, product_range
from ..number.rules import hardware_rules
from ..number.unpacked import range_shape
from ..plan.plan import Plan, Wire
from .balanced_tree import balanced_tree
from .bit_heap import Bit, Heap, compress, heap_of
from .multiply import partial_products
from .population_count import population_count
from .unmerged import unmerged

__all__ = ["PARTIAL", "SIGNS", "Partial", "dot_heap", "dot_product"]

Pairs = Sequence[tuple[Wire, Wire]]
Partial = tuple[list[Wire], list[Bit], int]

PARTIAL = hardware_rules("partial products")
"""By both formats: ``(plan, x, a, y, b, place)`` to the factors as they are used, from that place
on among the operands of a heap, the bits of their product, and a constant to add."""

SIGNS = hardware_rules("signs of products")
"""By both formats, whose products are +1 and -1: ``(plan, x, y)`` to whether it is +1."""


def dot_product(plan: Plan, pairs: Pairs, a: Format, b: Format, structure: str) -> Wire:
    """The exact sum of products; ``structure`` is that of the multipliers."""
    low, high, _ = product_range(a, b)
    rule = SIGNS.find(a, b)
    if rule is not None:
        positive = population_count(plan, [rule(plan, x, y) for x, y in pairs])
        count, shape = len(pairs), range_shape(len(pairs) * low, len(pairs) * high)
        return plan.step(
            "dot", shape, lambda n: (n << 1) - count, positive, using=Adder(shape.width), wrap=True
        )
    terms = [(fixed_product(plan, x, a, y, b, structure), 1) for x, y in pairs]

    def added(x: tuple[Wire, int], y: tuple[Wire, int]) -> tuple[Wire, int]:
        count = x[1] + y[1]
        return _sum(plan, x[0], y[0], range_shape(count * low, count * high)), count

    return balanced_tree(terms, added)[0]


def _sum(plan: Plan, x: Wire, y: Wire, shape: Shape) -> Wire:
    using = Adder(shape.width)
    total = plan.step("dot", shape, lambda x, y: x + y, x, y, using=using, wrap=True)
    return plan.step("dot_apart", shape, unmerged, total)


def dot_heap(plan: Plan, pairs: Pairs, a: Format, b: Format, width: int) -> Heap:
    """Two words that add up to the sum of products, modulo 2^width."""
    bits: list[Bit] = []
    operands: list[Wire] = []
    constant = 0
    for x, y in pairs:
        rule = PARTIAL.find(a, b) or _integer_partial
        used, added, offset = rule(plan, x, a, y, b, len(operands))
        operands, bits, constant = operands + used, bits + added, constant + offset
    heap = heap_of(plan, "partial", width, bits, constant, *operands)
    return compress(plan, "partial", heap)


def _integer_partial(plan: Plan, x: Wire, a: Format, y: Wire, b: Format, place: int) -> Partial:
    factors = [fixed_operand(plan, "operand", x, a), fixed_operand(plan, "operand", y, b)]
    shapes = [Shape.cast(factor.shape) for factor in factors]
    return factors, partial_products(shapes[0], shapes[1], place, place + 1), 0
