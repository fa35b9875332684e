"""How one element becomes a code: the forms of the graph for one channel and one range.

Within the range of its operand a form is often simpler than in general. Thresholds at distances of
one power of two are a shift; a factor that is a power of two leaves the product; few codes are
compared with thresholds where this takes fewer look-up tables than a product; and an operand of few
values is looked up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from holigrail_hw.hdl.integer.constant_product import signed_digits

__all__ = ["Rule", "Shift", "Steps", "Table", "looked_up", "multiplied", "stepped"]

# Values of an operand that one look-up table of 6 inputs tells apart; most entries of any table.
_ONE_TABLE = 64
_MOST_ENTRIES = 1024
_MOST_STEPS = 16


@dataclass(frozen=True)
class Shift:
    """base + 2^scale * clip((sign x + constant) >> places, low, high).

    With ``even`` the shift rounds to the nearest integer, ties to even, instead of down.
    """

    sign: int
    constant: int
    places: int
    low: int
    high: int
    even: bool = False
    base: int = 0
    scale: int = 0

    def apply(self, x: int) -> int:
        """The code."""
        total = self.sign * x + self.constant
        code = total >> self.places
        if self.even and self.places:
            rest, half = total - (code << self.places), 1 << self.places >> 1
            code += rest > half or (rest == half and code & 1)
        return self.base + (min(max(code, self.low), self.high) << self.scale)


@dataclass(frozen=True)
class Steps:
    """base + the jumps of all places that sign x has reached; places rise."""

    sign: int
    base: int
    places: tuple[int, ...]
    jumps: tuple[int, ...]

    def apply(self, x: int) -> int:
        """The code."""
        pairs = zip(self.places, self.jumps, strict=True)
        return self.base + sum(jump for place, jump in pairs if self.sign * x >= place)


@dataclass(frozen=True)
class Table:
    """values[x - first]."""

    first: int
    values: tuple[int, ...]

    def apply(self, x: int) -> int:
        """The code."""
        return self.values[x - self.first]

    @cached_property
    def ends(self) -> tuple[int, int]:
        """The least and the greatest code."""
        return min(self.values), max(self.values)


Rule = Shift | Steps | Table


def looked_up(apply: Callable[[int], int], low: int, high: int) -> Table | None:
    """A table of any function, unless it has too many entries."""
    if high - low >= _MOST_ENTRIES:
        return None
    return Table(low, tuple(apply(x) for x in range(low, high + 1)))


def stepped(
    sign: int, base: int, step: int, places: list[int], low: int, high: int
) -> tuple[int, Rule]:
    """A factor in front, which is 1, and the rule of thresholds for operands of a range."""
    ends = sorted((sign * low, sign * high))
    base += step * sum(place <= ends[0] for place in places)
    inside = sorted(place for place in places if ends[0] < place <= ends[1])
    counts = {place: inside.count(place) for place in inside}
    rule = Steps(sign, base, tuple(counts), tuple(step * n for n in counts.values()))
    return 1, _simpler(rule, low, high)


def multiplied(
    factor: int,
    constant: int,
    places: int,
    limits: tuple[int, int],
    *,
    even: bool,
    low: int,
    high: int,
) -> tuple[int, Rule]:
    """A factor in front, and the rule for the product, of one product and one shift."""
    if not places:
        even = False
    common = min(places, (factor & -factor).bit_length() - 1) if factor else 0
    if not even or not constant & ((1 << common) - 1):
        factor, constant, places = factor >> common, constant >> common, places - common
    whole = Shift(1, constant, places, *limits, even and places > 0)
    if not factor:
        code = whole.apply(0)
        return 1, Table(low, (code,) * (high - low + 1)) if high == low else Steps(1, code, (), ())
    if abs(factor) == 1:
        sign = factor
        return 1, Shift(sign, constant, places, *limits, whole.even)
    if high - low < _ONE_TABLE:
        return 1, Table(low, tuple(whole.apply(factor * x) for x in range(low, high + 1)))
    steps = _steps_of(whole, factor, low, high)
    if steps is not None:
        simple = _simpler(steps, low, high)
        width = (high - low).bit_length()
        product = (len(signed_digits(abs(factor))) - 1) * (width + abs(factor).bit_length() // 2)
        if isinstance(simple, Shift) or _step_luts(steps, width) < product + width + 4:
            return 1, simple
    return factor, whole


def _simpler(rule: Steps, low: int, high: int) -> Rule:
    """A shift or a table, where that is the same and cheaper."""
    places, jumps = rule.places, rule.jumps
    if places and len({*jumps}) == 1 and jumps[0] > 0 and not jumps[0] & (jumps[0] - 1):
        scale = jumps[0].bit_length() - 1
        gaps = {b - a for a, b in zip(places[:-1], places[1:], strict=True)}
        if not gaps:
            reach = max(abs(rule.sign * end - places[0]) for end in (low, high))
            gaps = {1 << reach.bit_length()}
        gap = gaps.pop()
        if not gaps and not gap & (gap - 1):
            shift = gap.bit_length() - 1
            constant = gap - places[0]
            return Shift(rule.sign, constant, shift, 0, len(places), False, rule.base, scale)
    if high - low < _ONE_TABLE:
        return Table(low, tuple(rule.apply(x) for x in range(low, high + 1)))
    return rule


def _steps_of(whole: Shift, factor: int, low: int, high: int) -> Steps | None:
    """The places at which the codes change, if they are few."""
    sign = 1 if factor > 0 else -1
    first, last = sorted((sign * low, sign * high))

    def code(x: int) -> int:
        return whole.apply(factor * sign * x)

    least, most = code(first), code(last)
    if most - least >= _MOST_STEPS:
        return None
    places: dict[int, int] = {}
    for wanted in range(least + 1, most + 1):
        below, reached = first, last
        while reached - below > 1:
            middle = (below + reached) // 2
            below, reached = (below, middle) if code(middle) >= wanted else (middle, reached)
        places[reached] = places.get(reached, 0) + 1
    return Steps(sign, least, tuple(places), tuple(places.values()))


def _step_luts(rule: Steps, width: int) -> int:
    """Look-up tables of 6 inputs, about: comparisons with constants, then a count."""
    return len(rule.places) * ceil(max(width - 1, 1) / 5) + 2 * len(rule.places)
