"""The approximation of a request: every method on every fold, and the cheapest that is right.

Whatever a method finds is computed for every number of the input, in integers, and compared with
what is right there. That is the proof; nothing else about a method needs to be trusted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from .cost import METRICS, adder_luts
from .fitting import polynomial_for
from .fold import Corridor, Fold, corridor_of, folds_of, results_of
from .multipartite import Multipartite, multipartite_for
from .polynomial import Polynomial
from .shape import Request
from .table import Table, table_for

__all__ = ["DEGREES", "METHODS", "Approximation", "Listener", "approximation"]

METHODS = ("auto", "table", "multipartite", "polynomial-1", "polynomial-2", "polynomial-3")
DEGREES = (1, 2, 3)
_GUARDS = {"faithful": range(5), "correct": range(9)}
_GUARDS_OF_WIDE = {"faithful": range(1, 4), "correct": range(3, 8, 2)}
_WIDEST_MULTIPARTITE = (13, 10)
"""Index bits, of a request for that method and of one for the cheapest."""
_WIDEST_TABLE = 16
_ENDLESS = 1 << 40


@dataclass(frozen=True, eq=False)
class Approximation:
    """A fold with its core; ``numbers`` are its results for every input code."""

    fold: Fold
    core: Table | Multipartite | Polynomial
    error: Fraction
    worst: int
    rounded: int
    """How many of the results are correctly rounded."""
    numbers: Any

    @property
    def luts(self) -> int:
        return self.core.luts + _fold_luts(self.fold, self.core)


def _fold_luts(fold: Fold, core: Any) -> int:
    """The magnitude of x, and the sign or the positive part put back."""
    if fold.kind == "none":
        return 0
    luts = adder_luts(fold.index_width + 1)
    if fold.kind in ("odd", "complement"):
        luts += adder_luts(max(core.width - fold.guard, 1))
    if fold.kind == "relu":
        luts += adder_luts(core.width)
    return luts


class Listener:
    """Who is told how far a search is; any equals any other, so that kept results are found.

    Parameters
    ----------
    say : callable or None
        Gets one line.
    """

    def __init__(self, say: Callable[[str], None] | None = None):
        self._say = say

    def __call__(self, text: str) -> None:
        if self._say is not None:
            self._say(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listener)

    def __hash__(self) -> int:
        return hash(Listener)


@lru_cache(maxsize=16)
def approximation(
    request: Request, method: str, folding: str, metric: str, listener: Listener | None = None
) -> Approximation | None:
    """The cheapest of a method, or of all; None if the method finds none.

    ``folding`` is ``auto``, ``symmetric`` or ``none``; with ``auto``, a wide x is folded if it can
    be.
    """
    tell = listener or Listener()
    best: tuple[int, Fold, Any] | None = None
    for kind in reversed(folds_of(request)) if request.is_wide else folds_of(request):
        if folding != "auto" and (kind == "none") != (folding == "none"):
            continue
        if request.is_wide and best is not None:
            break
        found = _of_fold(request, kind, method, metric, best[0] if best else _ENDLESS, tell)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    if best is None:
        return None
    tell(f"prove {best[2].method}: {best[2].summary}")
    numbers = results_of(request, best[1], best[2].evaluate)
    low, high = request.allowed
    if ((numbers < low) | (numbers > high)).any():
        raise ArithmeticError("an approximation must be right for every number")
    error, worst = request.off_by(numbers)
    mask = (1 << request.result.width) - 1
    rounded = int(((numbers & mask) == request.correct.astype(np.int64)).sum())
    return Approximation(best[1], best[2], error, worst, rounded, numbers)


def _of_fold(
    request: Request, kind: str, method: str, metric: str, limit: int, tell: Listener
) -> tuple[int, Fold, Any] | None:
    best: tuple[int, Fold, Any] | None = None

    def offer(corridor: Corridor, core: Any) -> None:
        nonlocal best
        cost = core.table_bits
        if metric == METRICS[0]:
            cost = core.luts + _fold_luts(corridor.fold, core)
        if cost < left():
            best = cost, corridor.fold, core

    def left() -> int:
        return min(limit, best[0] if best else _ENDLESS)

    guards = (_GUARDS_OF_WIDE if request.is_wide else _GUARDS)[request.accuracy]
    whole = [corridor_of(request, kind, guard) for guard in guards]
    corridors = [corridor for corridor in whole if corridor is not None]
    if not corridors:
        return None
    width = corridors[0].fold.index_width
    if method in ("auto", "table") and width <= _WIDEST_TABLE:
        if corridors[0].fold.guard == 0:
            offer(corridors[0], table_for(corridors[0]))
    # Guard bits change how far the constant part reaches; a search takes one length.
    alike = [c for c in corridors if c.fold.index_width == corridors[-1].fold.index_width]
    for degree in DEGREES:
        if method in ("auto", f"polynomial-{degree}") and width > degree:
            tell(f"search polynomials of degree {degree}")
            found = polynomial_for(alike, degree, metric, left())
            if found is not None:
                offer(*found)
    most = _WIDEST_MULTIPARTITE[method == "auto"]
    if method in ("auto", "multipartite") and 2 <= width <= most:
        found = multipartite_for(alike, metric, left())
        if found is not None:
            offer(*found)
    return best
