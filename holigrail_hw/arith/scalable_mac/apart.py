# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportOptionalSubscript=false, reportArgumentType=false

"""Divide-and-conquer units with sums apart: products of parts, added in pairs to those of wholes.

A tree of adders has the products of every mode on one of its levels (Shin et al., DNPU, 2017). The
mode chooses the level, and where the sums lie in their word.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .conditions import Conditions
from .segments import Segment, segmented_sums
from .shape import ScalableMacShape
from .structures import Mode

__all__ = ["sums_apart"]


def sums_apart(
    spec: ScalableMacShape, plan: Plan, words: tuple[Wire, Wire], mode: Wire | None, clear: Wire
) -> Wire:
    """The word of sums, one register after its item."""
    modes = Conditions(plan, mode, len(spec.mode_list))
    tree = _Tree(spec, plan, words, modes)
    addend = _addend(spec, plan, tree, modes)
    segments = _segments(spec, plan, modes)
    return segmented_sums(spec, plan, addend, segments, clear)


class _Tree:
    """Products of all parts, and their sums in pairs, made when they are first asked for."""

    def __init__(
        self, spec: ScalableMacShape, plan: Plan, words: tuple[Wire, Wire], modes: Conditions
    ):
        self._plan, self._modes = plan, modes
        least = spec.width >> spec.levels
        # Parts of an activation are its chunks, or all of it where only weights are divided.
        self._sizes = (least if spec.kind.scaled == 2 else spec.width), least
        slots = [
            (m.activation if spec.kind.scaled == 2 else spec.width, m.weight)
            for m in spec.mode_list
        ]
        signs = spec.signed_activations, spec.signed_weights
        activation = words[0] if spec.kind.scaled == 2 else _gated(spec, plan, words[0], modes)
        self._parts = [
            [
                self._part(word, size, index, is_signed, [slot[port] for slot in slots])
                for index in range(spec.width // size)
            ]
            for port, (word, size, is_signed) in enumerate(
                zip((activation, words[1]), self._sizes, signs, strict=True)
            )
        ]
        self._found: dict[tuple[int, int, int, int], Wire] = {}

    def products(self, slot: int, weight: int) -> list[Wire]:
        """Those of one mode, in the order of its sums."""
        up = (slot // self._sizes[0]).bit_length() - 1
        down = (weight // self._sizes[1]).bit_length() - 1
        counts = len(self._parts[0]) >> up, len(self._parts[1]) >> down
        return [self._product(up, down, i, j) for i in range(counts[0]) for j in range(counts[1])]

    def _part(
        self, word: Wire, size: int, index: int, is_signed: bool, slots: Sequence[int]
    ) -> Wire:
        """A part of a word with the sign that it has by mode."""
        tops = frozenset(m for m, slot in enumerate(slots) if (index + 1) * size % slot == 0)
        low = index * size
        name = f"part{index}"
        if not is_signed or not tops:
            return self._plan.step(name, size, lambda v: v[low : low + size], word)
        if tops == self._modes.every:
            return self._plan.step(
                name, signed(size), lambda v: v[low : low + size].as_signed(), word
            )

        def part(v: Any, top: Any) -> Value:
            bits = v[low : low + size]
            return Cat(bits, bits[-1] & top).as_signed()

        top = self._modes.wire(tops)
        return self._plan.step(name, signed(size + 1), part, word, top, using=Logic())

    def _product(self, up: int, down: int, i: int, j: int) -> Wire:
        """A product of ``2^up`` parts of an activation and ``2^down`` of a weight."""
        key = up, down, i, j
        if key not in self._found:
            self._found[key] = self._made(up, down, i, j)
        return self._found[key]

    def _made(self, up: int, down: int, i: int, j: int) -> Wire:
        if up == down == 0:
            return multiply(self._plan, self._parts[0][i], self._parts[1][j], "tree", "brick")
        if down:
            pair = [self._product(up, down - 1, i, 2 * j + k) for k in (0, 1)]
            shift = self._sizes[1] << down - 1
        else:
            pair = [self._product(up - 1, 0, 2 * i + k, j) for k in (0, 1)]
            shift = self._sizes[0] << up - 1
        width = (self._sizes[0] << up) + (self._sizes[1] << down) + 1
        return self._plan.step(
            f"product{i}_{j}",
            signed(width),
            lambda low, high: low + high.shift_left(shift),
            *pair,
            using=Adder(width),
            wrap=True,
        )


def _gated(spec: ScalableMacShape, plan: Plan, word: Wire, modes: Conditions) -> Wire:
    """An activation without the bits below those of its mode."""
    least = spec.width >> spec.levels
    masks = [
        modes.wire(
            m
            for m, mode in enumerate(spec.mode_list)
            if index * least >= spec.width - mode.activation
        )
        for index in range(1 << spec.levels)
    ]

    def gated(v: Any, *masks: Any) -> Value:
        return v & Cat(*(mask.replicate(least) for mask in masks))

    return plan.step("gated", spec.width, gated, word, *masks, using=Logic(1, spec.width))


def _addend(spec: ScalableMacShape, plan: Plan, tree: _Tree, modes: Conditions) -> Wire:
    """The products of the present mode, extended to their sums."""
    words = []
    for index, mode in enumerate(spec.mode_list):
        size, slot = _size(spec, mode)
        parts = [
            plan.step(f"extended_{mode}", unsigned(size), _extended(size), product)
            for product in tree.products(slot, mode.weight)
        ]
        enable = modes.wire([index])

        def word(enable: Any, *parts: Any) -> Value:
            bits = Cat(*parts)
            return bits & enable.replicate(len(bits))

        width = size * len(parts)
        using = Logic(1, width)
        words.append(plan.step(f"addend_{mode}", width, word, enable, *parts, using=using))

    def either(*words: Any) -> Value:
        found: Any = Const(0, 1)
        for one in words:
            found = found | one
        return found

    using = Logic(1, spec.result_width)
    return plan.step("addend", spec.result_width, either, *words, using=using)


def _extended(size: int) -> Any:
    def extended(value: Any) -> Value:
        bits = Value.cast(value)
        sign: Any = bits[-1] if bits.shape().signed else Const(0, 1)
        return Cat(bits, sign.replicate(max(size - len(bits), 0)))[:size]

    return extended


def _size(spec: ScalableMacShape, mode: Mode) -> tuple[int, int]:
    """Bits of a sum of a mode, and of the slot of its activations."""
    slot = mode.activation if spec.kind.scaled == 2 else spec.width
    return slot + mode.weight + spec.headroom, slot


def _segments(spec: ScalableMacShape, plan: Plan, modes: Conditions) -> list[Segment]:
    """What lies between the ends of sums in any mode; at its own ends a mode drops carries."""
    width = spec.result_width
    ends = []
    for mode, found in zip(spec.mode_list, spec.packings, strict=True):
        size, _ = _size(spec, mode)
        ends.append({k * size for k in range(len(found.sums) + 1)})
    bounds = sorted({0, width}.union(*ends) - {0})
    segments, low = [], 0
    for place, high in enumerate(bounds):
        joined = frozenset(m for m, found in enumerate(ends) if low not in found)
        gate = modes.wire(joined) if place else None
        segments.append(Segment(low, high - low, place - 1 if place else None, gate))
        low = high
    return segments
