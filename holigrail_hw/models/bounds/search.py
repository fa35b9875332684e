"""The cheapest formats whose proved error stays within a limit; the cheapest uniform one beside it.

The boxes and the formats are improved in turn: boxes with the greatest error are cut along the axis
that helps most, then the programme is solved with what is proved for them; first with one format
for the weights of a layer, at the end with one for every row. Every answer is evaluated again, from
its own integers, before it counts; where its errors spread further than those that the programme
was told of, its limit is lowered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .analysis import Analysis
from .cost import Price
from .formats import Formats, Numbers, function_bits
from .partition import halves
from .programme import Pair, Width, cheapest
from .signals import Signal, bits_of, layer_signals, row_signals, with_bits
from .terms import Error

__all__ = ["MOST_BITS", "Found", "Search"]

MOST_BITS = 34
_FEWEST = 32
_WORST = 0.7
_AT_ONCE = 48
_TRIES = 4
# The least share of its limit that the programme is left after an answer that was not within it.
_STEP = 0.4
# How far bits of a row, or of other signals, may move when rows are chosen.
_ROW_WINDOW, _WINDOW = 6, 2
# A table of all candidates of all rows: so many numbers at most, 400 MB.
_MOST_NUMBERS = 50_000_000
_NUMBERS = ("input", "values")


@dataclass(frozen=True, eq=False)
class Found:
    """Formats with their integers, their cost, and the errors over the boxes."""

    numbers: Numbers
    cost: float
    error: Error

    @property
    def formats(self) -> Formats:
        """The fraction bits."""
        return self.numbers.formats


class Search:
    """A search over one box.

    Parameters
    ----------
    analysis : Analysis
        The network over the box.
    limits : numpy.ndarray
        How far every output may be off, (outputs,), in units of the last layer's results.
    cost : str
        One of :data:`.cost.COSTS`.
    progress : callable
        Takes a line about what is happening.
    """

    def __init__(
        self,
        analysis: Analysis,
        limits: np.ndarray,
        cost: str,
        progress: Callable[[str], None],
    ):
        self.analysis, self.limits, self.progress = analysis, limits, progress
        self.price = Price(analysis.network, cost, analysis.entering, analysis.found)

    def run(self, boxes: int) -> tuple[Found | None, Found | None]:
        """The cheapest formats found over so many boxes at most, and the cheapest uniform ones.

        ``None`` where no formats of at most 34 fraction bits are within the limits.
        """
        best, count = None, min(_FEWEST, boxes)
        while True:
            start = best or self.uniform()
            middle = Formats.uniform(self.analysis.network, MOST_BITS // 2)
            guide = start.numbers if start else self.analysis.numbers(middle)
            self.refine(guide, count)
            best = self._by_layers(guide) or best
            if count >= boxes or len(self.analysis.leaves) < count:
                break
            count = min(2 * count, boxes)
        if best is not None:
            # Boxes are finer since it was found, and biases follow the ranges that are known.
            best = self.judged(best.formats) or best
            best = self._by_rows(best)
        return best, self.uniform()

    def used(self, error: Error) -> float:
        """The share of the limits that an error uses."""
        return float(np.nan_to_num((error.size / self.limits).max(), nan=np.inf))

    def judged(self, formats: Formats, *, plain: bool = False) -> Found | None:
        """Formats with what is proved for their integers, if that is within the limits.

        With ``plain`` nothing is left out.
        """
        analysis = self.analysis
        made = analysis.plain_numbers(formats) if plain else analysis.numbers(formats)
        if any((made.formats.sums(i) > most).any() for i, most in enumerate(self._sum_bits())):
            return None
        error = analysis.error(made)
        if not self.used(error) <= 1:
            return None
        return Found(made, self.price.total(made.formats, made.kept), error)

    def uniform(self) -> Found | None:
        """As many fraction bits everywhere as are needed."""
        network, guess = self.analysis.network, MOST_BITS // 2
        # The error about halves with every bit, so the first guess is near.
        made = self.analysis.plain_numbers(Formats.uniform(network, guess))
        used = self.used(self.analysis.error(made))
        if 0 < used < np.inf:
            guess = int(np.clip(guess + np.ceil(np.log2(used)), 0, MOST_BITS))
        found = self.judged(Formats.uniform(network, guess), plain=True)
        step = 1 if found is None else -1
        while 0 <= guess + step <= MOST_BITS:
            guess += step
            other = self.judged(Formats.uniform(network, guess), plain=True)
            if step < 0 and other is None:
                return found
            found = other or found
            if step > 0 and other is not None:
                return found
        return found

    def refine(self, guide: Numbers, count: int) -> None:
        """Cut boxes with the greatest error of a network until there are ``count``."""
        analysis, axes = self.analysis, self.analysis.partition.axes
        while len(analysis.leaves) < count and axes:
            used = (analysis.error(guide).size / self.limits).max(axis=1)
            order = np.argsort(-used, kind="stable")
            room = min(count - len(analysis.leaves), _AT_ONCE)
            worst = [int(i) for i in order[:room] if used[i] >= _WORST * used[order[0]]]
            analysis.cut([*zip(worst, self._best_axes(guide, worst), strict=True)])
            self.progress(f"{len(analysis.leaves)} boxes")

    def _best_axes(self, guide: Numbers, worst: Sequence[int]) -> list[int]:
        """For every box the axis whose halves have the least error, the greater of the two."""
        analysis, axes = self.analysis, self.analysis.partition.axes
        if len(axes) == 1:
            return [axes[0]] * len(worst)
        boxes = [analysis.partition.boxes[analysis.leaves[place]] for place in worst]
        parts = [half for box in boxes for axis in axes for half in halves(box, axis)]
        used = (analysis.errors_of(guide, parts) / self.limits).max(axis=1)
        pairs = np.sort(used.reshape(len(worst), len(axes), 2), axis=2)
        # The lesser half counts a little: of equal ones the axis is cut where more is won.
        return [axes[int(i)] for i in (pairs[:, :, 1] + 0.1 * pairs[:, :, 0]).argmin(axis=1)]

    def _sum_bits(self) -> list[int]:
        """The most fraction bits of the sums of each layer, which must fit into 62 bits."""
        analysis, found = self.analysis, []
        real = analysis.entering
        for layer, one in zip(analysis.layers, analysis.found, strict=True):
            # Codes have limits of whole bits, so twice what is reached; and rounding.
            largest = 2 * np.maximum(np.abs(real[0]).max(axis=0), np.abs(real[1]).max(axis=0)) + 1
            sums = np.abs(layer.weights) @ largest + np.abs(layer.bias_high)
            found.append(60 - max(int(np.ceil(np.log2(sums.max()))), 0))
            real = one.low, one.high
        return found

    def _widths(
        self, signals: Sequence[Signal], candidates: Sequence[Sequence[Any]]
    ) -> list[Width]:
        most, found = self._sum_bits(), []
        places = {(s.kind, s.layer): i for i, s in enumerate(signals) if s.kind in _NUMBERS}
        for at, signal in enumerate(signals):
            if signal.kind == "weights":
                other = places[("values", signal.layer - 1) if signal.layer else ("input", 0)]
                bits = candidates[at], candidates[other]
                if max(bits[0]) + max(bits[1]) > most[signal.layer]:
                    found.append(Width(at, other, bits, most[signal.layer]))
        return found

    def allowed(self, signal: Signal) -> range:
        """All bits that a signal may have."""
        return range(self._most(signal) + 1)

    def _most(self, signal: Signal) -> int:
        if signal.kind != "values":
            return MOST_BITS
        limits = function_bits(self.analysis.found, self.analysis.network, MOST_BITS)
        return limits[signal.layer]

    def _by_layers(self, guide: Numbers) -> Found | None:
        signals = layer_signals(self.analysis.network)
        return self.improved(guide, None, signals, lambda s, bits: self.allowed(s))

    def _by_rows(self, best: Found) -> Found:
        """Rows of weights with formats of their own, where that costs less."""
        signals = row_signals(self.analysis.network, best.numbers.kept)
        if self.is_large(best, signals):
            return best
        return self.improved(best.numbers, best, signals, self.near) or best

    def is_large(self, best: Found, signals: Sequence[Signal]) -> bool:
        """Whether tables of so many signals would be too large."""
        return len(signals) * (_ROW_WINDOW + 4) * best.error.size.size > _MOST_NUMBERS

    def near(self, signal: Signal, bits: int) -> Sequence[int]:
        """Candidates around the bits of a signal."""
        if signal.kind == "weights":
            return range(max(bits - _ROW_WINDOW, 0), min(bits + 3, MOST_BITS) + 1)
        # Costs of rows depend on their operands, unless they only count bits.
        room = _WINDOW if self.price.name == "bits" else 0
        return range(max(bits - room, 0), min(bits + room, self._most(signal)) + 1)

    def improved(
        self,
        start: Numbers,
        best: Found | None,
        signals: Sequence[Signal],
        near: Callable[[Signal, Any], Sequence[Any]],
    ) -> Found | None:
        """The programme's formats, evaluated; it is told of errors that spread as those before."""
        given, budget = start, 1.0
        for _ in range(_TRIES):
            formats = given.formats
            candidates = [[*near(s, bits_of(formats, s))] for s in signals]
            tables = self.analysis.tables(given, signals, candidates)
            allowed = np.tile(self.limits, len(self.analysis.leaves)) * budget
            alone, pairs = self._costs(signals, candidates, given)
            places = [
                _place(row, bits_of(formats, s)) for s, row in zip(signals, candidates, strict=True)
            ]
            widths = self._widths(signals, candidates)
            chosen = cheapest(alone, pairs, widths, tables, allowed, places)
            if chosen is None:
                break
            bits = [row[at] for row, at in zip(candidates, chosen, strict=True)]
            made = self.analysis.numbers(with_bits(formats, signals, bits))
            error = self.analysis.error(made)
            used, total = self.used(error), self.price.total(made.formats, made.kept)
            share = f"{100 * used:.1f} % of the error"
            self.progress(f"{len(self.analysis.leaves)} boxes, cost {total:.0f}, {share}")
            is_better = used <= 1 and (best is None or total < best.cost)
            if is_better:
                best = Found(made, total, error)
            elif used <= 1 or made.formats == formats or not np.isfinite(used):
                break
            if used > 1:
                budget *= max(0.999 / used, _STEP)
            given = made
        return best

    def _costs(
        self, signals: Sequence[Signal], candidates: Sequence[Sequence[Any]], given: Numbers
    ) -> tuple[list[np.ndarray], list[Pair]]:
        """Of signals alone, and of weights with their operands where both are open."""
        formats, kept, price = given.formats, given.kept, self.price
        places = {(s.kind, s.layer): i for i, s in enumerate(signals) if s.kind in _NUMBERS}
        alone, pairs = [], []
        for at, (signal, bits) in enumerate(zip(signals, candidates, strict=True)):
            index = signal.layer
            operand = places[("values", index - 1) if index else ("input", 0)]
            if price.name == "bits" or signal.kind != "weights" or len(candidates[operand]) == 1:
                costs = [price.alone(signal, count, formats, kept) for count in bits]
                alone.append(np.array(costs, float))
                continue
            alone.append(np.zeros(len(bits)))
            rows = [row for row in signal.rows if kept[index][row]]
            table = [
                [
                    sum(price.row(index, row, count, width, kept) for row in rows)
                    for width in candidates[operand]
                ]
                for count in bits
            ]
            pairs.append(Pair(at, operand, np.array(table, float)))
        return alone, pairs


def _place(candidates: Sequence[Any], bits: Any) -> int:
    """Where the nearest candidate stands; those of what may be lost are there themselves."""
    if bits in candidates:
        return candidates.index(bits)
    return min(range(len(candidates)), key=lambda i: abs(candidates[i] - bits))
