"""The magnitude of a filter's frequency response, for a picture."""

import cmath
import math
from collections.abc import Sequence

from holigrail_hw.core.views import Curve

__all__ = ["magnitude_response"]

_POINTS = 256
_FLOOR = -100.0


def magnitude_response(coefficients: Sequence[int]) -> Curve:
    """|sum of h[k] exp(-j w k)| in dB below its largest value, w from 0 to half the sample rate."""
    frequencies = [0.5 * index / _POINTS for index in range(_POINTS + 1)]
    magnitudes = [
        abs(sum(h * cmath.exp(-2j * math.pi * f * k) for k, h in enumerate(coefficients)))
        for f in frequencies
    ]
    largest = max(magnitudes)
    levels = [max(_FLOOR, 20 * math.log10(m / largest)) if m > 0 else _FLOOR for m in magnitudes]
    return Curve(
        "Frequency response",
        tuple(frequencies),
        tuple(round(level, 3) for level in levels),
        "frequency / sample rate",
        "magnitude (dB)",
        "Of the coefficients as built; 0 dB is the largest magnitude.",
    )
