"""Bit heaps: many bits of different weights that add up to one integer.

A heap is a list of columns; column c holds bits that count 2^c each. Full and half adders take
three or two bits of a column and give one back and one to the next column, level by level, until no
column is higher than wanted (Dadda, "Some schemes for parallel multipliers", 1965). A bit that
counts negatively joins as its complement, less a constant (Baugh and Wooley, 1973); the constants
of all bits are one. Sums are modulo 2^width.

Several products in one heap are a fused dot product: two words are left of all of them, and one
carry-propagate addition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Value

from .plan import Plan, Wire
from .primitives import Adder, Compressor, Logic

__all__ = ["Bit", "Heap", "add_up", "compress", "heap_of"]


@dataclass(frozen=True)
class Bit:
    """One bit of a heap, a function of the heap's operands."""

    column: int
    is_negative: bool
    of: Callable[..., Value]


@dataclass(frozen=True)
class Heap:
    """Bits as one wire, lowest column first, and how many there are in each column."""

    wire: Wire
    columns: tuple[int, ...]

    def split(self, bits: Value) -> list[list[Value]]:
        """The bits of each column."""
        return _split(bits, self.columns)


def heap_of(
    plan: Plan, name: str, width: int, bits: Sequence[Bit], constant: int, *operands: Wire
) -> Heap:
    """The heap of ``bits`` and a constant, modulo 2^width; bits above that are left out."""
    kept = [bit for bit in bits if bit.column < width]
    constant -= sum(bit.is_negative << bit.column for bit in kept)
    sources: list[list[Bit]] = [[] for _ in range(width)]
    for bit in kept:
        sources[bit.column].append(bit)
    ones = [constant >> column & 1 for column in range(width)]

    def gathered(*values: Any) -> Value:
        found: list[Value] = []
        for column, one in zip(sources, ones, strict=True):
            found += [Const(1, 1)] * one
            found += [~b.of(*values) if b.is_negative else b.of(*values) for b in column]
        return Cat(*found)

    columns = tuple(len(column) + one for column, one in zip(sources, ones, strict=True))
    total = sum(columns)
    wire = plan.step(name, total, gathered, *operands, using=Logic(1, len(kept)))
    return Heap(wire, columns)


def compress(plan: Plan, name: str, heap: Heap, height: int = 2) -> Heap:
    """The heap with at most ``height`` bits in every column, two or more."""
    level = 0
    while max(heap.columns) > height:
        target = height
        while target * 3 // 2 < max(heap.columns):
            target = target * 3 // 2
        reduce, after = _level(heap.columns, target)
        wire = plan.step(
            f"{name}_level{level}",
            sum(after),
            lambda bits, reduce=reduce: Cat(*reduce(bits)),
            heap.wire,
            using=Compressor(len(after), 3),
        )
        heap, level = Heap(wire, after), level + 1
    return heap


def add_up(plan: Plan, name: str, heap: Heap, *words: Wire) -> Wire:
    """The bits of the sum of a heap and of ``words``, which are as wide as the heap."""
    width = len(heap.columns)
    if words:

        def with_words(bits: Value, *values: Any) -> Value:
            columns = heap.split(bits)
            return Cat(
                *(
                    bit
                    for c in range(width)
                    for bit in (*columns[c], *(Value.cast(v)[c] for v in values))
                )
            )

        columns = tuple(count + len(words) for count in heap.columns)
        heap = Heap(plan.step(f"{name}_all", sum(columns), with_words, heap.wire, *words), columns)
        heap = compress(plan, name, heap)
    return plan.step(
        f"{name}_bits",
        width,
        lambda bits: Cat(*_ripple(heap.split(bits))),
        heap.wire,
        using=Adder(width),
    )


def _split(bits: Value, columns: Sequence[int]) -> list[list[Value]]:
    found, start = [], 0
    for height in columns:
        found.append([bits[start + k] for k in range(height)])
        start += height
    return found


def _level(
    columns: Sequence[int], target: int
) -> tuple[Callable[[Value], list[Value]], tuple[int, ...]]:
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

    def reduce(bits: Value) -> list[Value]:
        carried: list[Value] = []
        found: list[Value] = []
        for column, (full, half) in zip(_split(bits, columns), plans, strict=True):
            # Carries of this level join last: they are the latest to arrive.
            waiting, next_carried = column + carried, []
            for inputs in [3] * full + [2] * half:
                taken, waiting = waiting[:inputs], waiting[inputs:]
                total, carry = _full_adder(*taken)
                waiting.append(total)
                next_carried.append(carry)
            found += waiting
            carried = next_carried
        return found

    return reduce, tuple(after)


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
