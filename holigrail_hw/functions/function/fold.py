"""From x to the index of a core, and from the core's number to the result.

A symmetric function is approximated for magnitudes only, by a *core*: a function of an unsigned
index u with ``guard`` bits below the last place of the result. With a = |x|, r the result and v the
core's number, both in units of the last place:

==========  =====================================================================
none        u = x - the least x,  r = floor(v)
even        u = a,                r = floor(v)
odd         u = a,                r = floor(v), negative with x
complement  u = a,                r = floor(v), 1 - floor(v) for negative x
relu        u = a,                r = floor(max(x, 0) + v)
==========  =====================================================================

The half for rounding to nearest is part of v. Where f hardly changes any more, all u from a power
of two on share one constant, and the core has so many index bits less. Which v are right for each u
is the *corridor*: what the two signs allow, intersected. The greatest magnitude, of the least
negative number, always is among those that get the constant.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exact.values import MOST_SINGLE
from .shape import Request

__all__ = ["Corridor", "Fold", "corridor_of", "folds_of", "results_of"]

_PART = 1 << 20


@dataclass(frozen=True)
class Fold:
    """``index_width`` bits of u reach the core; from 2^index_width on v is ``constant``.

    ``constant`` is None without a fold: u never gets there. ``guard``: bits of v below the last
    place.
    """

    kind: str
    guard: int
    index_width: int
    constant: int | None


@dataclass(frozen=True, eq=False)
class Corridor:
    """The right v for every u, ``low`` to ``high``, and where f is (``target``, floats)."""

    fold: Fold
    low: Any
    high: Any
    target: Any


def folds_of(request: Request) -> tuple[str, ...]:
    """The kinds that a function may be folded by."""
    kind, place = request.symmetry, request.result.least_place
    if not request.input.signed or request.input.width < 3 or kind == "none":
        return ("none",)
    if kind == "complement" and place > 0:
        return ("none",)
    return ("none", kind)


def _numbers(request: Request) -> Any:
    """x by code, in units of its last place."""
    codes = np.arange(1 << request.input.width, dtype=np.int64)
    sign = 1 << (request.input.width - 1) if request.input.signed else 0
    return (codes ^ sign) - sign


def _positive_part(request: Request, x: Any, guard: int) -> Any:
    """max(x, 0) in guarded units, cut off below."""
    shift = guard + request.input.least_place - request.result.least_place
    part = np.maximum(x, 0)
    return part << shift if shift >= 0 else part >> -shift


def corridor_of(request: Request, kind: str, guard: int) -> Corridor | None:
    """The corridor of a fold; None where nothing is right for both signs."""
    low, high = request.allowed
    x = _numbers(request)
    unit, place = 1 << guard, request.values.bits + request.result.least_place
    target = request.values.floor.astype(float) * 2.0**-place
    least, most = low * unit, high * unit + unit - 1
    exact = target * unit + (unit - 1) / 2
    if kind == "none":
        # In the order of x, which in that of the codes begins with zero.
        first = len(x) >> 1 if request.input.signed else 0
        return _shortened(kind, guard, *(np.roll(side, first) for side in (least, most, exact)))
    if kind == "relu":
        part = _positive_part(request, x, guard)
        least, most, exact = least - part, most - part, exact - part
        mirrored = least, most
    elif kind == "even":
        mirrored = least, most
    else:
        one = 1 << -request.result.least_place if kind == "complement" else 0
        mirrored = (one - high) * unit, (one - low) * unit + unit - 1
    half = 1 << (request.input.width - 1)
    u = np.arange(half + 1)
    positive, negative = np.minimum(u, half - 1), -u & (2 * half - 1)
    down, up = least[positive], most[positive]
    # Zero has one sign only, and so has the greatest magnitude.
    down[1:] = np.maximum(down, mirrored[0][negative])[1:]
    up[1:] = np.minimum(up, mirrored[1][negative])[1:]
    down[half], up[half] = (side[half] for side in mirrored)
    return _shortened(kind, guard, down, up, exact[positive])


def _shortened(kind: str, guard: int, low: Any, high: Any, target: Any) -> Corridor | None:
    """Without the upper part that one constant serves; None if there is no right number."""
    if (low > high).any():
        return None
    width, constant = (len(low) - 1).bit_length(), None
    if kind != "none":
        least, most = int(low[-1]), int(high[-1])
        width = len(low).bit_length() - 1
        while width > 1:
            start = 1 << (width - 1)
            down, up = int(low[start:].max()), int(high[start:].min())
            if down > up:
                break
            width, least, most = width - 1, down, up
        constant = min(max(round(float(target[-1])), least), most)
    kept = slice(0, 1 << width)
    low, high, target = low[kept], high[kept], target[kept]
    if width > MOST_SINGLE and max(abs(int(low.min())), abs(int(high.max()))) < 1 << 31:
        low, high, target = low.astype(np.int32), high.astype(np.int32), target.copy()
    return Corridor(Fold(kind, guard, width, constant), low, high, target)


def results_of(request: Request, fold: Fold, core: Any) -> Any:
    """The result for every code of the input, in units of its last place: integers alone."""
    codes = np.arange(1 << request.input.width, dtype=np.int64)
    parts = [
        _results_of_part(request, fold, core, codes[start : start + _PART])
        for start in range(0, len(codes), _PART)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _results_of_part(request: Request, fold: Fold, core: Any, codes: Any) -> Any:
    half = 1 << (request.input.width - 1) if request.input.signed else 0
    x = (codes ^ half) - half
    if fold.kind == "none":
        return core(x + half) >> fold.guard
    inside = np.minimum(abs(x), (1 << fold.index_width) - 1)
    v: Any = np.where(abs(x) > inside, fold.constant, core(inside))
    if fold.kind == "relu":
        return (_positive_part(request, x, fold.guard) + v) >> fold.guard
    found = v >> fold.guard
    if fold.kind == "even":
        return found
    one = 1 << -request.result.least_place if fold.kind == "complement" else 0
    return np.where(x < 0, one - found, found)
