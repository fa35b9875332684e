"""What a design is judged by, and the Pareto front: the designs that no other one beats.

An objective is the name of any figure that points carry, so that a figure added elsewhere becomes
one by that. ``luts`` is to be small; ``max:fmax`` large, as are frequencies and rates without a
word. Units and the words *promised* and *measured* may be left out of a name; what was measured
counts before what was estimated. One word is enough where a single figure has it.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError

from .point import Point

__all__ = ["DEFAULTS", "Objective", "front", "names", "read", "resolve"]

DEFAULTS = ("luts", "delay", "dsps")
"""Objectives where none are asked for, as far as the points have them."""

_WAYS = {min.__name__: False, max.__name__: True}
_UNITS = ("mhz", "ns", "pj", "fj", "um2", "cycles", "ulp", "bits", "db")
# The first of these counts where a name fits several figures.
_ORIGINS = ("measured", "", "promised", "estimated")
_LARGE = re.compile(r"fmax|_per_(second|cycle)|throughput|snr")


@dataclass(frozen=True)
class Objective:
    """A figure, and whether it is to be large; ``figure`` is empty until it is resolved."""

    asked: str
    large: bool | None = None
    figure: str = ""

    @property
    def title(self) -> str:
        """What tables and pictures call it."""
        way = next(way for way, large in _WAYS.items() if large is bool(self.large))
        return f"{way}:{self.figure or self.asked}"

    def of(self, figures: Mapping[str, Any]) -> float:
        """The figure as a number that is to be small; infinite if the point has none."""
        value = figures.get(self.figure)
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            return math.inf
        return -value if self.large else value


def read(texts: Iterable[str]) -> list[Objective]:
    """Objectives of ``luts``, ``max:fmax`` or several of them, separated by commas.

    Raises
    ------
    RequestError
        If one is none, or given twice.
    """
    found: list[Objective] = []
    for text in (item.strip() for whole in texts for item in whole.split(",")):
        way, colon, name = text.rpartition(":")
        if colon and way not in _WAYS:
            raise RequestError(
                f"explore: --objective must be NAME, min:NAME or max:NAME, not {text}"
            )
        name = re.sub(r"\W+", "_", name.strip()).strip("_").lower()
        if not name:
            raise RequestError(f"explore: --objective must name a figure, not {text!r}")
        if name in (other.asked for other in found):
            raise RequestError(f"explore: --objective {name} must be given once, not twice")
        found.append(Objective(name, _WAYS.get(way)))
    return found


def resolve(asked: Sequence[Objective], figures: Iterable[str]) -> list[Objective]:
    """The objectives with the names of figures that points carry.

    Without any those of :data:`DEFAULTS` that there are.

    Raises
    ------
    RequestError
        If points carry no such figure.
    """
    known = list(dict.fromkeys(figures))
    if not asked:
        defaults = [(Objective(name), _fitting(name, known)) for name in DEFAULTS]
        return [_resolved(objective, fitting) for objective, fitting in defaults if fitting]
    found = []
    for objective in asked:
        fitting = _fitting(objective.asked, known)
        if not fitting:
            near = [figure for figure in known if objective.asked in figure.split("_")]
            near = near or difflib.get_close_matches(objective.asked, known, n=1)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise RequestError(
                f"explore: no figure named {objective.asked!r} for --objective",
                hint=f"{hint}there are {', '.join(known)}",
            )
        found.append(_resolved(objective, fitting))
    return found


def names(points: Iterable[Point]) -> list[str]:
    """The figures that any of the points carries, in the order in which they come up."""
    return list(dict.fromkeys(name for point in points for name in point.figures))


def front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Whether no other point is as small everywhere and smaller somewhere.

    Points that are infinite somewhere are never in the front.
    """
    inside = [False] * len(points)
    if not inside:
        return inside
    values = np.array(points, dtype=float)
    # In lexicographic order a point can only be beaten by one before it, and if it is, by one of
    # the front, too.
    order = np.lexsort(values.T[::-1])
    kept = np.empty((0, values.shape[1]))
    for place in order:
        row = values[place]
        if not np.isfinite(row).all():
            continue
        as_small = (kept <= row).all(axis=1)
        if not (as_small & (kept < row).any(axis=1)).any():
            inside[place] = True
            kept = np.vstack([kept, row])
    return inside


def _fitting(name: str, known: Sequence[str]) -> str | None:
    """The figure that a name stands for; itself if there is one of that very name."""
    if name in known and f"measured_{name}" not in known:
        return name
    wanted = _parts(name)
    fitting = {
        _ORIGINS.index(origin): figure
        for figure in reversed(known)
        for origin, bare in [_parts(figure)]
        if bare == wanted[1] and wanted[0] in ("", origin)
    }
    if fitting:
        return fitting[min(fitting)]
    having = [figure for figure in known if name in figure.split("_")]
    return having[0] if len(having) == 1 else None


def _parts(figure: str) -> tuple[str, str]:
    """Where a figure is from, and its name without that and without a unit."""
    origin, _, rest = figure.partition("_")
    if origin not in _ORIGINS:
        origin, rest = "", figure
    bare, _, unit = rest.rpartition("_")
    return origin, bare if unit in _UNITS and bare else rest


def _resolved(objective: Objective, figure: str) -> Objective:
    large = objective.large
    if large is None:
        large = _LARGE.search(figure) is not None
    return Objective(objective.asked, large, figure)
