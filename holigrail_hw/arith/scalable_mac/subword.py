# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportOptionalSubscript=false

"""Subword-parallel units with sums apart: one array of partial products that is cut by mode.

The products of subwords lie on the diagonal of the array, each in columns of its own; the partial
products beside them are gated, and no carry passes from one subword to the next (Moons et al.,
DVAFS, 2017). Product and sum are two additions, since a sum needs the sign of its product.
"""

from dataclasses import replace
from typing import Any

from amaranth import Cat, Const, Value

from holigrail_hw.hdl.integer.bit_heap import add_up, compress, shared_adder
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .bricks import allot
from .conditions import Conditions
from .partial_products import ProductArray
from .segments import Segment, segmented_sums
from .shape import ScalableMacShape

__all__ = ["subword_sums"]


def subword_sums(
    spec: ScalableMacShape, plan: Plan, words: tuple[Wire, Wire], mode: Wire | None, clear: Wire
) -> Wire:
    """The word of sums, one register after its item."""
    modes = Conditions(plan, mode, len(spec.mode_list))
    joins = _joins(spec, modes)
    product = _product(spec, plan, words, modes, joins)
    addend = _addend(spec, plan, product)
    segments = _segments(spec, plan, modes, joins)
    return segmented_sums(spec, plan, addend, segments, clear)


def _joins(spec: ScalableMacShape, modes: Conditions) -> list[frozenset[int]]:
    """In which modes every block of the array is one product with the block below."""
    least = spec.width >> spec.levels
    slots = [max(mode.activation, mode.weight) for mode in spec.mode_list]
    return [
        frozenset(m for m, slot in enumerate(slots) if block * least % slot)
        for block in range(1 << spec.levels)
    ]


def _product(
    spec: ScalableMacShape,
    plan: Plan,
    words: tuple[Wire, Wire],
    modes: Conditions,
    joins: list[frozenset[int]],
) -> Wire:
    """All products of a mode, side by side."""
    least = spec.width >> spec.levels
    packings, columns = [], []
    for mode, found in zip(spec.mode_list, spec.packings, strict=True):
        size = 2 * max(mode.activation, mode.weight)
        here = [range(k * size, (k + 1) * size) for k in range(len(found.sums))]
        packings.append(replace(found, sums=tuple(map(tuple, here))))
        columns.append(here)
    signs = spec.signed_activations, spec.signed_weights
    array = ProductArray(plan, words, signs, modes, least)
    heap = array.heap(allot(packings, least), 2 * spec.width, columns)
    every = modes.every
    cuts = {
        2 * least * block: modes.wire(cases)
        for block, cases in enumerate(joins)
        if block and cases != every
    }
    heap = compress(plan, "products", heap, doors=cuts)
    return add_up(plan, "product", heap, doors=cuts, cell=shared_adder)


def _addend(spec: ScalableMacShape, plan: Plan, product: Wire) -> Wire:
    """Every block where its sum is, with its sign in the headroom: it counts in a last block."""
    size, headroom = 2 * (spec.width >> spec.levels), spec.headroom
    is_signed = spec.signed_activations or spec.signed_weights

    def placed(product: Any) -> Value:
        parts = []
        for low in range(0, 2 * spec.width, size):
            bits = product[low : low + size]
            sign: Any = bits[-1] if is_signed else Const(0, 1)
            parts += [bits, sign.replicate(headroom)]
        return Cat(*parts)

    return plan.step("addend", spec.result_width, placed, product)


def _segments(
    spec: ScalableMacShape, plan: Plan, modes: Conditions, joins: list[frozenset[int]]
) -> list[Segment]:
    """Every block and its headroom: a carry goes to the next block or, at the end, to headroom."""
    size, headroom = 2 * (spec.width >> spec.levels), spec.headroom
    found: list[Segment] = []
    below = None
    for block, cases in enumerate(joins):
        low = block * (size + headroom)
        gate = None if below is None else modes.wire(cases)
        found.append(Segment(low, size, below, gate))
        below = len(found) - 1
        if headroom:
            ends = modes.every - (joins[block + 1] if block + 1 < len(joins) else frozenset())
            found.append(Segment(low + size, headroom, below, modes.wire(ends), extends=True))
    return found
