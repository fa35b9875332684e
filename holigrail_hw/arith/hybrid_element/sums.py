"""Running sums of a hybrid element: in chunks, for floats; modulo 2^16, for integers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from amaranth import Value, signed

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.hdl.number.project import project
from holigrail_hw.hdl.number.sum_of_many import Addend, Window, digits_of
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..add import Add
from ..mac.sums import place_in_chunk, summed_chunks
from ..mac.terms import chosen, started, zeros_of
from .shape import FLOAT, HybridShape

__all__ = ["count_width", "integer_sum", "next_chunk", "of_wires", "sum_of_chunks", "wires_of"]


def count_width(spec: HybridShape) -> int:
    """Bits that count the items of a chunk."""
    return max((spec.chunk - 1).bit_length(), 1)


def wires_of(addends: Sequence[Addend]) -> list[Wire]:
    """What a loop must be given to add them."""
    return [wire for addend in addends for wire in addend.number.wires]


def of_wires(addends: Sequence[Addend], wires: Sequence[Wire]) -> list[Addend]:
    """The same addends, on the wires that a loop hands on."""
    left, found = [*wires], []
    for addend in addends:
        found.append(replace(addend, number=addend.number.of(left)))
        del left[: len(addend.number.wires)]
    return found


def next_chunk(
    spec: HybridShape,
    plan: Plan,
    state: tuple[Wire, Wire],
    strobes: tuple[Wire, Wire],
    addends: Sequence[Addend],
    add: Callable[[Window], Wire],
) -> tuple[Wire, Wire]:
    """The sum of the present chunk with the next item, and how many items it has then.

    ``state``: both as they are; ``strobes``: clear and enable; ``add``: the adder of the words.
    """
    (inner, count), (clear, enable) = state, strobes
    zero, neutral = zeros_of(FLOAT, spec.rounding)
    afresh = plan.step("afresh", 1, lambda n, c: c | ~n.any(), count, clear, using=Logic())
    start = started(plan, "start", neutral, inner, afresh)
    before = unpack(plan, FLOAT, start, "sum")
    window = Window.of(plan, [*addends, Addend(before, digits_of(FLOAT, before))], spec.window)
    number = window.number(plan, add(window))
    code = project(plan, FLOAT, number, rounding=spec.rounding)
    counted = place_in_chunk(plan, count, clear, spec.chunk)
    return (
        chosen(plan, "next_inner", zero, inner, code, clear, enable),
        chosen(plan, "next_count", 0, count, counted, clear, enable),
    )


def sum_of_chunks(
    spec: HybridShape, plan: Plan, inner: Wire, count: Wire, strobes: tuple[Wire, Wire]
) -> Wire:
    """The code of the sum of finished chunks and of the present one."""
    ends = plan.step("ends", 1, lambda n: ~n.any(), count, using=Logic())
    adder = Add(a=FLOAT, b=FLOAT, result=FLOAT, rounding=spec.rounding)

    def combined(plan: Plan, format: object, x: Wire, y: Wire) -> Wire:
        return adder.datapath(plan, a=x, b=y)["result"]

    return summed_chunks(plan, combined, FLOAT, spec.rounding, inner, ends, *strobes)


def integer_sum(plan: Plan, dot: Wire, clear: Wire, enable: Wire) -> Wire:
    """The running sum modulo 2^16. State: the sum."""

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, dot: Wire) -> Wire:
        start = started(plan, "integer_start", 0, old, clear)
        total = plan.step(
            "integer_total",
            16,
            lambda s, d: Value.cast(s) + d,
            *(start, dot),
            using=Adder(16),
            wrap=True,
        )
        return chosen(plan, "integer_next", 0, old, total, clear, enable)

    state = plan.loop("integer_state", 16, body, clear, enable, dot, strobes=2)
    return plan.step("integer_sum_after", signed(16), lambda s: s.as_signed(), state)
