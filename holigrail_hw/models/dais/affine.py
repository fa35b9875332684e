"""Numbers of a DAIS program as sums of a few integers, which are inputs, staircases or maxima.

What DAIS says in many operations becomes one step here: a ReLU, the addition of a half, truncation
and a saturation by a choice are clip(floor(B), low, high) of one sum B, since for integers c and
m > 0 floor((floor(B) + c) / m) = floor((B + c) / m), and everything that grows may change places
with a limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, gcd, lcm
from typing import Any

__all__ = ["Atom", "Numbers", "Sum"]

Ends = tuple[int, int]


@dataclass(frozen=True)
class Sum:
    """constant + sum of factor times atom."""

    terms: Mapping[int, Fraction] = field(default_factory=dict)
    constant: Fraction = Fraction(0)

    def times(self, factor: Fraction | int) -> "Sum":
        """All of it multiplied."""
        terms = {atom: value * factor for atom, value in self.terms.items() if factor}
        return Sum(terms, self.constant * factor)

    def plus(self, other: "Sum") -> "Sum":
        """Both together; what cancels is left out."""
        terms = dict(self.terms)
        for atom, value in other.terms.items():
            terms[atom] = terms.get(atom, Fraction(0)) + value
        return Sum({a: v for a, v in terms.items() if v}, self.constant + other.constant)

    @property
    def unit(self) -> Fraction:
        """The greatest number of which all factors are multiples; 0 without terms."""
        found = Fraction(0)
        for value in self.terms.values():
            common = lcm(found.denominator, value.denominator)
            found = Fraction(gcd(int(found * common), int(value * common)), common)
        return found

    @property
    def whole(self) -> bool:
        """Whether it is an integer."""
        return all(v.denominator == 1 for v in (*self.terms.values(), self.constant))


@dataclass(frozen=True)
class Atom:
    """An integer.

    ``bases`` are none for an element of the input, one sum B for clip(floor(B), low, high), where
    a limit may be None, and two for their maximum. ``range`` holds every value.
    """

    bases: tuple[Sum, ...]
    low: int | None
    high: int | None
    range: Ends
    level: int


class Numbers:
    """All atoms, and what operations make of them."""

    def __init__(self) -> None:
        self.atoms: list[Atom] = []
        self._places: dict[Any, int] = {}

    def add(self, bases: tuple[Sum, ...], low: int | None, high: int | None, ends: Ends) -> Sum:
        """A new atom, or one that is the same."""
        below = [self.atoms[a].level for base in bases for a in base.terms]
        new = len(self.atoms)
        sums = [(tuple(sorted(base.terms.items())), base.constant) for base in bases]
        place = self._places.setdefault((*sums, low, high) if bases else new, new)
        if place == new:
            level = max(below, default=-1) + 1 if bases else 0
            self.atoms.append(Atom(bases, low, high, ends, level))
        return Sum({place: Fraction(1)})

    def ends(self, value: Sum) -> tuple[Fraction, Fraction]:
        """The least and the greatest value of a sum."""
        low = high = value.constant
        for atom, factor in value.terms.items():
            pair = [end * factor for end in self.atoms[atom].range]
            low, high = low + min(pair), high + max(pair)
        return low, high

    def stair(self, value: Sum, low: int | None = None, high: int | None = None) -> Sum:
        """clip(floor(value), low, high)."""
        ends = self.ends(value)
        low = None if low is None or ends[0] >= low else low
        high = None if high is None or floor(ends[1]) <= high else high
        if low is None and high is None and value.whole:
            return value
        if len(value.terms) == 1:
            ((place, factor),) = value.terms.items()
            atom = self.atoms[place]
            shift = value.constant / factor
            if len(atom.bases) == 1 and factor.numerator == 1 and shift.denominator == 1:
                # A staircase of a staircase.
                base = atom.bases[0].times(factor).plus(Sum(constant=value.constant))

                def through(limit: int | None) -> int | None:
                    return None if limit is None else floor(limit * factor + value.constant)

                lows = [v for v in (through(atom.low), low) if v is not None]
                highs = [v for v in (through(atom.high), high) if v is not None]
                low, high = max(lows, default=None), min(highs, default=None)
                if low is not None and high is not None and low > high:
                    return Sum(constant=Fraction(low if lows[-1] == low else high))
                value = base
        ends = self.ends(value)
        least, most = floor(ends[0]), floor(ends[1])
        if low is not None:
            least, most = max(least, low), max(most, low)
        if high is not None:
            least, most = min(least, high), min(most, high)
        if least == most:
            return Sum(constant=Fraction(least))
        return self.add((value,), low, high, (least, most))

    def maximum(self, left: Sum, right: Sum) -> Sum:
        """The greater of two integers."""
        ends = [self.ends(side) for side in (left, right)]
        least, most = max(ends[0][0], ends[1][0]), max(ends[0][1], ends[1][1])
        for side, other in ((left, right), (right, left)):
            if not other.terms:
                return self.stair(side, low=int(other.constant))
            if self.ends(side.plus(other.times(-1)))[0] >= 0:
                return side
        return self.add((left, right), None, None, (ceil(least), floor(most)))
