"""The search for polynomials in pieces (:mod:`.polynomial`).

The upper coefficients come from a least-squares fit with the weights of Chebyshev polynomials,
rounded; c_0 is chosen last, segment by segment, so that every v is in its corridor: what cutting
and rounding did before is known exactly by then.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from .cost import METRICS
from .fold import Corridor
from .polynomial import Polynomial

__all__ = ["polynomial_for"]

_MOST_PLACES, _MOST_PLACES_OF_WIDE = 12, 17
"""Bits of t at most."""
_SAMPLED = 1 << 20
"""A search on more u than these tries choices on some of the segments, then on all of them."""
_FEWEST, _CHECKED = 8, 12
"""Of a sample: segments at least; and choices that are right there and are checked everywhere."""
_MORE_SEGMENTS = 3
"""How many numbers of segments are tried, from the smallest that can do."""

_WIDEST_COEFFICIENT = 2.0**62


@dataclass(frozen=True)
class _Try:
    """One set of choices: segments, extra bits of coefficients, bits of t dropped per product."""

    corridor: int
    segment_width: int
    extra: int
    drops: tuple[int, ...]


class _Search:
    """Tries choices on corridors with 0, 1, ... guard bits; remembers the fits."""

    def __init__(self, corridors: list[Corridor], degree: int, metric: str):
        self.corridors, self.degree, self.metric = corridors, degree, metric
        self._known: dict[_Try, Polynomial | None] = {}
        self.is_sampled = len(corridors[0].low) > _SAMPLED

    def made(self, choice: _Try) -> Polynomial | None:
        if choice not in self._known:
            self._known[choice] = self._make(choice)
        return self._known[choice]

    def _make(self, choice: _Try) -> Polynomial | None:
        """Of a wide u from some of the segments."""
        count = 1 << choice.segment_width
        places = self.corridors[choice.corridor].fold.index_width - choice.segment_width
        some = count
        if self.is_sampled:
            some = min(max(_SAMPLED >> places, _FEWEST), count)
        # The last segments count, too: functions bend most at an end, or in the middle.
        return self._of_rows(choice, np.unique(np.linspace(0, count - 1, some).astype(np.int64)))

    def whole(self, choice: _Try) -> Polynomial | None:
        """The polynomial of all segments; None if one of them has no right coefficients."""
        count = 1 << choice.segment_width
        if not self.is_sampled:
            return self.made(choice)
        places = self.corridors[choice.corridor].fold.index_width - choice.segment_width
        step, parts = max(_SAMPLED >> places, 1), []
        for start in range(0, count, step):
            found = self._of_rows(choice, np.arange(start, min(start + step, count)))
            if found is None:
                return None
            parts.append(found)
        columns = [
            tuple(number for part in parts for number in part.coefficients[level])
            for level in range(self.degree + 1)
        ]
        return replace(parts[0], coefficients=tuple(columns))

    def cheapest(self, choice: _Try) -> tuple[_Try, Polynomial] | None:
        """From a choice that may do to the cheapest found near it that is right everywhere."""
        choice, found = self.improved(choice)
        if not self.is_sampled:
            return choice, found
        tried = [
            (self.cost(made), n, at)
            for n, (at, made) in enumerate(self._known.items())
            if made is not None and at.segment_width == choice.segment_width
        ]
        for _, _, at in sorted(tried)[:_CHECKED]:
            made = self.whole(at)
            if made is not None:
                return at, made
        return None

    def _of_rows(self, choice: _Try, rows: Any) -> Polynomial | None:
        corridor = self.corridors[choice.corridor]
        width = corridor.fold.index_width
        places = width - choice.segment_width
        t = np.arange(1 << places)
        target = corridor.target.reshape(1 << choice.segment_width, -1)[rows]
        # Units of c_i: 2^-scale; half of one moves v by half a guarded unit at the last t.
        scales = [places * i + choice.extra * (i > 0) for i in range(self.degree + 1)]
        shifts = tuple(scales[i + 1] - choice.drops[i] - scales[i] for i in range(self.degree))
        if min(shifts) < 0:
            return None
        columns: list[Any] = []
        for level in range(self.degree, 0, -1):
            rest = target - sum(
                (c * 2.0 ** -scales[self.degree - n])[:, None] * t ** (self.degree - n)
                for n, c in enumerate(columns)
            )
            fitted = rest @ _weights(places, level)[level]
            units = np.rint(fitted * 2.0 ** scales[level])
            if not np.all(abs(units) < _WIDEST_COEFFICIENT):
                return None
            columns.append(units.astype(np.int64))
        found = self._constants(corridor, rows, columns, choice, shifts)
        if found is None:
            return None
        coefficients = [found[0], found[1], *reversed(columns[:-1])]
        return Polynomial(
            width,
            choice.segment_width,
            tuple(tuple(column.tolist()) for column in coefficients),
            choice.drops,
            shifts,
        )

    def _constants(
        self, corridor: Corridor, rows: Any, columns: list[Any], choice: _Try, shifts: Any
    ) -> tuple[Any, Any] | None:
        """c_0 for the corridor, with c_1 or a neighbour of it; None if some segment has none."""
        segments, drops = len(columns[0]), choice.drops
        sides = (
            side.reshape(1 << choice.segment_width, -1) for side in (corridor.low, corridor.high)
        )
        low, high = (side[rows] for side in sides)
        t = np.arange(low.shape[1])
        v: Any = columns[0][:, None]
        for level, column in zip(range(self.degree - 1, 0, -1), columns[1:], strict=True):
            v = column[:, None] + ((v * (t >> drops[level])) >> shifts[level])
        c0, c1 = np.zeros(segments, np.int64), columns[-1].copy()
        open_ones = np.ones(segments, bool)
        for change in (0, -1, 1):
            product = ((v + change) * (t >> drops[0])) >> shifts[0]
            least, most = (low - product).max(axis=1), (high - product).min(axis=1)
            fits = open_ones & (least <= most)
            c0[fits], c1[fits] = ((least + most) >> 1)[fits], (columns[-1] + change)[fits]
            open_ones &= ~fits
            if not open_ones.any():
                return c0, c1
        return None

    def improved(self, choice: _Try) -> tuple[_Try, Polynomial]:
        """Choices changed one at a time while that makes the polynomial cheaper."""
        found = self.made(choice)
        assert found is not None
        while True:
            better = None
            for near in self._neighbours(choice):
                made = self.made(near)
                if made is not None and self.cost(made) < self.cost((better or (0, found))[1]):
                    better = near, made
            if better is None:
                return choice, found
            choice, found = better

    def cost(self, made: Polynomial) -> tuple[int, int]:
        """What the metric counts, then the other of both."""
        luts, bits = made.luts, made.table_bits
        return (luts, bits) if self.metric == METRICS[0] else (bits, luts)

    def _neighbours(self, choice: _Try) -> list[_Try]:
        near = []
        if choice.corridor:
            near.append(replace(choice, corridor=choice.corridor - 1))
        near.append(replace(choice, extra=choice.extra - 1))
        places = self.corridors[0].fold.index_width - choice.segment_width
        for level, drop in enumerate(choice.drops):
            if drop + 1 < places:
                drops = (*choice.drops[:level], drop + 1, *choice.drops[level + 1 :])
                near.append(replace(choice, drops=drops))
        return near


@cache
def _weights(places: int, degree: int) -> Any:
    """Rows that make powers of t from 2^places values: c_i = values @ row i."""
    count = 1 << places
    t = np.arange(count)
    x = (2 * t + 1 - count) / count
    weight = 1 / np.sqrt(np.sqrt(1 - x * x))
    # Fitted in x for its numbers' sake, then written in t.
    fit = np.linalg.pinv(np.vander(x, degree + 1, increasing=True) * weight[:, None])
    in_x = fit * weight
    line = np.polynomial.Polynomial([(1 - count) / count, 2 / count])
    rows = np.zeros_like(in_x)
    for power in range(degree + 1):
        terms = (line**power).coef
        rows[: len(terms)] += terms[:, None] * in_x[power]
    return rows


def polynomial_for(
    corridors: list[Corridor], degree: int, metric: str, limit: int
) -> tuple[Corridor, Polynomial] | None:
    """The cheapest by a metric, below ``limit``, of corridors with 0, 1, ... guard bits.

    None if there is none.
    """
    search, best = _Search(corridors, degree, metric), None
    width, least, feasible = corridors[0].fold.index_width, limit, 0
    most = _MOST_PLACES_OF_WIDE if search.is_sampled else _MOST_PLACES
    for segment_width in range(max(0, width - most), width - degree.bit_length() + 1):
        start = _Try(len(corridors) - 1, segment_width, 1, (0,) * degree)
        if search.made(start) is None:
            continue
        cheapest = search.cheapest(start)
        if cheapest is None:
            continue
        feasible += 1
        choice, found = cheapest
        if search.cost(found)[0] < least:
            best, least = (corridors[choice.corridor], found), search.cost(found)[0]
        if feasible == _MORE_SEGMENTS:
            break
    return best
