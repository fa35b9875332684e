# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""Units with one sum: all products of a cycle, and the sum so far, are one bit heap."""

from typing import Any

from amaranth import Mux

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.hdl.integer.bit_heap import Heap, add_up, compress, compress_early, with_word
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .bricks import allot
from .conditions import Conditions
from .partial_products import ProductArray
from .shape import ScalableMacShape

__all__ = ["accumulated", "one_sum", "restarted"]


def one_sum(
    spec: ScalableMacShape, plan: Plan, words: tuple[Wire, Wire], mode: Wire | None, clear: Wire
) -> Wire:
    """The sum, one register after its item: one carry-propagate addition per cycle."""
    width, chunk = spec.result_width, spec.width >> spec.levels
    modes = Conditions(plan, mode, len(spec.mode_list))
    signs = spec.signed_activations, spec.signed_weights
    bricks = allot(spec.packings, chunk)
    array = ProductArray(plan, words, signs, modes, chunk)
    heap = array.heap(bricks, width, [[range(width)]] * len(spec.mode_list))
    return accumulated(plan, heap, clear, spec.restart)


def accumulated(plan: Plan, heap: Heap, clear: Wire, restart: str) -> Wire:
    """A running sum of what a heap adds up to.

    Without a clock to meet the sum so far is one more row of the heap; for a clock the heap is
    reduced before the loop, which then is one addition long.
    """
    width = len(heap.columns)
    is_short = plan.period_ns is not None
    if is_short:
        heap = compress(plan, "products", heap)

    def body(plan: Plan, old: Wire, clear: Wire, *columns: Wire) -> Wire:
        def total(before: Wire) -> Wire:
            here = heap.like(columns)
            if is_short:
                return add_up(plan, "total", here, before)
            whole = with_word(plan, "total", here, before)
            return add_up(plan, "total", compress_early(plan, "total", whole))

        return restarted(plan, width, restart, old, clear, total)

    return plan.loop("sum", width, body, clear, *heap.wires)


def restarted(plan: Plan, width: int, restart: str, old: Wire, clear: Wire, total: Any) -> Wire:
    """``total(old)``, and what becomes of it with ``clear``: ``total(0)``, or 0."""
    using = Logic(1, width)
    name = "before" if restart == "product" else "after"

    def unless(sum: Any, clear: Any) -> Any:
        return Mux(clear, 0, sum)

    if restart == "product":
        return total(plan.step(name, width, unless, old, clear, using=using))
    return plan.step(name, width, unless, total(old), clear, using=using)
