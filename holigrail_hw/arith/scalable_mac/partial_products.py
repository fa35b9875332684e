# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportOperatorIssue=false, reportOptionalSubscript=false

"""Partial products of bricks as one bit heap, with signs and gates by mode.

A bit of negative weight enters as its complement (Baugh and Wooley, 1973); which bits these are
depends on the mode, and so does the sum of their constants.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Value

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.hdl.integer.bit_heap import Bit, Heap, heap_of
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .bricks import Brick
from .conditions import Conditions

__all__ = ["ProductArray"]


class ProductArray:
    """The heap of all bricks of a unit.

    Parameters
    ----------
    words : activation and weight
    signs : whether either is signed
    chunk : bits of a chunk
    width : columns of the heap
    sums : for every mode, the columns of its sums: constants are modulo each of them
    """

    def __init__(
        self,
        plan: Plan,
        words: tuple[Wire, Wire],
        signs: tuple[bool, bool],
        modes: Conditions,
        chunk: int,
    ):
        self._plan, self._words, self._signs = plan, words, signs
        self._modes, self._chunk = modes, chunk
        self._operands: dict[Any, Wire] = {}

    def heap(self, bricks: Sequence[Brick], width: int, sums: Sequence[Sequence[range]]) -> Heap:
        """Columns of the partial products of bricks; ``sums`` are the columns of every mode."""
        self._used = [self._modes_of(bricks, port) for port in (0, 1)]
        negative = [self._negative_bits(brick) for brick in bricks]
        outputs = [
            self._products(brick, signs) for brick, signs in zip(bricks, negative, strict=True)
        ]
        constants = [
            sum(self._constant(mode, columns, bricks, negative) for columns in sums[mode])
            for mode in sorted(self._modes.every)
        ]
        fixed, bits = self._modes.constant_bits(constants, width, len(outputs))
        for index, brick in enumerate(bricks):
            for place in range(self._chunk**2):
                column = brick.column + sum(divmod(place, self._chunk))
                bits.append(Bit(column, False, _bit_of(index, place)))
        return heap_of(self._plan, "partial", width, bits, fixed, *outputs, *self._modes.wires)

    def _modes_of(self, bricks: Sequence[Brick], port: int) -> dict[int, frozenset[int]]:
        """In which modes every chunk of a word is used."""
        found: dict[int, set[int]] = {}
        for brick in bricks:
            for mode, use in brick.uses.items():
                chunk = (use.activation, use.weight)[port]
                found.setdefault(chunk, set()).add(mode)
        return {chunk: frozenset(modes) for chunk, modes in found.items()}

    def _negative_bits(self, brick: Brick) -> list[frozenset[int]]:
        """In which modes each partial product of a brick enters as its complement.

        Where it is 0, the complement and its constant add up to nothing: a bit that is negative in
        all modes that use the brick is complemented in the others as well, and needs no gate.
        """
        last, active = self._chunk - 1, frozenset(brick.uses)
        found = []
        for x in range(self._chunk):
            for y in range(self._chunk):
                negative = frozenset(
                    mode
                    for mode, use in brick.uses.items()
                    if (self._signs[0] and use.activation_top and x == last)
                    != (self._signs[1] and use.weight_top and y == last)
                )
                found.append(self._modes.every if negative == active else negative)
        return found

    def _constant(
        self,
        mode: int,
        columns: range,
        bricks: Sequence[Brick],
        negative: Sequence[Sequence[frozenset[int]]],
    ) -> int:
        """What the complements of one sum of a mode are short of, in the columns of that sum."""
        short = 0
        for brick, signs in zip(bricks, negative, strict=True):
            for place, modes in enumerate(signs):
                column = brick.column + sum(divmod(place, self._chunk))
                if mode in modes and column in columns:
                    short += 1 << column
        return -short % (1 << columns.stop) >> columns.start << columns.start

    def _products(self, brick: Brick, negative: Sequence[frozenset[int]]) -> Wire:
        """The partial products of a brick, activation bit by activation bit."""
        active, chunk = frozenset(brick.uses), self._chunk
        left, right = self._gated(brick, active)
        every = self._modes.every
        flips = sorted({s for s in negative if s and s != every}, key=sorted)
        wires = [self._modes.wire(cases) for cases in flips]

        def products(a: Any, w: Any, *flip: Any) -> Value:
            found = []
            for place, cases in enumerate(negative):
                x, y = divmod(place, chunk)
                bit = a[x] & w[y]
                if cases == every:
                    bit = ~bit
                elif cases:
                    bit = bit ^ flip[flips.index(cases)]
                found.append(bit)
            return Cat(*found)

        using = Logic(1, chunk * chunk)
        return self._plan.step("brick", chunk * chunk, products, left, right, *wires, using=using)

    def _gated(self, brick: Brick, active: frozenset[int]) -> tuple[Wire, Wire]:
        """Both chunks of a brick; one of them at least is 0 where the brick is not in use."""
        sources: list[dict[int, set[int]]] = [{}, {}]
        for mode, use in brick.uses.items():
            sources[0].setdefault(use.activation, set()).add(mode)
            sources[1].setdefault(use.weight, set()).add(mode)
        every = self._modes.every
        if active == every:
            return self._chosen(0, sources[0], False), self._chosen(1, sources[1], False)
        if all(len(found) == 1 for found in sources):
            (a,), (w,) = sources
            used = self._used[0][a], self._used[1][w]
            if used[0] & used[1] == active and every not in used:
                # Two gates that serve all bricks of these chunks.
                return self._gate(0, a, used[0]), self._gate(1, w, used[1])
        port = 0 if len(sources[0]) > len(sources[1]) else 1
        chosen = [self._chosen(p, sources[p], p == port) for p in (0, 1)]
        return chosen[0], chosen[1]

    def _gate(self, port: int, chunk: int, modes: frozenset[int]) -> Wire:
        return self._chosen(port, {chunk: set(modes)}, True)

    def _chosen(self, port: int, sources: dict[int, set[int]], gated: bool) -> Wire:
        """A chunk by mode; 0 in other modes if it is gated, anything otherwise."""
        every, size = self._modes.every, self._chunk
        parts = [(chunk, frozenset(modes)) for chunk, modes in sorted(sources.items())]
        if not gated:
            others = frozenset().union(*(modes for _, modes in parts[:-1]))
            parts[-1] = parts[-1][0], every - others
        key = port, tuple(parts)
        if key in self._operands:
            return self._operands[key]
        masks = [self._modes.wire(modes) for _, modes in parts]

        def choose(word: Any, *masks: Any) -> Value:
            found: Any = Const(0, size)
            for (chunk, modes), mask in zip(parts, masks, strict=True):
                bits = Value.cast(word)[chunk * size : (chunk + 1) * size]
                found = found | (bits if modes == every else bits & mask.replicate(size))
            return found

        using = Logic(1, size * (len(parts) if len(parts) > 1 or gated else 0))
        name = ("activation_chunk", "weight_chunk")[port]
        wire = self._plan.step(name, size, choose, self._words[port], *masks, using=using)
        self._operands[key] = wire
        return wire


def _bit_of(brick: int, place: int) -> Any:
    return lambda *values: Value.cast(values[brick])[place]
