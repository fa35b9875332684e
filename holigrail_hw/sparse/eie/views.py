"""What skipping zeros gains on an EIE-like engine: over density, and over the depth of queues.

Both curves come from the cycle model, for matrices with zeros at random places. The dense engine
they are compared with has as many multipliers and always uses all of them.
"""

from typing import Any

import numpy as np

from holigrail_hw.core.views import Curve, View

from ..shared.crossovers import crossovers
from .model import efficiency, queue_cycles, work_of
from .schedule import PIPELINE
from .shape import EieShape

__all__ = ["eie_views", "speed_up"]

_DENSITIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_DEPTHS = (1, 2, 3, 4, 6, 8, 12, 16)
_COLUMNS, _MOST_ROWS, _DENSITY = 256, 64, 0.1


def eie_views(spec: EieShape) -> list[View]:
    """Two curves, and the plot of four ways to use zeros, from seeded random numbers."""
    rng = np.random.default_rng(1)
    rows = min(spec.rows, _MOST_ROWS)
    work = _work(spec, rng, (_DENSITY, 1.0))
    shares = [100 * efficiency(work, queue_cycles(work, depth)) for depth in _DEPTHS]
    what = f"A {spec.pes * rows} x {_COLUMNS} matrix, zeros at random."
    return [
        Curve(
            "Speed-up over a dense engine",
            _DENSITIES,
            tuple(speed_up(spec, rng, density) for density in _DENSITIES),
            "share of weights and of activations that are not zero",
            "times as fast",
            f"{what} The dense engine has {spec.pes} multipliers, too. Only the product is counted;"
            " the memories are taken to be large enough.",
        ),
        Curve(
            "Efficiency over the depth of the queues",
            tuple(float(depth) for depth in _DEPTHS),
            tuple(shares),
            "activations in the queue of an element",
            "cycles with an entry (%)",
            f"{what} {_DENSITY:.0%} of the weights and all activations are not zero.",
        ),
        crossovers(),
    ]


def speed_up(spec: EieShape, rng: np.random.Generator, density: float) -> float:
    """Speed-up over a dense engine at one density of weights and activations."""
    rows = min(spec.rows, _MOST_ROWS)
    work = _work(spec, rng, (density, density))
    return rows * _COLUMNS / (queue_cycles(work, spec.queue) + PIPELINE)


def _work(spec: EieShape, rng: np.random.Generator, densities: tuple[float, float]) -> Any:
    rows = min(spec.rows, _MOST_ROWS)
    mask = rng.random((rows * spec.pes, _COLUMNS)) < densities[0]
    work, _ = work_of(mask, spec.pes, spec.index_width)
    return work[rng.random(_COLUMNS) < densities[1]]
