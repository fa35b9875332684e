"""What every part of an error adds to the outputs, over every box: (B, outputs) arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import Backward, Forward, Interval
from .outward import TINY, grown, slack

__all__ = ["Error", "error_of", "moved_term", "rounded_term"]


@dataclass(frozen=True, eq=False)
class Error:
    """The error is between ``low`` and ``high``; both are (B, outputs)."""

    low: np.ndarray
    high: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """The greatest magnitude."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


def rounded_term(jacobian: Interval, half: np.ndarray) -> np.ndarray:
    """The size of what errors of size ``half`` (B, n) or (n,) lead to, of any sign."""
    size = np.maximum(np.abs(jacobian[0]), np.abs(jacobian[1]))
    half = np.broadcast_to(half, (size.shape[0], size.shape[2]))
    return grown((size @ half[:, :, None])[:, :, 0])


def moved_term(jacobian: Interval, moved: Interval) -> Interval:
    """The ends of what shifts between two ends (B, n) lead to."""
    products: list[Any] = [a * b[:, None] for a in jacobian for b in moved]
    low = np.minimum(np.minimum(*products[:2]), np.minimum(*products[2:]))
    high = np.maximum(np.maximum(*products[:2]), np.maximum(*products[2:]))
    off = slack(low.shape[2]) * np.maximum(np.abs(low), np.abs(high)).sum(axis=2) + TINY
    return low.sum(axis=2) - off, high.sum(axis=2) + off


def error_of(spread: Forward, gains: Backward, half: np.ndarray) -> Error:
    """All terms together; ``half`` are the errors of rounding the inputs. Infinite if none holds."""
    if not spread.holds:
        return Error(np.full(spread.least[-1].shape, -np.inf), np.full(spread.least[-1].shape, np.inf))
    total = rounded_term(gains.entering[0], half)
    low, high = np.zeros_like(total), np.zeros_like(total)
    size = total
    for index, moved in enumerate(spread.moved):
        ends = moved_term(gains.sums[index], moved)
        low, high = low + ends[0], high + ends[1]
        total = total + rounded_term(gains.entering[index + 1], spread.rounded[index])
        size = size + np.maximum(np.abs(ends[0]), np.abs(ends[1]))
    off = slack(4 * len(spread.moved)) * (size + total) + TINY
    return Error(low - total - off, high + total + off)
