# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""Bit heaps: many bits of different weights that add up to one integer.

A heap is a list of columns; column c holds bits of weight 2^c. Full and half adders take three or
two bits of a column and return one to it and one to the next column, level by level, until no
column is higher than wanted (Dadda, "Some schemes for parallel multipliers", 1965). A bit of
negative weight enters as its complement minus a constant (Baugh and Wooley, 1973); the constants of
all bits are combined. Sums are modulo 2^width.

Several products in one heap form a fused dot product: they reduce to two words, and one
carry-propagate addition. A heap of several numbers beside each other has *doors*: a carry gets into
a column that has one only while it is 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Value

from holigrail_hw.estimate.primitives import Adder, Compressor, Logic, Primitive

from ..plan.plan import Plan, Wire

__all__ = [
    "Bit",
    "Doors",
    "Heap",
    "add_up",
    "compress",
    "compress_early",
    "heap_of",
    "majority_adder",
    "shared_adder",
    "with_word",
]

Cell = Callable[..., tuple[Value, Value]]
"""A full adder, or a half adder without its third operand: sum and carry."""
Doors = Mapping[int, Wire]
"""Columns that carries reach only while a bit is 1."""


@dataclass(frozen=True)
class Bit:
    """One bit of a heap, a function of the heap's operands."""

    column: int
    is_negative: bool
    of: Callable[..., Value]


@dataclass(frozen=True)
class Heap:
    """The bits of every column as one wire, lowest column first; ``None`` for an empty column.

    One wire per column keeps expressions short: simulators compile long ones slowly.
    """

    columns: tuple[Wire | None, ...]

    @property
    def heights(self) -> tuple[int, ...]:
        """Bits in every column."""
        return tuple(0 if column is None else column.width for column in self.columns)

    @property
    def wires(self) -> list[Wire]:
        """The columns that are not empty."""
        return [column for column in self.columns if column is not None]

    def like(self, wires: Sequence[Wire]) -> "Heap":
        """The heap with new wires for the columns that are not empty."""
        left = iter(wires)
        return Heap(tuple(None if column is None else next(left) for column in self.columns))


def heap_of(
    plan: Plan, name: str, width: int, bits: Sequence[Bit], constant: int, *operands: Wire
) -> Heap:
    """The heap of ``bits`` and a constant, modulo 2^width; bits above that are left out."""
    kept = [bit for bit in bits if bit.column < width]
    constant -= sum(bit.is_negative << bit.column for bit in kept)
    columns: list[Wire | None] = []
    for column in range(width):
        here = [bit for bit in kept if bit.column == column]
        ones = [Const(1, 1)] * (constant >> column & 1)

        def gathered(*values: Any, here: Any = here, ones: Any = ones) -> Value:
            found = [~b.of(*values) if b.is_negative else b.of(*values) for b in here]
            return Cat(*ones, *found)

        count, using = len(here) + len(ones), Logic(1, len(here))
        columns.append(
            plan.step(f"{name}{column}", count, gathered, *operands, using=using) if count else None
        )
    return Heap(tuple(columns))


def compress(
    plan: Plan, name: str, heap: Heap, height: int = 2, doors: Doors | None = None
) -> Heap:
    """The heap with at most ``height`` bits in every column, two or more."""
    while max(heap.heights) > height:
        target = height
        while target * 3 // 2 < max(heap.heights):
            target = target * 3 // 2
        heap = _level(plan, name, heap, target, doors or {})
    return heap


def compress_early(
    plan: Plan, name: str, heap: Heap, height: int = 2, doors: Doors | None = None
) -> Heap:
    """The same with a full adder wherever three bits wait, and no half adder (Wallace, 1964).

    It leaves more columns with two bits. Where the word that is added last is in the heap already,
    logic synthesis makes fewer gates of this, of :func:`shared_adder`, and of carries that are
    added first.
    """
    while max(heap.heights) > height:
        columns: list[Wire | None] = []
        carried: Wire | None = None
        using: Primitive = Compressor(len(heap.columns), 3)
        for place, column in enumerate(heap.columns):
            carries = [] if carried is None else [carried]
            full = 0 if column is None or column.width <= height else column.width // 3
            if column is None or not full:
                columns.append(_joined(plan, name, [*carries, *([column] if column else [])]))
                carried = None
                continue
            here, carried = _adders(plan, name, [column], full, 0, using, shared_adder)
            using = Logic(1, 0)
            columns.append(_joined(plan, name, [*carries, here]))
            carried = _through(plan, name, carried, place + 1, doors or {})
        heap = Heap(tuple(columns))
    return heap


def with_word(plan: Plan, name: str, heap: Heap, word: Wire) -> Heap:
    """The heap with a word as wide as it is in it."""
    columns = []
    for c, column in enumerate(heap.columns):
        bit = plan.step(f"{name}_word", 1, _bit(c), word)
        columns.append(_joined(plan, name, [*([column] if column else []), bit]))
    return Heap(tuple(columns))


