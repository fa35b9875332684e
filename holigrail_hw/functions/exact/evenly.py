"""A function at many evenly spaced numbers, by interpolation with a proved error.

A segment of evenly spaced arguments gets a polynomial through a few exact values. If |f| <= M on
the circles of radius r about all real points of the segment, Cauchy's estimate bounds the
derivatives, |f^(n)| / n! <= M / r^n, and so the error of the interpolation at x: at most
M prod |x - x_i| / r^n for n nodes x_i (Davis, "Interpolation and Approximation", 1963). Everything
else is integers: rounded coefficients and the floors of Horner's rule are counted. Where the
enclosure of f does not settle its floor, an exact computation does, or two of them around it where
f is steady (:mod:`.steady`); segments in which the error is too large, those next to a pole among
them, are cut in four.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from .steady import Steady

__all__ = ["CIRCLES", "evenly_spaced"]

Circle = Callable[[Any, Any], tuple[Any, Any]]
"""From the ends of real segments (floats) to radius and bound."""

_NODES = 7
_LONGEST, _SHORTEST = 1 << 12, 1 << 6
_AT_ONCE = 1 << 8
_EXACT_AT_ONCE = 1 << 15
_GROUPS = (1 << 12, 1 << 6)
"""So many undecided numbers in a row are tried to be told from the first and the last one."""
_WIDEST = 61
_FINER = 40
"""Bits that the values at nodes have below those of the polynomials."""
_GUARD = (4, 16)
"""Bits below the floor that are wanted, at least and at most."""


def _of_size(low: Any, high: Any) -> Any:
    return np.maximum(abs(low), abs(high))


def _distance(low: Any, high: Any) -> Any:
    """From zero, where there is a pole; zero where a segment holds it."""
    return np.where((low > 0) | (high < 0), np.minimum(abs(low), abs(high)), 0.0)


def _logarithm(low: Any, high: Any) -> tuple[Any, Any]:
    # |log2 z| <= |log2 |z|| + |arg z| / ln 2, with |z| from x / 2 to 3 x / 2.
    return low / 2, np.maximum(abs(np.log2(low)), abs(np.log2(high))) + 4


CIRCLES: dict[str, Circle] = {
    # Where |Im z| < pi/2, e^-z has a real part above 0, so that |1 + e^-z| > 1.
    "sigmoid": lambda low, high: (1.5, 1.0),
    "tanh": lambda low, high: (0.75, 3.0),
    "silu": lambda low, high: (1.5, _of_size(low, high) + 1.5),
    # |ln w| <= ln |w| + |arg w|, with |w| > 1 and |arg w| < pi/2.
    "softplus": lambda low, high: (1.5, np.maximum(high, 0) + 5),
    "exp": lambda low, high: (4.0, np.exp(high + 4)),
    "exp2": lambda low, high: (4.0, np.exp2(high + 4)),
    "log2": _logarithm,
    # |erf z| <= 1 + 2 / sqrt(pi) r e^(r^2), and the same for the normal integral.
    "erf": lambda low, high: (1.5, 18.0),
    "gelu": lambda low, high: (2.0, 7 * (_of_size(low, high) + 2)),
    "reciprocal": lambda low, high: (_distance(low, high) / 2, 2 / _distance(low, high)),
    "sqrt": lambda low, high: (low / 2, np.sqrt(1.5 * high)),
    "rsqrt": lambda low, high: (low / 2, np.sqrt(2 / low)),
    # |sin z| and |cos z| are at most cosh(Im z).
    "sin": lambda low, high: (4.0, 28.0),
    "cos": lambda low, high: (4.0, 28.0),
}

Floors = Callable[[Any, int, int], tuple[Any, Any]]
"""Integers x, their place and bits to floor(f(x) 2^bits), and whether that is below f."""


def evenly_spaced(
    name: str, floors: Floors, start: int, count: int, place: int, bits: int
) -> tuple[Any, Any] | None:
    """floor(f(x 2^place) 2^bits) of x = start, start + 1, ... as int64, and whether it is below f.

    f must have a value at all of them. None if 64 bits are too few for the largest value.
    """
    work = _Work(name, floors, start, place, bits, 0, count)
    if count < _SHORTEST:
        work.exactly(np.arange(count))
        return work.floor, work.inexact
    ends = [start + round(i * (count - 1) / 1024) for i in range(1025)]
    coarse, _ = floors(np.array(ends, object), place, bits)
    # Between two of them a value can be larger; what is too large anywhere is computed exactly.
    guard = min(_WIDEST - 2 - int(abs(coarse).max()).bit_length(), _GUARD[1])
    if guard < _GUARD[0]:
        return None
    work.guard = guard
    length = min(_LONGEST, 1 << (count.bit_length() - 1))
    whole = count - count % length
    work.solve(np.arange(0, whole, length), length)
    work.exactly(np.arange(whole, count))
    return work.floor, work.inexact


@dataclass
class _Work:
    """The arrays that are filled, and what is asked; positions count from ``start``."""

    name: str
    floors: Floors
    start: int
    place: int
    bits: int
    guard: int
    count: int

    def __post_init__(self) -> None:
        self.floor = np.zeros(self.count, np.int64)
        self.inexact = np.ones(self.count, bool)

    def solve(self, firsts: Any, length: int) -> None:
        """Segments of ``length`` numbers that begin at some positions."""
        for begin in range(0, len(firsts), _AT_ONCE):
            part = firsts[begin : begin + _AT_ONCE]
            left = self._interpolated(part, length)
            if not len(left):
                continue
            if length // 4 < _SHORTEST:
                self.decide((left[:, None] + np.arange(length)).reshape(-1))
            else:
                quarters = np.arange(4) * (length // 4)
                self.solve((left[:, None] + quarters).reshape(-1), length // 4)

    def decide(self, positions: Any) -> None:
        """Numbers in ascending order, those between two equal floors by these where f is steady."""
        steady = Steady(self.name, self.place, self.bits)
        for size in _GROUPS:
            count = len(positions) // size * size
            groups = positions[:count].reshape(-1, size)
            ends = groups[:, [0, -1]]
            x = ends + self.start
            tried = steady.holds(x[:, 0], x[:, 1])
            self.exactly(ends[tried].reshape(-1))
            rest = self.floor[ends] - steady.whole_part(x)
            equal = tried & (rest[:, 0] == rest[:, 1])
            inner = groups[equal][:, 1:-1]
            # Between its ends f is above the lower one, so no floor is exact.
            self.floor[inner] = rest[equal][:, :1] + steady.whole_part(inner + self.start)
            positions = np.concatenate([groups[~equal].reshape(-1), positions[count:]])
        self.exactly(positions)

    def exactly(self, positions: Any) -> None:
        """Single numbers, one by one."""
        for begin in range(0, len(positions), _EXACT_AT_ONCE):
            at = positions[begin : begin + _EXACT_AT_ONCE]
            floor, inexact = self.floors(at.astype(object) + self.start, self.place, self.bits)
            self.floor[at], self.inexact[at] = floor.astype(np.int64), inexact

    def _interpolated(self, firsts: Any, length: int) -> Any:
        """Fill what can be filled; the segments that are too hard."""
        unit = self.bits + self.guard
        error = self._method_error(firsts, length)
        error = np.where(np.isfinite(error), np.ceil(np.ldexp(error, unit)) + 1, np.inf)
        easy = error < 2.0 ** (self.guard - 2)
        chosen, hard = firsts[easy], firsts[~easy]
        if not len(chosen):
            return hard
        nodes = _nodes(length)
        x = chosen.astype(object)[:, None] + (self.start + length // 2) + np.array(nodes, object)
        values, _ = self.floors(x.reshape(-1), self.place, unit + _FINER)
        columns, fits = _coefficients(values.reshape(-1, _NODES), length)
        hard = np.concatenate([hard, chosen[~fits]])
        chosen, total = chosen[fits], error[easy][fits].astype(np.int64) + _rounding_error(length)
        columns = [column[fits].astype(np.int64) for column in columns]
        t = np.arange(length) - length // 2
        v = np.repeat(columns[-1][:, None], length, axis=1)
        step = _step(length)
        for column in reversed(columns[:-1]):
            v *= t
            v >>= step
            v += column[:, None]
        # One more, so that a value that is settled is not on the border itself.
        low = (v - (total + 1)[:, None]) >> self.guard
        open_ones = low != (v + total[:, None]) >> self.guard
        at = chosen[:, None] + np.arange(length)
        self.floor[at] = low
        self.decide(at[open_ones])
        return hard

    def _method_error(self, firsts: Any, length: int) -> Any:
        """Bound on |f - p| in every segment; the floats are rounded far below the factor 2."""
        scale = 2.0**self.place
        low = (firsts + float(self.start)) * scale
        with np.errstate(all="ignore"):
            radius, bound = CIRCLES[self.name](low, low + (length - 1) * scale)
            reach = _product_of_distances(length) * scale**_NODES / np.power(radius, _NODES)
            return 2.0 * bound * reach + 0 * low


@cache
def _nodes(length: int) -> tuple[int, ...]:
    """Chebyshev's nodes, rounded to distinct integers from -length/2 to length/2 - 1."""
    half = length / 2
    return tuple(
        round(half * math.cos((2 * i + 1) * math.pi / (2 * _NODES)) - 0.5) for i in range(_NODES)
    )


