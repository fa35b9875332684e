"""Four ways to use zeros, on one plot: speed-up over density, relative to a dense engine.

Every engine has as many multipliers as the dense one it is compared with, and zeros are at random
places, in weights and activations alike. Guarding a multiplier against zeros saves energy but no
time. Structured weights, k of every 8, are pruned to the least k that covers the density, and the
time is that of the slots. The EIE-like engine multiplies a matrix of 64 x 64 rows, the SCNN-like
one the inception layers of GoogLeNet on 8 x 8 elements; both figures come from the cycle models.
"""

from functools import cache

import numpy as np

from holigrail_hw.core.views import Line, Lines

from ..eie.model import queue_cycles, work_of
from ..scnn.model import GOOGLENET, Grid, share_of

__all__ = ["crossovers", "guarded", "speed_ups", "structured"]

DENSITIES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_GROUP, _KEPT = 8, (1, 2, 4)
_ELEMENTS, _HEIGHT, _COLUMNS, _QUEUE, _INDEX_WIDTH = 64, 64, 256, 8, 4


@cache
def speed_ups() -> dict[str, tuple[float, ...]]:
    """Speed-up over a dense engine, at every density of ``DENSITIES``."""
    return {
        "zero guarding (energy, no time)": tuple(map(guarded, DENSITIES)),
        f"k of {_GROUP} weights, structured": tuple(map(structured, DENSITIES)),
        f"EIE-like, {_ELEMENTS} elements": tuple(map(_eie, DENSITIES)),
        "SCNN-like, 8x8 elements": tuple(map(_scnn, DENSITIES)),
    }


def crossovers() -> Lines:
    """The plot; the same on every call."""
    found = speed_ups()
    return Lines(
        "Speed-up over density, four ways to use zeros",
        DENSITIES,
        tuple(Line(name, values) for name, values in found.items()),
        "share of weights and of activations that are not zero",
        "times as fast as a dense engine",
        logarithmic=True,
        caption="As many multipliers on both sides, zeros at random, by the cycle models. "
        + " ".join(_crossing(name, values) for name, values in found.items()),
    )


def guarded(density: float) -> float:
    """No speed-up: every product takes its time, guarded or not."""
    return 1.0


def structured(density: float) -> float:
    """Speed-up of the smallest structure that holds this share of weights; 1 if none does."""
    fits = [kept for kept in _KEPT if kept >= density * _GROUP]
    return _GROUP / min(fits, default=_GROUP)


def _eie(density: float) -> float:
    rng = np.random.default_rng(1)
    mask = rng.random((_HEIGHT * _ELEMENTS, _COLUMNS)) < density
    work, _ = work_of(mask, _ELEMENTS, _INDEX_WIDTH)
    active = work[rng.random(_COLUMNS) < density]
    return _HEIGHT * _COLUMNS / queue_cycles(active, _QUEUE)


def _scnn(density: float) -> float:
    return share_of(GOOGLENET, Grid(), density, density).speedup


def _crossing(name: str, values: tuple[float, ...]) -> str:
    faster = [density for density, value in zip(DENSITIES, values, strict=True) if value > 1]
    what = f"faster up to a density of {max(faster):g}" if faster else "never faster"
    return f"{name}: {what}."
