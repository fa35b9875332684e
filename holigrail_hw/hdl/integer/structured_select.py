# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""Selects the activations that belong to the kept weights of a block.

Entry t of a block of ``group`` with ``kept`` entries can only be at places t to t + group - kept.
Its index is decoded once, for all vectors of activations, into one bit per place; an index outside
sets no bit, and selects 0.
"""

import math
from collections.abc import Sequence
from functools import reduce
from operator import or_

from amaranth import Cat, Shape, Value

from holigrail_hw.estimate.primitives import Logic

from ..plan.plan import Plan, Wire

__all__ = ["choose", "decode"]


def decode(plan: Plan, metadata: Wire, kept: int, group: int) -> list[Wire]:
    """One bit per place for every entry, from the word of indices, the first index lowest."""
    bits, ways = metadata.width // kept, group - kept + 1

    def decoder(entry: int) -> Wire:
        def places(word: Value) -> Value:
            index = word[bits * entry : bits * (entry + 1)]
            return Cat(*(index == entry + place for place in range(ways)))

        levels = math.ceil(math.log(max(bits, 2), 4))
        return plan.step(f"places{entry}", ways, places, metadata, using=Logic(levels, ways))

    return [decoder(entry) for entry in range(kept)]


def choose(plan: Plan, places: Wire, values: Sequence[Wire]) -> Wire:
    """The one of ``values`` whose bit is set, 0 if none is."""
    shape = Shape.cast(values[0].shape)

    def chosen(bits: Value, *words: Value) -> Value:
        parts = [Value.cast(word).as_unsigned() for word in words]
        found = reduce(or_, [w & bits[p].replicate(shape.width) for p, w in enumerate(parts)])
        return found.as_signed() if shape.signed else found

    # A 4-input LUT combines two terms, and another one three words.
    count = shape.width * math.ceil((2 * len(values) - 1) / 3)
    levels = max(1, math.ceil(math.log(2 * len(values), 4)))
    return plan.step("chosen", shape, chosen, places, *values, using=Logic(levels, count))