def add_up(
    plan: Plan,
    name: str,
    heap: Heap,
    *words: Wire,
    doors: Doors | None = None,
    cell: Cell | None = None,
) -> Wire:
    """The bits of the sum of a heap and of ``words``, which are as wide as the heap.

    ``cell`` is what the carry-propagate addition is made of.
    """
    adder = cell or _full_adder
    width = len(heap.columns)
    if words:
        columns = []
        for c, column in enumerate(heap.columns):
            parts = [plan.step(f"{name}_word", 1, _bit(c), word) for word in words]
            columns.append(_joined(plan, name, [*([column] if column else []), *parts]))
        heap = compress(plan, name, Heap(tuple(columns)), doors=doors)
    # One carry-propagate addition, one step per bit to keep expressions short. The first step is
    # charged with the delay of all of them, and waits for all columns.
    bits, carry, using, waits = [], None, Adder(width), heap.wires
    for c, column in enumerate(heap.columns):
        terms = [wire for wire in (column, carry) if wire is not None]
        if not terms:
            bits.append(plan.constant(0, 1))
            continue

        def add(*values: Any, count: int = len(terms)) -> Value:
            return _half_or_full(adder, *values[:count])

        both = plan.step(f"{name}_add{c}", 2, add, *terms, *waits, using=using)
        using, waits = None, []
        bits.append(plan.step(f"{name}_bit{c}", 1, _bit(0), both))
        carry = None if sum(term.width for term in terms) < 2 else both
        if carry is not None:
            carry = plan.step(f"{name}_carry{c}", 1, _bit(1), both)
            carry = _through(plan, name, carry, c + 1, doors or {})
    return plan.step(f"{name}_bits", width, _concatenation, *bits)


def _level(plan: Plan, name: str, heap: Heap, target: int, doors: Doors) -> Heap:
    """The heap with every column brought down to ``target`` bits by one level of adders."""
    columns: list[Wire | None] = []
    carried: Wire | None = None
    # Area is counted once; every column takes the delay of one level.
    using = Compressor(len(heap.columns), 3)
    for place, column in enumerate(heap.columns):
        height = 0 if column is None else column.width
        carries = 0 if carried is None else carried.width
        excess = max(height + carries - target, 0)
        full, half = divmod(excess, 2)
        # Carries of this level arrive last: they are added only if necessary.
        taken = 3 * full + 2 * half
        operands = [wire for wire in (column, carried if taken > height else None) if wire]
        later = [carried] if carried is not None and taken <= height else []
        if not excess:
            columns.append(_joined(plan, name, [*operands, *later]))
            carried = None
            continue
        here, carried = _adders(plan, name, operands, full, half, using, _full_adder)
        using = Logic(1, 0)
        columns.append(_joined(plan, name, [here, *later]))
        carried = _through(plan, name, carried, place + 1, doors)
    return Heap(tuple(columns))


def _adders(
    plan: Plan,
    name: str,
    operands: Sequence[Wire],
    full: int,
    half: int,
    using: Primitive,
    cell: Cell,
) -> tuple[Wire, Wire]:
    """What so many full and half adders leave of a column, and their carries."""
    count = sum(wire.width for wire in operands) - 2 * full - half

    def adders(*values: Any) -> Value:
        waiting = [bit for value in values for bit in Value.cast(value)]
        carries = []
        for inputs in [3] * full + [2] * half:
            total, carry = cell(*waiting[:inputs])
            waiting = [*waiting[inputs:], total]
            carries.append(carry)
        return Cat(*waiting, *carries)

    found = plan.step(f"{name}_adders", count + full + half, adders, *operands, using=using)
    here = plan.step(f"{name}_sums", count, lambda v: v[:count], found)
    return here, plan.step(f"{name}_carries", full + half, lambda v: v[count:], found)


def _through(plan: Plan, name: str, carries: Wire, column: int, doors: Doors) -> Wire:
    """Carries on their way into a column, as far as its door lets them."""
    if column not in doors:
        return carries
    width = carries.width
    return plan.step(
        f"{name}_let_in",
        width,
        lambda v, door: Value.cast(v) & door.replicate(width),
        *(carries, doors[column]),
        using=Logic(1, width),
    )


def _joined(plan: Plan, name: str, wires: Sequence[Wire]) -> Wire | None:
    if len(wires) < 2:
        return wires[0] if wires else None
    return plan.step(f"{name}_column", sum(w.width for w in wires), _concatenation, *wires)


def _concatenation(*values: Any) -> Value:
    return Cat(*values)


def _bit(index: int) -> Callable[[Any], Value]:
    return lambda value: Value.cast(value)[index]


def _half_or_full(cell: Cell, *values: Any) -> Value:
    """Sum and carry of up to three bits."""
    bits = [bit for value in values for bit in Value.cast(value)]
    return Cat(*cell(*bits)) if len(bits) > 1 else Cat(*bits, Const(0, 1))


def shared_adder(a: Value, b: Value, c: Value | int = 0) -> tuple[Value, Value]:
    """The same with one gate less: what tells both bits of a pair is part of sum and carry.

    It takes the last bit into the first gates, and the first, which waits longest, into the last.
    """
    if isinstance(c, int):
        both = ~(a & b)
        return (a | b) & both, ~both
    both = ~(c & b)
    either = (c | b) & both
    all_set = ~(either & a)
    return (either | a) & all_set, ~(both & all_set)


def majority_adder(a: Value, b: Value, c: Value | int = 0) -> tuple[Value, Value]:
    """The same as an exclusive or and a majority that share nothing."""
    if isinstance(c, int):
        return a ^ b, a & b
    return a ^ b ^ c, (a & b) | (c & (a | b))


def _full_adder(a: Value, b: Value, c: Value | int = 0) -> tuple[Value, Value]:
    """Sum and carry of three bits, or of two."""
    if isinstance(c, int):
        return a ^ b, a & b
    return a ^ b ^ c, (a & b) | ((a ^ b) & c)
