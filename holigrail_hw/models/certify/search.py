"""The form of a formula in hardware, found by exact conditions.

Thresholds are the places of the staircase. One product and one shift, (x m + c) >> n, is equal to a
staircase with the places T_k of the codes k if, and only if, for all of them
k 2^n - m T_k <= c < k 2^n - m (T_k - 1). So for every m the constants c are an interval, which is
empty or not; the smallest n for which an m exists is kept. Ties to even need a rounding of their
own, see :func:`even_form`.
"""

from typing import Any

import numpy as np

from holigrail_hw.models.graph.forms import Multiplier, Thresholds

from .staircases import Staircase

__all__ = ["even_form", "literal_form", "multiplier_form", "slope_of", "threshold_form"]


def threshold_form(stairs: Staircase) -> Thresholds:
    """Always equal. Places that several codes share stay as many thresholds, unless all do."""
    places = stairs.places
    kept = stairs.within().any(axis=tuple(range(1, places.ndim)))
    places = places[kept]
    # Where a channel has passed a place before its range begins, its base has counted it already.
    never = stairs.high + 1
    values = np.where(places > stairs.low, places, never)
    base = stairs.base
    step = 1
    while len(values) > 1 and len(values) % 2 == 0 and (values[::2] == values[1::2]).all():
        values, step = values[::2], step * 2
    return Thresholds(values, base, step, np.where(stairs.sign > 0, 1, -1))


def multiplier_form(
    stairs: Staircase, slopes: np.ndarray, limits: tuple[int, int], most_bits: int
) -> Multiplier | None:
    """One product per sum, or None if a channel needs a factor of more than ``most_bits`` bits.

    ``slopes`` are codes per unit of the sum, about; they name the factor for every shift. Channels
    with one slope have one factor and one shift.
    """
    single = slopes.size == 1
    shape = stairs.low.shape
    slope = np.broadcast_to(np.abs(slopes), shape)
    inside = stairs.within()
    codes = stairs.first + 1 + np.arange(len(inside)).reshape(-1, *[1] * len(shape))
    most = int(max(abs(stairs.low).max(), abs(stairs.high).max(), 1)).bit_length() + most_bits
    kind = np.int64 if most < 60 else object
    at, codes = stairs.places.astype(kind), np.broadcast_to(codes, inside.shape).astype(kind)
    low, high = stairs.low.astype(kind), stairs.high.astype(kind)
    bottom = stairs.base
    top = bottom + inside.sum(axis=0)
    factor, constant, shift = (np.zeros(shape, object) for _ in range(3))
    done = ~inside.any(axis=0)
    constant[done] = bottom[done]
    for places in range(60 - int(np.abs(codes).max(initial=1)).bit_length()):
        unit = 1 << places
        for extra in (0, 1):
            tried = np.floor(slope * unit).astype(np.int64) + extra
            usable = (tried >= 1) & (tried < 1 << most_bits)
            trial = np.where(usable, tried, 1).astype(kind)
            lowest = np.where(inside, codes * unit - at * trial, -(1 << 62))
            lowest = lowest.max(axis=0, initial=-(1 << 62))
            highest = np.where(inside, codes * unit - (at - 1) * trial, 1 << 62)
            highest = highest.min(axis=0, initial=1 << 62) - 1
            # Codes beyond those of the range may only occur where the limits hold them.
            lowest = np.where(
                bottom > limits[0], np.maximum(lowest, bottom * unit - low * trial), lowest
            )
            highest = np.where(
                top < limits[1], np.minimum(highest, (top + 1) * unit - 1 - high * trial), highest
            )
            good = usable & (lowest <= highest).astype(bool) & ~done
            if single and not (good | done).all():
                continue
            for index in zip(*np.nonzero(good), strict=True):
                factor[index] = int(stairs.sign[index]) * int(trial[index])
                constant[index] = _simplest(int(lowest[index]), int(highest[index]))
                shift[index] = places
            done |= good
        if done.all():
            break
    if not done.all():
        return None
    return Multiplier(_small(factor), _small(constant), _small(shift), *limits)


def _small(array: np.ndarray) -> np.ndarray:
    """Integers as int64 where they fit."""
    return array.astype(np.int64) if all(abs(v) < 1 << 62 for v in array.reshape(-1)) else array


def even_form(formula: Any, most_bits: int) -> Multiplier | None:
    """The formula itself, where it is a product, a power of two and a rounding to even."""
    if formula.kind != "affine" or formula.rounding != "nearest_even":
        return None
    return literal_form(formula, most_bits)


def literal_form(formula: Any, most_bits: int) -> Multiplier | None:
    """The formula itself, where it is a product and a shift already; None if it is not.

    That is an affine one with powers of two in its denominators, rounded down, to the nearest with
    ties up, or with ties to even. It is equal for all integers, and needs no staircase.
    """
    if formula.kind != "affine" or formula.rounding not in ("down", "nearest_up", "nearest_even"):
        return None
    pairs = np.broadcast_arrays(formula.factor, formula.offset)
    flat = [[*array.reshape(-1)] for array in pairs]
    units = [max(a.denominator, b.denominator) for a, b in zip(*flat, strict=True)]
    if any(unit & (unit - 1) for unit in units) or any(
        v.denominator & (v.denominator - 1) for row in flat for v in row
    ):
        return None
    columns = [[int(v * unit) for v, unit in zip(row, units, strict=True)] for row in flat]
    if max(abs(v).bit_length() for v in columns[0]) > most_bits:
        return None
    if formula.rounding == "nearest_up":
        # Half a code; where nothing is cut off, nothing is rounded.
        columns[1] = [c + (unit >> 1) for c, unit in zip(columns[1], units, strict=True)]
    if max(abs(v).bit_length() for v in columns[1]) > 61:
        return None
    shape = pairs[0].shape
    factor, constant = (np.array(column, np.int64).reshape(shape) for column in columns)
    shift = np.array([unit.bit_length() - 1 for unit in units], np.int64).reshape(shape)
    even = int(formula.rounding == "nearest_even")
    return Multiplier(factor, constant, shift, formula.low, formula.high, even)


def _simplest(least: int, most: int) -> int:
    """The number between both with the most zeros at its end."""
    for places in range(max(abs(least), abs(most)).bit_length() + 1, -1, -1):
        number = -(-least >> places) << places
        if number <= most:
            return number
    return least


def slope_of(formula: Any, stairs: Staircase) -> np.ndarray:
    """Codes per unit of the sum: the formula's own factor, or that of its staircase."""
    if formula.kind == "affine":
        return np.abs(formula.factor.astype(np.float64))
    if formula.kind == "twice_rounded":
        return formula.mantissa * 2.0 ** (formula.shift + formula.before - 31.0)
    if formula.kind in ("float32", "double_away"):
        return np.abs(formula.factor.astype(np.float64))
    inside = stairs.within()
    first = np.where(inside, stairs.places, np.iinfo(np.int64).max).min(axis=0)
    last = np.where(inside, stairs.places, np.iinfo(np.int64).min).max(axis=0)
    count = inside.sum(axis=0)
    return np.where(count > 1, (count - 1) / np.maximum(last - first, 1), 1.0)
