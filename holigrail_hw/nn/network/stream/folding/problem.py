"""What there is to choose from: options of every layer, and what it costs to join two of them.

Where a layer delivers a elements per beat and its reader takes b, a width converter stands between
them; if neither divides the other, two do, with their greatest common divisor in the middle.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["PRICES", "RESOURCES", "Choice", "Folding", "Join", "Layer", "Option", "converter"]

RESOURCES = ("luts", "memories", "dsps")
# What a block of these is worth in look-up tables, where there is a choice.
PRICES = {"luts": 1, "memories": 100, "dsps": 50}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way to make a layer.

    Parameters
    ----------
    key : tuple
        What it is; the words and numbers that units are made from.
    lanes_in : tuple of int
        Elements per beat of every operand.
    lanes_out : int
    cycles : int
        Per frame.
    luts, memories, dsps : int
        Look-up tables, block memories, DSP blocks.
    """

    key: tuple[Any, ...]
    lanes_in: tuple[int, ...]
    lanes_out: int
    cycles: int
    luts: int
    memories: int = 0
    dsps: int = 0

    @property
    def use(self) -> tuple[int, ...]:
        """Look-up tables, block memories and DSP blocks."""
        return self.luts, self.memories, self.dsps


@dataclass(frozen=True)
class Layer:
    """A layer by its name, with its options."""

    name: str
    options: tuple[Option, ...]

    def within(self, interval: int) -> "Layer":
        """The options that are fast enough, without those that others with the same lanes beat."""
        groups: dict[Any, list[Option]] = {}
        for option in self.options:
            if option.cycles <= interval:
                groups.setdefault((option.lanes_in, option.lanes_out), []).append(option)
        kept = []
        for group in groups.values():
            best: list[Option] = []
            for option in sorted(group, key=lambda o: (o.use, o.cycles)):
                if not any(_no_more(other.use, option.use) for other in best):
                    best.append(option)
            kept += best
        return Layer(self.name, tuple(kept))


def _no_more(one: Sequence[int], two: Sequence[int]) -> bool:
    return all(a <= b for a, b in zip(one, two, strict=True))


@dataclass(frozen=True)
class Join:
    """From a layer to an operand of another: elements per frame, and bits of an element."""

    producer: int
    consumer: int
    operand: int
    elements: int
    bits: int


@dataclass(frozen=True)
class Folding:
    """Layers and joins; every layer stands after those that it reads."""

    layers: tuple[Layer, ...]
    joins: tuple[Join, ...]


@dataclass(frozen=True)
class Choice:
    """An option for every layer, by its place; ``proved``: nothing costs less."""

    options: tuple[Option, ...]
    interval: int
    use: Mapping[str, int]
    proved: bool


def converter(join: Join, given: int, wanted: int) -> tuple[int, int]:
    """Look-up tables of a converter from so many lanes to so many, and its cycles per frame."""
    if given == wanted:
        return 0, join.elements // given
    narrow = math.gcd(given, wanted)
    stages = [lanes for lanes in (given, wanted) if lanes != narrow]
    # A word of the wide side is kept, chosen from or shifted; a counter says where it stands.
    luts = sum(lanes * join.bits + 2 * (lanes // narrow).bit_length() + 4 for lanes in stages)
    return luts, join.elements // narrow
