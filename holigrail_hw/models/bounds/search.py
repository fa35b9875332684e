"""The cheapest formats whose proved error stays within a limit; the cheapest uniform one beside it.

The boxes and the formats are improved in turn: boxes with the greatest error are cut along the axis
that helps most, then the programme is solved with what is proved for them. Every answer is
evaluated again, from its own integers, before it counts; where its errors spread further than those
that the programme was told of, its limit is lowered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .analysis import Analysis
from .cost import Cost, cost_of
from .formats import MOST_FUNCTION_BITS, Formats, Numbers
from .programme import cheapest
from .terms import Error

__all__ = ["MOST_BITS", "Found", "Limits", "refined", "searched"]

MOST_BITS = 34
_FEWEST = 32
_WORST = 0.7
_AT_ONCE = 48
_TRIES = 4


@dataclass(frozen=True, eq=False)
class Limits:
    """How far every output may be off, in units of the last layer's results; both (outputs,)."""

    error: np.ndarray

    def used(self, error: Error) -> np.ndarray:
        """The share of the limit that every box uses."""
        return (error.size / self.error).max(axis=1)


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


def searched(
    analysis: Analysis,
    limits: Limits,
    cost_name: str,
    boxes: int,
    progress: Callable[[str], None],
) -> tuple[Found | None, Found | None]:
    """The cheapest formats found over so many boxes at most, and the cheapest uniform ones.

    ``None`` where no formats of at most 34 fraction bits are within the limits.
    """
    best, count = None, min(_FEWEST, boxes)
    while True:
        start = best or _uniform(analysis, limits, cost_name)
        guide = start.numbers if start else analysis.numbers(_all(analysis, MOST_BITS // 2))
        refined(analysis, limits, guide, count, progress)
        best = _improved(analysis, limits, cost_name, guide.formats, progress) or best
        if count >= boxes or len(analysis.leaves) < count:
            break
        count = min(2 * count, boxes)
    if best is not None:
        # Boxes grew finer since, and biases follow the ranges that are known.
        best = _judged(analysis, limits, cost_name, best.formats)
    return best, _uniform(analysis, limits, cost_name)


def refined(
    analysis: Analysis,
    limits: Limits,
    guide: Numbers,
    count: int,
    progress: Callable[[str], None],
) -> None:
    """Cut boxes until there are ``count``, or none has more than one point."""
    axes = analysis.partition.axes
    while len(analysis.leaves) < count and axes:
        used = limits.used(analysis.error(guide))
        order = np.argsort(-used, kind="stable")
        room = min(count - len(analysis.leaves), _AT_ONCE)
        worst = [int(i) for i in order[:room] if used[i] >= _WORST * used[order[0]]]
        analysis.cut([*zip(worst, _best_axes(analysis, limits, guide, worst), strict=True)])
        progress(f"{len(analysis.leaves)} boxes")


def _best_axes(
    analysis: Analysis, limits: Limits, guide: Numbers, worst: Sequence[int]
) -> list[int]:
    """For every box the axis whose halves have the least error, the greater of the two."""
    from .partition import halves

    axes = analysis.partition.axes
    if len(axes) == 1:
        return [axes[0]] * len(worst)
    boxes = [analysis.partition.boxes[analysis.leaves[place]] for place in worst]
    parts = [half for box in boxes for axis in axes for half in halves(box, axis)]
    used = (analysis.errors_of(guide, parts) / limits.error).max(axis=1)
    # The lesser half counts a little, so that ties are cut where more is won.
    pairs = np.sort(used.reshape(len(worst), len(axes), 2), axis=2)
    return [axes[int(i)] for i in (pairs[:, :, 1] + 0.1 * pairs[:, :, 0]).argmin(axis=1)]


def _all(analysis: Analysis, bits: int) -> Formats:
    layers = len(analysis.network.layers)
    return Formats(bits, (bits,) * layers, (bits,) * layers)


def _judged(
    analysis: Analysis, limits: Limits, cost_name: str, formats: Formats
) -> Found | None:
    """Formats with what is proved for their integers, if that is within the limits."""
    made = analysis.numbers(formats)
    error = analysis.error(made)
    if limits.used(error).max() > 1:
        return None
    return Found(made, _cost(analysis, cost_name, made.formats), error)


def _cost(analysis: Analysis, name: str, formats: Formats) -> float:
    candidates = tuple((bits,) for bits in formats.signals)
    real = (analysis.low, analysis.high)
    return cost_of(analysis.network, name, candidates, real, analysis.found).total(formats)


def _uniform(analysis: Analysis, limits: Limits, cost_name: str) -> Found | None:
    """As many fraction bits everywhere as are needed."""
    # The error about halves with every bit, so the first guess is near.
    guess = MOST_BITS // 2
    used = limits.used(analysis.error(analysis.numbers(_all(analysis, guess)))).max()
    if 0 < used < np.inf:
        guess = int(np.clip(guess + np.ceil(np.log2(used)), 0, MOST_BITS))
    found = _judged(analysis, limits, cost_name, _all(analysis, guess))
    step = 1 if found is None else -1
    while 0 <= guess + step <= MOST_BITS:
        guess += step
        other = _judged(analysis, limits, cost_name, _all(analysis, guess))
        if step < 0 and other is None:
            return found
        found = other or found
        if step > 0 and other is not None:
            return found
    return found


def _candidates(analysis: Analysis) -> tuple[tuple[int, ...], ...]:
    whole = tuple(range(MOST_BITS + 1))
    found = [whole]
    for layer in analysis.network.layers:
        most = MOST_FUNCTION_BITS.get(layer.activation, MOST_BITS)
        found += [whole, whole[: most + 1]]
    return tuple(found)


def _improved(
    analysis: Analysis,
    limits: Limits,
    cost_name: str,
    start: Formats,
    progress: Callable[[str], None],
) -> Found | None:
    """The programme's formats, evaluated; it is told of errors that spread as those before."""
    candidates = _candidates(analysis)
    cost: Cost = cost_of(
        analysis.network, cost_name, candidates, (analysis.low, analysis.high), analysis.found
    )
    best, budget, formats = None, 1.0, start
    for _ in range(_TRIES):
        tables = analysis.tables(analysis.numbers(formats), candidates)
        allowed = np.tile(limits.error, len(analysis.leaves)) * budget
        places = [row.index(f) for row, f in zip(candidates, formats.signals, strict=True)]
        chosen = cheapest(cost, tables, allowed, places)
        if chosen is None:
            break
        picked = Formats.of([row[at] for row, at in zip(candidates, chosen, strict=True)])
        made = analysis.numbers(picked)
        error = analysis.error(made)
        used = float(limits.used(error).max())
        total = _cost(analysis, cost_name, made.formats)
        progress(f"{len(analysis.leaves)} boxes, cost {total:.0f}, {100 * used:.1f} % of the error")
        if used <= 1 and (best is None or total < best.cost):
            best = Found(made, total, error)
        elif used <= 1 or made.formats == formats:
            break
        if used > 1:
            budget *= 0.999 / used
        formats = made.formats
    return best
