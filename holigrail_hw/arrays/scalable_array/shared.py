# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportOptionalSubscript=false, reportOperatorIssue=false

"""Shift and add logic that a dot product of several word pairs has once."""

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Shape, Value, signed

from holigrail_hw.arith.scalable_mac.conditions import Conditions
from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.hdl.integer.bit_heap import Bit, Heap, add_up, compress, heap_of
from holigrail_hw.hdl.integer.multiply import partial_products
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .slots import Slot

__all__ = ["brick_sums", "shifted_heap"]


def brick_sums(
    plan: Plan,
    left: Sequence[Wire],
    right: Sequence[Wire],
    signs: tuple[bool, bool],
    modes: Conditions,
    slots: Sequence[Sequence[Slot]],
    chunk: int,
) -> list[Wire]:
    """For every brick of a word pair, the sum of that brick over all pairs; signed."""
    found = []
    width = 2 * chunk + 2 + (len(left) - 1).bit_length()
    for brick in range(len(slots[0])):
        tops = [
            modes.wire(m for m, by_mode in enumerate(slots) if _top(by_mode[brick], port))
            if signs[port]
            else None
            for port in (0, 1)
        ]
        pairs = [
            (
                _signed_chunk(plan, "activation_chunk", a, brick, chunk, tops[0]),
                _signed_chunk(plan, "weight_chunk", w, brick, chunk, tops[1]),
            )
            for a, w in zip(left, right, strict=True)
        ]
        bits: list[Bit] = []
        for index, (a, w) in enumerate(pairs):
            shapes = Shape.cast(a.shape), Shape.cast(w.shape)
            bits += partial_products(*shapes, 2 * index, 2 * index + 1)
        operands = [wire for pair in pairs for wire in pair]
        heap = heap_of(plan, f"brick{brick}_partial", width, bits, 0, *operands)
        total = add_up(plan, f"brick{brick}", compress(plan, f"brick{brick}", heap))
        found.append(plan.step(f"brick{brick}_sum", signed(width), lambda t: t.as_signed(), total))
    return found


def shifted_heap(
    plan: Plan,
    sums: Sequence[Wire],
    modes: Conditions,
    slots: Sequence[Sequence[Slot]],
    width: int,
) -> Heap:
    """The sums of all bricks, each shifted as its mode says."""
    moved = []
    for brick, total in enumerate(sums):
        shifts: dict[int, set[int]] = {}
        for mode, by_mode in enumerate(slots):
            shifts.setdefault(by_mode[brick].shift, set()).add(mode)
        if len(shifts) == 1:
            (shift,) = shifts
            moved.append((shift, total))
            continue
        masks = [modes.wire(cases) for cases in shifts.values()]
        size = total.width + max(shifts) - min(shifts)

        def choose(value: Any, *masks: Any, shifts: Any = tuple(shifts), size: int = size) -> Value:
            low, found = min(shifts), Value.cast(0)
            for shift, mask in zip(shifts, masks, strict=True):
                bits = value.shift_left(shift - low)
                sign = bits[-1].replicate(max(size - len(bits), 0))
                found = found | (Cat(bits, sign)[:size] & mask.replicate(size))
            return found[:size].as_signed()

        using = Logic(1, size * len(shifts))
        operands = total, *masks
        wire = plan.step(f"brick{brick}_moved", signed(size), choose, *operands, using=using)
        moved.append((min(shifts), wire))
    bits = [
        Bit(shift + place, place == wire.width - 1, _bit_of(index, place))
        for index, (shift, wire) in enumerate(moved)
        for place in range(wire.width)
    ]
    return heap_of(plan, "moved", width, bits, 0, *(wire for _, wire in moved))


def _top(slot: Slot, port: int) -> bool:
    return (slot.activation_top, slot.weight_top)[port]


def _signed_chunk(
    plan: Plan, name: str, word: Wire, brick: int, chunk: int, top: Wire | None
) -> Wire:
    """A brick's chunk of a word; its highest bit is negative while ``top`` is set."""
    low = brick * chunk
    if top is None:
        return plan.step(name, chunk, lambda v: v[low : low + chunk], word)

    def extended(v: Any, top: Any) -> Value:
        bits = v[low : low + chunk]
        return Cat(bits, bits[-1] & top).as_signed()

    return plan.step(name, signed(chunk + 1), extended, word, top, using=Logic())


def _bit_of(index: int, place: int) -> Any:
    return lambda *values: Value.cast(values[index])[place]
