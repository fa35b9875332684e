"""What an analysis needs of an activation: values, slopes, and lines around it, all outward.

For ReLU the lines are those of Singh et al., An Abstract Domain for Certifying Neural Networks
(DeepPoly), 2019. A function of the shape of an S has the least slope m of an interval at one of its
ends; f(z) - m z only grows there, so lines of slope m through the ends enclose it (Singh et al.,
Fast and Effective Robustness Certification, 2018). Slopes of lines are multiples of 2^-30: any
slope between 0 and m is sound.
NumPy's tanh is taken to be off by less than 2^-50, which the checker does not rely on.
"""

from dataclasses import dataclass

import numpy as np

from .outward import TINY

__all__ = ["Lines", "lines", "slopes", "values"]

_OFF = 2.0**-49
_UNIT = 2.0**-30
# How near to 0 the sign of a sum counts as open: exact arithmetic elsewhere may decide it.
_NEAR = 2.0**-36


@dataclass(frozen=True, eq=False)
class Lines:
    """slope z + constant below and above the function, each an array like the intervals."""

    lower: tuple[np.ndarray, np.ndarray]
    upper: tuple[np.ndarray, np.ndarray]


def values(kind: str, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest value over intervals; all activations grow."""
    match kind:
        case "relu":
            return np.maximum(low, 0), np.maximum(high, 0)
        case "tanh":
            return np.tanh(low) - _OFF, np.tanh(high) + _OFF
        case "sigmoid":
            return tuple(
                0.5 * np.tanh(0.5 * end) + 0.5 + sign * _OFF for end, sign in ((low, -1), (high, 1))
            )
    return low, high


def slopes(kind: str, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest slope over intervals.

    Of ReLU it is open where 0 lies in the interval, or so near that rounding could decide.
    """
    if kind == "none":
        return np.ones_like(low), np.ones_like(low)
    if kind == "relu":
        near = _NEAR * (1 + np.maximum(np.abs(low), np.abs(high)))
        return (low >= near).astype(np.float64), (high > -near).astype(np.float64)
    half = 0.5 if kind == "sigmoid" else 1.0
    far = np.maximum(np.abs(low), np.abs(high))
    close = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    least, most = (1 - np.tanh(half * at) ** 2 for at in (far, close))
    factor = half * half
    return np.maximum(factor * least - 4 * _OFF, 0), factor * most + 4 * _OFF


def lines(kind: str, low: np.ndarray, high: np.ndarray) -> Lines:
    """Lines around the function over intervals."""
    zero = np.zeros_like(low)
    if kind == "none":
        return Lines((zero + 1, zero), (zero + 1, zero))
    if kind == "relu":
        least, most = slopes(kind, low, high)
        is_open = least < most
        bottom, top = np.minimum(low, 0), np.maximum(high, 0)
        exact = top / np.maximum(top - bottom, TINY)
        steep = np.minimum(np.ceil(exact / _UNIT * (1 + 2.0**-40)) * _UNIT, 1.0)
        steep = np.where(is_open, steep, least)
        lifted = np.where(is_open, -steep * bottom, zero)
        kept = np.where(is_open, (top > -bottom).astype(np.float64), least)
        return Lines((kept, zero), (steep, lifted * (1 + 2.0**-50)))
    slope = np.floor(slopes(kind, low, high)[0] / _UNIT) * _UNIT
    ends = values(kind, low, high)
    found = []
    for end, value, sign in ((low, ends[0], -1), (high, ends[1], 1)):
        room = 2.0**-50 * (np.abs(value) + np.abs(slope * end))
        found.append((slope, value - slope * end + sign * room))
    return Lines(found[0], found[1])
