# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""Subword-parallel units with sums apart: one array of partial products that is cut by mode.

The products of subwords lie on the diagonal of the array, each in columns of its own; the partial
products beside them are gated (Moons et al., DVAFS, 2017). A signed product comes with half its
range added, so that it is never negative: no carry leaves its columns, and nothing in the array is
cut. Product and sum are two additions, the second of them in blocks that the mode joins. At the end
of a sum half the range is taken off again: its highest bit is inverted, and what that borrows and
the carry make the headroom one step larger or smaller, or leave it as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from amaranth import Cat, Value

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.hdl.integer.bit_heap import add_up, compress, majority_adder
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .bricks import allot
from .conditions import Conditions
from .packing import Packing
from .partial_products import ProductArray
from .shape import ScalableMacShape
from .together import restarted

__all__ = ["side_by_side", "subword_sums"]


def subword_sums(
    spec: ScalableMacShape, plan: Plan, words: tuple[Wire, Wire], mode: Wire | None, clear: Wire
) -> Wire:
    """The word of sums, one register after its item."""
    modes = Conditions(plan, mode, len(spec.mode_list))
    product = _product(spec, plan, words, modes)
    joined = _joined(spec, modes)
    ends = [modes.every - cases for cases in (*joined[1:], frozenset())]
    gates = [modes.wire(cases) for cases in (*joined, *ends)]
    count = len(joined)

    def body(plan: Plan, old: Wire, clear: Wire, product: Wire, *gates: Wire) -> Wire:
        def total(before: Wire) -> Wire:
            return _added(spec, plan, before, product, (gates[:count], gates[count:]))

        return restarted(plan, spec.result_width, spec.restart, old, clear, total)

    return plan.loop("sums", spec.result_width, body, clear, product, *gates)


def _joined(spec: ScalableMacShape, modes: Conditions) -> list[frozenset[int]]:
    """In which modes every block of the array is one product with the block below."""
    least = spec.width >> spec.levels
    slots = [max(mode.activation, mode.weight) for mode in spec.mode_list]
    return [
        frozenset(m for m, slot in enumerate(slots) if block * least % slot)
        for block in range(1 << spec.levels)
    ]


def _product(
    spec: ScalableMacShape, plan: Plan, words: tuple[Wire, Wire], modes: Conditions
) -> Wire:
    """All products of a mode, side by side, signed ones with half their range added."""
    least = spec.width >> spec.levels
    packings, columns = side_by_side(spec)
    signs = spec.signed_activations, spec.signed_weights
    array = ProductArray(plan, words, signs, modes, least)
    heap = array.heap_apart(allot(packings, least), 2 * spec.width, columns)
    return add_up(plan, "product", compress(plan, "products", heap), cell=majority_adder)


def side_by_side(spec: ScalableMacShape) -> tuple[list[Packing], list[list[range]]]:
    """The packing of every mode with products one after the other, and their columns."""
    packings, columns = [], []
    for mode, found in zip(spec.mode_list, spec.packings, strict=True):
        size = 2 * max(mode.activation, mode.weight)
        here = [range(k * size, (k + 1) * size) for k in range(len(found.sums))]
        packings.append(replace(found, sums=tuple(map(tuple, here))))
        columns.append(here)
    return packings, columns


@dataclass(frozen=True)
class _Block:
    """Bits of the product, those of the sum from ``low`` on, and the headroom behind them."""

    columns: range
    low: int
    headroom: range


def _blocks(spec: ScalableMacShape) -> Iterator[_Block]:
    size, count = 2 * (spec.width >> spec.levels), 1 << spec.levels
    for block in range(count):
        low = block * (size + spec.headroom)
        headroom = range(low + size, low + size + spec.headroom)
        yield _Block(range(block * size, (block + 1) * size), low, headroom)


def _added(
    spec: ScalableMacShape,
    plan: Plan,
    old: Wire,
    product: Wire,
    gates: tuple[Sequence[Wire], Sequence[Wire]],
) -> Wire:
    """The sums with their products; gates let carries into blocks, and end sums behind them.

    One step per bit keeps expressions short; the first is charged with the delay of all.
    """
    is_signed = spec.signed_activations or spec.signed_weights
    using: Adder | None = Adder(spec.result_width)
    bits: list[Wire] = []
    carry = None
    for block, joins, ends in zip(_blocks(spec), *gates, strict=True):
        if carry is not None:
            carry = plan.step("total_join", 1, lambda c, g: c & g, carry, joins)
        for offset, column in enumerate(block.columns):
            operands = (old, product) if carry is None else (old, product, carry)
            adder = _adder(block.low + offset, column)
            both = plan.step(f"total_add{column}", 2, adder, *operands, using=using)
            using = None
            bits.append(plan.step(f"total_bit{column}", 1, lambda v: v[0], both))
            carry = plan.step(f"total_carry{column}", 1, lambda v: v[1], both)
        assert carry is not None
        if is_signed:
            top = bits.pop()
            bits.append(plan.step("total_top", 1, lambda t, e: t ^ e, top, ends, using=Logic()))
            up = plan.step("total_up", 1, lambda t, c, e: t & c & e, top, carry, ends)
            down = plan.step("total_down", 1, lambda t, c, e: ~(t | c) & e, top, carry, ends)
        else:
            up = plan.step("total_up", 1, lambda c, e: c & e, carry, ends)
            down = plan.constant(0, 1)
        bits += _stepped(plan, old, block.headroom, up, down)
    return plan.step("total_bits", spec.result_width, lambda *v: Cat(*v), *bits)


def _stepped(plan: Plan, old: Wire, places: range, up: Wire, down: Wire) -> Iterator[Wire]:
    """Bits of a number one larger, one smaller, or as it is: they change up to the first that
    takes the step, a 0 upwards, a 1 downwards."""
    for place in places:

        def bit(old: Any, up: Any, down: Any, place: int = place) -> Value:
            return Value.cast(old)[place] ^ (up | down)

        def above(old: Any, up: Any, down: Any, place: int = place) -> Value:
            here = Value.cast(old)[place]
            return Cat(up & here, down & ~here)

        yield plan.step(f"total_bit_at{place}", 1, bit, old, up, down)
        if place + 1 < places.stop:
            steps = plan.step(f"total_steps{place}", 2, above, old, up, down)
            up = plan.step(f"total_up{place}", 1, lambda v: v[0], steps)
            down = plan.step(f"total_down{place}", 1, lambda v: v[1], steps)


def _adder(place: int, column: int) -> Any:
    def both(old: Any, product: Any, *carry: Any) -> Value:
        a, b = Value.cast(old)[place], Value.cast(product)[column]
        return Cat(*majority_adder(a, b, *map(Value.cast, carry)))

    return both
