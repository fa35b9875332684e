"""What lies between the registers of window generators; no hardware."""

from typing import Any

from holigrail_hw.estimate.primitives import Adder, Logic

from ..unit import DISTRIBUTED
from ..ways import BlockRead, Ways, choice

__all__ = ["parallel_ways", "serial_ways"]


def serial_ways(shape: Any) -> Ways:
    """Counters of taps and windows, one inside the other, say by how much an address steps.

    What is there and what is free is counted with the last tap of a window.
    """
    loops = [n for n in (shape.folds, *shape.window.kernel, *shape.places) if n > 1]
    counter = Adder((2 * shape.tokens + shape.kept).bit_length() + 1)
    address = Adder(shape.kept.bit_length() + 1)
    ends = choice(max(loops, default=1)), Logic(1 + len(loops) // 2)
    inside = (*ends, address, Logic(1)), (choice(max(shape.places)), Logic(2))
    read = BlockRead() if shape.kept > DISTRIBUTED else Logic(0)
    leaving = (read, Logic(1)) if shape.padded else (read,)
    control = (Logic(4), counter)
    return Ways(inside, leaving=leaving, control=control)


def parallel_ways(shape: Any) -> Ways:
    """Counters of pixels and windows decide about a step; rows come from their memories.

    The row that a tap belongs to is chosen from all of them, and replaced outside the image.
    """
    counted = tuple(choice(n) for n in (shape.folds, *shape.size[1::-1]) if n > 1)
    line = shape.size[1] * shape.folds
    read = () if shape.banks == 0 else (BlockRead() if line > DISTRIBUTED else Logic(0),)
    rows = (*read, choice(shape.banks)) if shape.banks > 1 else read
    masked = (Logic(1),) if shape.padded else ()
    # A row is chosen in front of the register of its next column, too.
    inside = rows, (*counted, Logic(2))
    return Ways(inside, leaving=(*rows, *masked), control=(Logic(5),))
