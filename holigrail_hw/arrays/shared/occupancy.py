"""Which elements of an array work when: exactly, from the cycles in which vectors enter it.

A vector that enters in cycle *t* reaches element (i, j) in cycle t + step * i + j. The element does
useful work if row i and column j are not padding. So the work of an element up to any cycle follows
from the vectors that entered, without stepping through the cycles.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.views import HeatMap

from .tiling import Tiling

__all__ = ["Occupancy", "Span", "occupancy_views", "used_elements"]

_BUCKETS = 120
_BANDS = 64


@dataclass(frozen=True)
class Span:
    """``count`` vectors that enter in cycles ``first``, ``first + 1`` and so on.

    They do useful work in the first ``rows`` rows of the array (the last, if that is negative) and
    in the first ``columns`` columns.
    """

    first: int
    count: int
    rows: int
    columns: int


class Occupancy:
    """The useful work of every element over time.

    Parameters
    ----------
    spans : sequence of Span
        In order; no two vectors enter in the same cycle.
    rows, columns, step : int
        Of the array; a vector takes ``step`` cycles from one row to the next.
    cycles : int
        From reset to the last result.
    """

    def __init__(self, spans: Sequence[Span], rows: int, columns: int, step: int, cycles: int):
        self.rows, self.columns, self.cycles, self._step = rows, columns, cycles, step
        self._kinds = [
            (kind, *_entered([s for s in spans if (s.rows, s.columns) == kind]))
            for kind in dict.fromkeys((s.rows, s.columns) for s in spans)
        ]

    def until(self, times: Any) -> np.ndarray:
        """Products made by every row before each of the cycles ``times``: rows x times."""
        times = np.asarray(times, np.int64)
        found = np.zeros((self.rows, len(times)), np.int64)
        for (rows, columns), places, counts in self._kinds:
            first = self.rows + rows if rows < 0 else 0
            across = np.arange(columns)[:, np.newaxis]
            for row in range(first, first + abs(rows)):
                late = times - row * self._step - across
                found[row] += _count(late, places, counts).sum(axis=0)
        return found

    def of_elements(self) -> np.ndarray:
        """Products made by every element: rows x columns."""
        found = np.zeros((self.rows, self.columns), np.int64)
        for (rows, columns), _, counts in self._kinds:
            part = slice(rows, None) if rows < 0 else slice(0, rows)
            found[part, :columns] += counts[-1]
        return found

    def over_time(self) -> tuple[np.ndarray, np.ndarray]:
        """Edges of equal time slices, and the products made by every row in each slice."""
        edges = np.unique(np.linspace(0, self.cycles, min(_BUCKETS, self.cycles) + 1).round())
        edges = edges.astype(np.int64)
        return edges, np.diff(self.until(edges), axis=1)


def occupancy_views(occupancy: Occupancy, product: str) -> list[HeatMap]:
    """Use of the rows over time, and of every element over the whole run."""
    rows, columns, cycles = occupancy.rows, occupancy.columns, occupancy.cycles
    edges, made = occupancy.over_time()
    height = -(-rows // _BANDS)
    tops = [*range(0, rows, height), rows]
    bands = np.add.reduceat(made, tops[:-1], axis=0)
    room = np.diff(tops)[:, np.newaxis] * columns * np.diff(edges)
    each = occupancy.of_elements()
    total = int(each.sum())
    used = f"{total} products in {cycles} cycles, {100 * total / (cycles * each.size):.4g} %"
    return [
        HeatMap(
            "Occupancy over time",
            tuple(map(float, edges)),
            tuple(map(float, tops)),
            _plain(bands / room),
            "cycle",
            "row of the array",
            "elements at work",
            f"{product}: {used} of what {rows} x {columns} elements can make, if streams never"
            " wait. A row is at work when a vector passes that is no padding.",
        ),
        HeatMap(
            "Use of every element",
            tuple(map(float, range(columns + 1))),
            tuple(map(float, range(rows + 1))),
            _plain(each / cycles),
            "column of the array",
            "row of the array",
            "cycles at work",
            f"{product}: the part of all {cycles} cycles in which an element makes a product that"
            " counts. Rows and columns that tiles at the border leave empty are lighter.",
        ),
    ]


def used_elements(tiling: Tiling, tile: int) -> tuple[int, int]:
    """Rows and columns of the array that a tile fills; tiles run down first, then across."""
    down, across = tiling.shape
    along = {
        "weight-stationary": (tiling.k, tiling.n),
        "input-stationary": (tiling.k, tiling.m),
        "output-stationary": (tiling.m, tiling.n),
    }[tiling.dataflow]
    place = (tile % down, tile // down % across)
    sizes = (tiling.rows, tiling.columns)
    rows, columns = (
        min(size, total - at * size) for size, total, at in zip(sizes, along, place, strict=True)
    )
    return rows, columns


def _entered(spans: Iterable[Span]) -> tuple[np.ndarray, np.ndarray]:
    """Cycles at which the count of vectors starts or stops growing, and the count there."""
    ends = [(span.first, span.first + span.count) for span in spans]
    places = np.array(ends, np.int64).ravel()
    lengths = np.diff(np.array(ends, np.int64), axis=1).ravel()
    counts = np.cumsum(np.stack([0 * lengths, lengths], axis=1).ravel())
    return places, counts


def _count(times: Any, places: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Vectors that entered before each of the times."""
    last = np.searchsorted(places, times, side="right") - 1
    found = counts[np.maximum(last, 0)]
    # After a start, which has an even place, every cycle adds one.
    growing = (last % 2 == 0) & (last >= 0)
    return np.where(growing, found + times - places[np.maximum(last, 0)], found)


def _plain(values: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in values)
