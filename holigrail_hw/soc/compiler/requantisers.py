"""From a formula of the graph to multiplier, shift and rounding of the lane, with a proof.

Codes of a formula and of a lane only grow with the sum. So they are equal for all sums of an
interval if every code is reached first at the same sum by both, which bisection finds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.rounded_floats import DoubleAway, Float32
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded
from holigrail_hw.soc.executor.lane import rescaled

__all__ = ["Rescaling", "rescaling_of", "same_codes"]

_MOST_SHIFT, _MULTIPLIER = 31, 1 << 31
_NEAR = (0, 1, -1, 2, -2)


@dataclass(frozen=True, eq=False)
class Rescaling:
    """clip(zero_point + round((sum + offset) multiplier / 2^(31 + shift)), low, high).

    ``multiplier`` and ``shift`` are int64 arrays, one per channel; ``offset`` is for all.
    """

    multiplier: np.ndarray
    shift: np.ndarray
    once: bool
    zero_point: int
    low: int
    high: int
    offset: int = 0

    def apply(self, sums: np.ndarray) -> np.ndarray:
        """Codes of sums, channels last."""
        found = rescaled(sums + self.offset, self.multiplier, self.shift, self.once)
        return np.clip(found + self.zero_point, self.low, self.high)


def rescaling_of(
    formula: Any, least: np.ndarray, greatest: np.ndarray, rank: int, *, times: int = 1
) -> Rescaling | None:
    """What the lane does for a formula; None if nothing that it can do is the same.

    Parameters
    ----------
    formula : Formula
    least, greatest : int64 array
        Of the sums, one per channel.
    rank : int
        Axes of the tensor, without that of frames.
    times : int
        The lane's sums are so many times those of the formula.
    """
    count = len(least)
    if isinstance(formula, TwiceRounded) and times == 1:
        shift = np.broadcast_to(-formula.shift.reshape(-1), (count,))
        multiplier = np.broadcast_to(formula.mantissa.reshape(-1), (count,))
        if formula.before or not 0 <= shift.min() <= shift.max() <= _MOST_SHIFT:
            return None
        limits = (formula.zero, formula.low, formula.high)
        return Rescaling(multiplier, shift, False, *limits, offset=-formula.centre)
    found = _factors(formula, count, times)
    if found is None:
        return None
    factors, limits = found[0], [*found[1:]]

    def codes(sums: np.ndarray) -> np.ndarray:
        shape = (len(sums), *[1] * (rank - 1), sums.shape[1])
        return formula.apply(sums.reshape(shape)).reshape(sums.shape)

    cases = [(factors, (least, greatest))]
    if np.size(formula.factor) == 1:
        # One channel with all sums stands for all channels.
        cases.insert(0, (factors[:1], (least.min(keepdims=True), greatest.max(keepdims=True))))
    for values, ends in cases:
        for once in (True, False):
            made = _searched(codes, values, limits, ends, once, times)
            if made is not None:
                multiplier = np.broadcast_to(made.multiplier, (count,))
                shift = np.broadcast_to(made.shift, (count,))
                return replace(made, multiplier=multiplier, shift=shift)
    return None


def _factors(formula: Any, count: int, times: int) -> tuple[list[Fraction], int, int, int] | None:
    """Real factors of the channels, zero point and limits."""
    if isinstance(formula, Affine):
        offsets = {*formula.offset.reshape(-1)}
        zero = offsets.pop()
        if offsets or Fraction(zero).denominator != 1 or formula.rounding == "sign":
            return None
        factor, zero = formula.factor, int(zero)
    elif isinstance(formula, DoubleAway | Float32):
        factor, zero = formula.factor, formula.zero
    else:
        return None
    values = np.broadcast_to(fractions(factor).reshape(-1), (count,))
    low, high = formula.limits()
    if not all(0 < v < times for v in values) or not -128 <= zero <= 127:
        return None
    return [Fraction(v) for v in values], zero, low, high


def _candidates(factor: Fraction) -> Iterator[tuple[int, int]]:
    """Multipliers of 31 bits next to a factor below 1, with their shifts."""
    shift = 0
    while factor * (1 << shift + 1) < 1 and shift < _MOST_SHIFT:
        shift += 1
    near = round(factor * (1 << 31 + shift))
    for step in _NEAR:
        if 0 <= near + step < _MULTIPLIER:
            yield near + step, shift
    if near == _MULTIPLIER and shift:
        yield near >> 1, shift - 1


def _searched(
    codes: Callable[[np.ndarray], np.ndarray],
    factors: list[Fraction],
    limits: list[int],
    ends: tuple[np.ndarray, np.ndarray],
    once: bool,
    times: int,
) -> Rescaling | None:
    """Channel by channel, the first candidate that gives the same codes."""
    count = len(factors)
    options = [[*_candidates(factor / times)] for factor in factors]
    chosen = [-1] * count
    for place in range(max(map(len, options))):
        tried = [one[min(place, len(one) - 1)] for one in options]
        made = Rescaling(
            np.array([m for m, _ in tried], np.int64),
            np.array([k for _, k in tried], np.int64),
            once,
            limits[0],
            limits[1],
            limits[2],
        )
        same = same_codes(codes, lambda sums, made=made: made.apply(times * sums), *ends)
        for channel in np.flatnonzero(same):
            if chosen[channel] < 0:
                chosen[channel] = place
        if min(chosen) >= 0:
            found = [options[c][min(chosen[c], len(options[c]) - 1)] for c in range(count)]
            multiplier, shift = (np.array(v, np.int64) for v in zip(*found, strict=True))
            return replace(made, multiplier=multiplier, shift=shift)
    return None


def same_codes(
    first: Callable[[np.ndarray], np.ndarray],
    second: Callable[[np.ndarray], np.ndarray],
    least: np.ndarray,
    greatest: np.ndarray,
) -> np.ndarray:
    """For every channel, whether two growing functions agree on all integers of its interval.

    Functions take and return arrays (samples, channels).
    """
    ends = np.stack([least, greatest])
    one, two = first(ends), second(ends)
    same = (one == two).all(axis=0)
    codes = np.arange(one[0].min() + 1, one[1].max() + 1)
    if not len(codes):
        return same
    wanted = np.broadcast_to(codes[:, None], (len(codes), len(least)))
    reached = (wanted > one[0]) & (wanted <= one[1])
    places = [_reached(function, wanted, least, greatest) for function in (first, second)]
    return same & (~reached | (places[0] == places[1])).all(axis=0)


def _reached(
    function: Callable[[np.ndarray], np.ndarray],
    wanted: np.ndarray,
    least: np.ndarray,
    greatest: np.ndarray,
) -> np.ndarray:
    """The first integer at which a function is at least what is wanted, if it ever is."""
    below = np.broadcast_to(least, wanted.shape).copy()
    above = np.broadcast_to(greatest, wanted.shape).copy()
    while (below + 1 < above).any():
        middle = (below + above) >> 1
        is_reached = function(middle) >= wanted
        above, below = np.where(is_reached, middle, above), np.where(is_reached, below, middle)
    return above
