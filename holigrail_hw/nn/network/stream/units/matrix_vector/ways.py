"""What lies between the registers of units with stored weights; no hardware."""

from dataclasses import replace
from typing import Any

from holigrail_hw.estimate.primitives import Adder, DspMultiplier, Logic, Multiplier

from ..unit import DISTRIBUTED
from ..ways import BlockRead, Way, Ways, choice

__all__ = ["matrix_vector_ways", "products_ways"]


def products_ways(shape: Any) -> Ways:
    """Counters of weights, terms and outputs; bias or sum so far, and another term.

    Without a period the words of a memory go right into the products.
    """
    sums, outputs = shape.folds
    counted = tuple(choice(n) for n in (sums, outputs) if n > 1)
    start = BlockRead() if outputs > DISTRIBUTED else Logic(1)
    inside = [(start, *counted[:1], Logic(1), Adder(shape.output.width)), (*counted, Logic(2))]
    if shape.timing.period_ns is None and sums * outputs > DISTRIBUTED:
        inside.append((BlockRead(), *_product(shape)))
    inside.append((choice(shape.stages + 2), Logic(1)))
    return Ways(tuple(inside), control=(Logic(3),))


def matrix_vector_ways(shape: Any) -> Ways:
    """Vectors or sums are kept besides, and counted."""
    found = products_ways(shape)
    sums, outputs = shape.folds
    if shape.replays:
        counter = Adder((2 * sums).bit_length() + 1)
        kept = BlockRead() if 2 * sums > DISTRIBUTED else Logic(1)
        control = Logic(4), counter
        return replace(found, inside=(*found.inside, (kept, Logic(1))), control=control)
    if shape.accumulates and outputs > DISTRIBUTED:
        # Sums come from a block of memory.
        inside = (BlockRead(), *found.inside[0][1:])
        return replace(found, inside=(inside, *found.inside[1:]))
    return found


def _product(shape: Any) -> Way:
    """A product and the sum of those of a cycle."""
    width = shape.partial[0].width
    product: Any = Multiplier(shape.input.width, shape.weight.width)
    if shape.multiplier == "dsp":
        product = DspMultiplier(shape.input.width, shape.weight.width)
    return product, *(Adder(width),) * (shape.simd - 1).bit_length()
