"""The twin of the compiled kernels in NumPy: the same arithmetic, one step of K after the other."""

from typing import Any

import numpy as np

from holigrail_hw.formats import Rounding

from .general import sums_are_exact
from .operands import tops
from .random_words import RandomWords
from .roundings import rounding64, threshold_offset
from .shape import GemmShape

__all__ = ["multiply_in_loops", "rounded", "thresholds"]

_EXPONENT = np.int64(0x7FF0000000000000)
_FRACTION = np.int64((1 << 52) - 1)
_BLOCK = 1 << 22


def rounded(x: np.ndarray, rounding: Any, threshold: Any = None) -> np.ndarray:
    """Float64 numbers rounded as ``native/rounding.h`` says.

    ``threshold``: of each number, with random words.
    """
    r = rounding
    if r.float32:
        x = x.astype(np.float32).astype(np.float64)
    bits = x.view(np.int64)
    negative, magnitude = bits < 0, np.abs(x)
    power = np.maximum((bits & _EXPONENT).view(np.float64), r.least)
    constant = (power.view(np.int64) + np.int64(r.magic)).view(np.float64)
    moved = magnitude + constant
    nearest = moved - constant
    unit = power * r.unit
    above = nearest > magnitude
    whole = np.where(above, nearest - unit, nearest)
    if threshold is None:
        odd = (moved.view(np.int64) & 1).astype(bool) ^ above
        threshold = np.array(r.threshold[:])[2 * negative + odd]
    y = np.where(magnitude - whole >= threshold * unit, whole + unit, whole)
    if r.flush > 0:
        y = np.where(y < r.flush, 0.0, y)
        if r.jump > 0:
            near = (nearest >= r.jump / 2) & (nearest < r.jump)
            y = np.where(near & ((bits & _FRACTION) > 1 << 51), r.jump, y)
    side = negative.astype(np.int64)
    largest, beyond, infinite = (np.array(v[:])[side] for v in (r.largest, r.beyond, r.infinite))
    y = np.where(y > largest, np.where(np.isinf(y), infinite, beyond), y)
    y = np.where(negative, -y, y)
    if r.unsigned_zero:
        y = y + 0.0
    return np.where(np.isnan(y), r.nothing, y)


def thresholds(words: np.ndarray, rounding: Rounding, width: int) -> np.ndarray:
    """What the rest below the last place must reach, in units, for random words of some width."""
    offset, ties = threshold_offset(rounding)
    found = 1.0 - (words.astype(np.float64) + offset) * 2.0**-width
    if ties:
        found = (found.view(np.int64) + (words & 1).astype(np.int64)).view(np.float64)
    return found


def multiply_in_loops(
    shape: GemmShape,
    x: np.ndarray,
    y: np.ndarray,
    random: RandomWords | None,
    initial: np.ndarray | None = None,
) -> np.ndarray:
    """The numbers of the product, float64, as :func:`.general.multiply_general` gives them."""
    rows, depth, columns = len(x), len(y), y.shape[1]
    result = np.empty((rows, columns), np.float64)
    per_row = max(1, columns * (depth if random is not None else 1))
    block = max(1, _BLOCK // per_row)
    with np.errstate(all="ignore"):
        for first in range(0, rows, block):
            part = range(rows)[first : first + block]
            words: tuple[np.ndarray, ...] = ()
            if random is not None and shape.streams:
                words = random.words(part, depth, columns, shape.random_width, shape.streams)
            result[part.start : part.stop] = _Sums(shape, words, initial).of(
                x[part.start : part.stop], y
            )
    return result


class _Sums:
    """Sums of some rows."""

    def __init__(self, shape: GemmShape, words: tuple[np.ndarray, ...], initial: np.ndarray | None):
        self.shape, self.words, self.initial = shape, words, initial
        given = shape.rounding, shape.overflow, shape.via
        self.sum = rounding64(shape.accumulator, *given)
        self.product = rounding64(shape.product or shape.accumulator, given[0], None, given[2])
        self.is_exact = sums_are_exact(shape)
        self.start = -0.0 if shape.is_negative_start else 0.0

    def of(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        size, depth = (len(x), y.shape[1]), len(y)
        length = self.shape.chunk or max(depth, 1)
        outer = np.full(size, self.start)
        if self.initial is not None:
            outer[:] = self.initial
        for first in range(0, depth, length):
            total = np.full(size, self.start) if self.shape.chunk else outer
            for k in range(first, min(first + length, depth)):
                total = self._step(total, x[:, k, None], y[None, k], k)
            outer = self._plus(outer, total, None) if self.shape.chunk else total
        return outer

    def _step(self, total: np.ndarray, a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
        product = a * b
        if self.shape.accumulation == "cascade":
            threshold = self._thresholds(1, k)
            product = rounded(product, self.product, threshold)
        threshold = self._thresholds(0, k)
        if self.shape.accumulation == "window":
            return rounded(self._windowed(total, product, a, b), self.sum, threshold)
        return self._plus(total, product, threshold)

    def _thresholds(self, stream: int, k: int) -> np.ndarray | None:
        if not self.words:
            return None
        return thresholds(self.words[stream][k], self.shape.rounding, self.shape.random_width)

    def _plus(self, x: np.ndarray, y: np.ndarray, threshold: Any) -> np.ndarray:
        down = self.shape.rounding == "down"
        if down:
            x, y = -x, -y
        total = x + y
        if not self.is_exact:
            part = total - x
            lost = (x - (total - part)) + (y - part)
            inexact, bits = (lost < 0) | (lost > 0), total.view(np.int64)
            beyond = inexact & ((bits ^ lost.view(np.int64)) < 0)
            total = ((bits - beyond) | inexact.astype(np.int64)).view(np.float64)
        return rounded(-total if down else total, self.sum, threshold)

    def _windowed(
        self, total: np.ndarray, product: np.ndarray, a: np.ndarray, b: np.ndarray
    ) -> np.ndarray:
        shape = self.shape
        top = np.maximum(tops(shape.a, a) * tops(shape.b, b), tops(shape.accumulator, total))
        unit = top * 2.0**-shape.window
        return _cut(total, unit) + _cut(product, unit) + 0.0


def _cut(x: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Cut off below ``unit``, toward zero."""
    constant, magnitude = unit * 6755399441055744.0, np.abs(x)
    nearest = (magnitude + constant) - constant
    return np.copysign(np.where(nearest > magnitude, nearest - unit, nearest), x)
