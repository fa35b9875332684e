"""The exact cycles of an SCNN engine if neither inputs nor outputs ever make it wait.

Loading and draining take as long as their items, which are counted; the work on a group is
simulated cycle by cycle, without values: which blocks are empty, and which banks are requested.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .golden import Layer, layers_of, results_of
from .issue import LOOKAHEAD
from .shape import ScnnShape

__all__ = ["group_cycles", "total_cycles"]


def total_cycles(spec: ScnnShape, items: Mapping[str, Mapping[str, Any]]) -> int:
    """Cycles from reset to the last item delivered."""
    command = drained = delivered = 0
    for layer in layers_of(spec, items):
        command, drained, last = _layer(spec, layer, command, drained)
        delivered = max(delivered, last)
    return delivered


def _layer(spec: ScnnShape, layer: Layer, command: int, drained: int) -> tuple[int, int, int]:
    """The cycles at which the next command is taken, sums are drained, and all is delivered."""
    elements, freed = spec.elements, [0, 0]
    moment = command + max(layer.items[:elements]) + 2
    arrival, delivered = command + 1, 0
    results = results_of(spec, layer)
    halos = [across * down for _, across, down, *_ in spec.sums.walks(0, 0)[:-1]]
    for group, vectors in enumerate(layer.items[elements:]):
        arrival = max(arrival, freed[group % 2]) + vectors
        # Sums are cleared after reset, one row of all banks per cycle.
        start = max(moment, arrival, spec.sums.rows)
        cycles = max(
            group_cycles(spec, index, layer.kept[index], layer.kept[elements + group])
            for index in range(elements)
        )
        swap = max(start + 1 + cycles, drained)
        freed[group % 2] = moment = swap + 1
        drained = swap + 2 + 2 * spec.filters * sum(halos) + len(halos)
        drained += max(_drain_cycles(spec, part[group]) for part in results)
        delivered = drained + 1
    return moment + 1, drained, max(delivered, moment + 1)


def _drain_cycles(spec: ScnnShape, blocks: Any) -> int:
    """One cycle for every output, every placeholder and every block."""
    span, cycles = 1 << spec.index_width, 0
    for block in blocks:
        gaps = np.diff(np.flatnonzero(block), prepend=-1) - 1
        cycles += len(block) + int((gaps // span).sum()) + 1
    return cycles


def group_cycles(spec: ScnnShape, element: int, activations: list[Any], weights: list[Any]) -> int:
    """Cycles of one element at work on one group, from the one after its start."""
    row, column = divmod(element, spec.columns)
    banks_of = _Banks(spec, column, row)
    pairs = list(zip(activations, weights, strict=False))
    channel = time = 0
    found: int | None = None
    ahead: list[int] = []
    now: int | None = None
    a = w = 0
    # Pairs of vectors in flight, as the banks that they request.
    read: list[int] | None = None
    multiplied: list[int] | None = None
    pending: list[int] = []
    counts, adding = [0] * spec.sums.banks, False
    while True:
        queued = any(counts)
        if channel == len(pairs) and found is now is read is multiplied is None:
            if not ahead and not pending and not queued and not adding:
                return time
        time += 1
        adding = queued
        counts = [max(count - 1, 0) for count in counts]
        left = []
        for bank in pending:
            if counts[bank] < spec.queue:
                counts[bank] += 1
            else:
                left.append(bank)
        moves = not left
        ends = False
        if moves:
            pending, multiplied, read = multiplied or [], read, None
            if now is not None:
                inputs, taps = pairs[now]
                read = banks_of(inputs[a], taps[w])
                w += 1
                if w == len(taps):
                    a, w = a + 1, 0
                    ends = a == len(inputs)
        else:
            pending = left
        takes = bool(ahead) and (now is None or ends)
        advances = found is not None and (not all(pairs[found]) or len(ahead) < LOOKAHEAD or takes)
        if takes:
            now, a, w = ahead.pop(0), 0, 0
        elif ends:
            now = None
        reads = channel < len(pairs) and (found is None or advances)
        if advances:
            assert found is not None
            if all(pairs[found]):
                ahead.append(found)
            found = None
        if reads:
            found, channel = channel, channel + 1


class _Banks:
    """The banks that the products of two vectors request, in the order of the lanes."""

    def __init__(self, spec: ScnnShape, column: int, row: int):
        x, y, sums = spec.x, spec.y, spec.sums
        self._bounds = x.bounds(column), y.bounds(row)
        self._stride, self._banks = spec.stride, sums.banks
        self._inputs = [
            (u + x.padding, v + y.padding, sums.activation_offset(u, v))
            for v in range(spec.tile_height)
            for u in range(spec.tile_width)
        ]
        self._taps = []
        for place in range(spec.taps * spec.filters):
            tap, k = divmod(place, spec.filters)
            s, r = divmod(tap, spec.filter_width)
            self._taps.append((r, s, sums.weight_offset(k, r, s)))

    def __call__(self, activation: Any, weight: Any) -> list[int]:
        inputs, taps = (
            [places[place] for place in at[used].tolist()]
            for places, (at, used) in ((self._inputs, activation), (self._taps, weight))
        )
        banks = []
        for r, s, share in taps:
            for u, v, offset in inputs:
                across, odd_x = divmod(u - r, self._stride)
                down, odd_y = divmod(v - s, self._stride)
                (left, right), (top, bottom) = self._bounds
                if not odd_x and not odd_y and left <= across <= right and top <= down <= bottom:
                    banks.append((offset + share) % self._banks)
        return banks