@cache
def _product_of_distances(length: int) -> float:
    """The largest |prod (t - t_i)| of integers t in a segment."""
    t = np.arange(length, dtype=object) - length // 2
    product = np.ones(length, object)
    for node in _nodes(length):
        product = product * (t - node)
    return float(abs(product).max())


def _step(length: int) -> int:
    """By how many bits the unit of one coefficient is finer than that of the one before."""
    return (length // 2).bit_length() - 1


@cache
def _inverse(length: int) -> tuple[tuple[Fraction, ...], ...]:
    """Row j: by what values at the nodes count in the coefficient of t^j (Lagrange)."""
    nodes = _nodes(length)
    rows = [[Fraction(0)] * _NODES for _ in range(_NODES)]
    for i, node in enumerate(nodes):
        terms = [Fraction(1)]
        for other in nodes:
            if other != node:
                shifted = [Fraction(0), *terms]
                terms = [
                    (shifted[j] - other * (terms[j] if j < len(terms) else 0)) / (node - other)
                    for j in range(len(shifted))
                ]
        for j, term in enumerate(terms):
            rows[j][i] = term
    return tuple(map(tuple, rows))


@cache
def _rounding_error(length: int) -> int:
    """What floors of values, coefficients and Horner's rule add up to, in units of the result."""
    half, step = length // 2, _step(length)
    # |t| <= 2^step: at each level a floor of the coefficient and one of the product.
    total = Fraction(2 * _NODES)
    for j, row in enumerate(_inverse(length)):
        total += Fraction(half**j) * sum(map(abs, row)) / (1 << _FINER)
    assert half <= 1 << step
    return math.ceil(total)


def _coefficients(values: Any, length: int) -> tuple[list[Any], Any]:
    """Integer coefficients, c_j in units finer by j steps, and where 64 bits hold Horner's rule."""
    step, columns = _step(length), []
    for j, row in enumerate(_inverse(length)):
        common = math.lcm(*(weight.denominator for weight in row))
        total = sum(
            values[:, i] * (weight.numerator * (common // weight.denominator))
            for i, weight in enumerate(row)
        )
        columns.append((total << (step * j)) // (common << _FINER))
    # v after c_j is at most the sum of |c_k| from k = j on, as |t| is at most 2^step.
    largest: Any = sum(abs(column) for column in columns) + 2 * _NODES
    steepest: Any = sum(abs(column) for column in columns[1:]) + 2 * _NODES
    fits = (largest < 1 << (_WIDEST + 1)) & (steepest < 1 << (_WIDEST + 1 - step))
    return columns, fits.astype(bool)
