# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportOperatorIssue=false, reportOptionalSubscript=false

"""Partial products of bricks as one bit heap, with signs and gates by mode.

A bit of negative weight enters as its complement (Baugh and Wooley, 1973); which bits these are
depends on the mode, and so does the sum of their constants, part of which idle bits may take.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from amaranth import Cat, Const, Value

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.hdl.integer.bit_heap import Bit, Heap, heap_of
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .bricks import Brick
from .conditions import Conditions
from .places import Place, constants_in_idle_places, places_of

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
        places = [places_of(brick, self._signs, self._chunk) for brick in bricks]
        # Where it is 0, a complement and its constant add up to nothing: a bit that is negative in
        # all modes that use the brick is complemented in the others as well, and needs no gate.
        for place in chain.from_iterable(places):
            if place.negative == {*place.brick.uses}:
                place.ones = {*self._modes.every} - place.negative
        constants = [
            sum(_constant(mode, columns, chain.from_iterable(places)) for columns in sums[mode])
            for mode in sorted(self._modes.every)
        ]
        return self._heap(bricks, places, constants, width)

    def heap_apart(
        self, bricks: Sequence[Brick], width: int, sums: Sequence[Sequence[range]]
    ) -> Heap:
        """The same with half the range of every signed product added to it.

        No carry leaves the columns of a product: the highest bit of a signed one is inverted.
        """
        places = [places_of(brick, self._signs, self._chunk) for brick in bricks]
        every = [*chain.from_iterable(places)]
        constants = constants_in_idle_places(every, sums) if any(self._signs) else [0] * len(sums)
        return self._heap(bricks, places, constants, width)

    def _heap(
        self,
        bricks: Sequence[Brick],
        places: Sequence[Sequence[Place]],
        constants: Sequence[int],
        width: int,
    ) -> Heap:
        self._used = [self._modes_of(bricks, port) for port in (0, 1)]
        outputs = [self._products(brick, here) for brick, here in zip(bricks, places, strict=True)]
        fixed, bits = self._modes.constant_bits(constants, width, len(outputs))
        for index, here in enumerate(places):
            for number, place in enumerate(here):
                bits.append(Bit(place.column, False, _bit_of(index, number)))
        return heap_of(self._plan, "partial", width, bits, fixed, *outputs, *self._modes.wires)

    def _modes_of(self, bricks: Sequence[Brick], port: int) -> dict[int, frozenset[int]]:
        """In which modes every chunk of a word is used."""
        found: dict[int, set[int]] = {}
        for brick in bricks:
            for mode, use in brick.uses.items():
                chunk = (use.activation, use.weight)[port]
                found.setdefault(chunk, set()).add(mode)
        return {chunk: frozenset(modes) for chunk, modes in found.items()}

    def _products(self, brick: Brick, places: Sequence[Place]) -> Wire:
        """The partial products of a brick, activation bit by activation bit."""
        operands = [*self._gated(brick, frozenset(brick.uses))]
        terms = [self._term(place, operands) for place in places]

        def products(*values: Any) -> Value:
            return Cat(*(term(values) for term in terms))

        using = Logic(1, len(places))
        return self._plan.step("brick", len(places), products, *operands, using=using)

    def _term(self, place: Place, operands: list[Wire]) -> Callable[[Sequence[Any]], Value]:
        """One partial product of the operands of a step, to which masks are added."""

        def at(wire: Wire) -> int:
            for index, known in enumerate(operands):
                if known is wire:
                    return index
            operands.append(wire)
            return len(operands) - 1

        flipped = frozenset(place.negative | place.ones)
        is_masked = flipped not in (frozenset(), self._modes.every)
        mask = at(self._modes.wire(flipped)) if is_masked else 0
        lent = [
            (at(self._modes.wire([mode])), [at(wire) for wire in self._gated_of(source)], source)
            for mode, source in place.borrowed.items()
        ]

        def term(values: Sequence[Any]) -> Value:
            bit = _product(values[:2], place)
            if flipped == self._modes.every:
                bit = ~bit
            elif flipped and place.negative >= {*place.brick.uses}:
                # In idle modes it is 0 before this.
                bit = ~bit & values[mask]
            elif place.negative:
                bit = bit ^ values[mask]
            elif flipped:
                bit = bit | values[mask]
            for enable, words, source in lent:
                other = _product([values[word] for word in words], source)
                bit = bit | (values[enable] & ~other)
            return bit

        return term

    def _gated_of(self, place: Place) -> tuple[Wire, Wire]:
        return self._gated(place.brick, frozenset(place.brick.uses))

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


def _constant(mode: int, columns: range, places: Iterable[Place]) -> int:
    """What the complements of one sum of a mode are short of, in the columns of that sum."""
    short = sum(
        1 << place.column
        for place in places
        if mode in place.negative | place.ones and place.column in columns
    )
    return -short % (1 << columns.stop) >> columns.start << columns.start


def _product(words: Sequence[Any], place: Place) -> Value:
    return words[0][place.x] & words[1][place.y]


def _bit_of(brick: int, place: int) -> Any:
    return lambda *values: Value.cast(values[brick])[place]
