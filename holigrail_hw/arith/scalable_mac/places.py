"""What every partial product adds in every mode, and where the constants of complements go.

A bit of negative weight enters as its complement, and what all of these are short of is a constant
(Baugh and Wooley, 1973). Where products lie apart, each counts from its lowest value on: it is
never negative, and no carry leaves its columns. The constant that this takes is made of partial
products that are idle in the mode, by two rules, before it costs bits of its own:

- idle bits are 1 that together have the weight of a bit of the constant;
- a bit b enters as itself, and an idle bit in the next column as its complement:
  ``b + 2 * (1 - b) = (1 - b) + 1``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .bricks import Brick

__all__ = ["Place", "constants_in_idle_places", "places_of"]


@dataclass(eq=False)
class Place:
    """A partial product: activation bit ``x`` and weight bit ``y`` of a brick, by mode.

    ``negative`` are the modes in which it enters as its complement, ``ones`` idle ones in which it
    is 1, and ``borrowed`` idle ones in which it is the complement of another partial product.
    """

    brick: Brick
    x: int
    y: int
    negative: set[int] = field(default_factory=set)
    ones: set[int] = field(default_factory=set)
    borrowed: dict[int, "Place"] = field(default_factory=dict)

    @property
    def column(self) -> int:
        """Its weight."""
        return self.brick.column + self.x + self.y

    def is_free(self, mode: int) -> bool:
        """Whether it adds nothing."""
        return mode not in self.brick.uses and mode not in self.ones and mode not in self.borrowed


def places_of(brick: Brick, signs: tuple[bool, bool], chunk: int) -> list[Place]:
    """Those of one brick, activation bit by activation bit."""
    last, found = chunk - 1, []
    for x in range(chunk):
        for y in range(chunk):
            negative = {
                mode
                for mode, use in brick.uses.items()
                if (signs[0] and use.activation_top and x == last)
                != (signs[1] and use.weight_top and y == last)
            }
            found.append(Place(brick, x, y, negative))
    return found


def constants_in_idle_places(places: Sequence[Place], sums: Sequence[Sequence[range]]) -> list[int]:
    """What is left of the constants of every mode; ``sums`` are the columns of its products.

    With them and with what idle places add, signed products have half their range added.
    """
    left = []
    for mode, ranges in enumerate(sums):
        rest = 0
        for columns in ranges:
            here = [place for place in places if place.column in columns]
            short = sum(1 << place.column for place in here if mode in place.negative)
            rest += _settled((1 << columns.stop - 1) - short, mode, here)
        left.append(rest)
    return left


def _settled(constant: int, mode: int, places: Sequence[Place]) -> int:
    """The part of a constant that idle places do not take."""
    rest = 0
    while constant:
        column = constant.bit_length() - 1
        constant -= 1 << column
        ones = _ones(column, mode, places, set())
        if ones is not None:
            for place in ones:
                place.ones.add(mode)
        elif not _exchanged(column, mode, places):
            rest += 1 << column
    return rest


def _ones(column: int, mode: int, places: Sequence[Place], taken: set[Place]) -> list[Place] | None:
    """Free places that together have the weight of a column: one, or two of half the weight."""
    free = [p for p in places if p.column == column and p.is_free(mode) and p not in taken]
    if free:
        # One that enters as its complement wherever it is in use is 1 by itself.
        return [max(free, key=lambda place: place.negative >= {*place.brick.uses})]
    if not any(place.column < column and place.is_free(mode) for place in places):
        return None
    halves: list[Place] = []
    for _ in range(2):
        found = _ones(column - 1, mode, places, taken | {*halves})
        if found is None:
            return None
        halves += found
    return halves


def _exchanged(column: int, mode: int, places: Sequence[Place]) -> bool:
    """Whether a bit of the column enters as itself from now on."""
    bits = [p for p in places if p.column == column and mode in p.negative]
    free = [p for p in places if p.column == column + 1 and p.is_free(mode) and not p.negative]
    if not bits or not free:
        return False
    bits[0].negative.remove(mode)
    free[0].borrowed[mode] = bits[0]
    return True
