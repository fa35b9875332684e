"""What lies between the registers of units that make one element of one; no hardware."""

from typing import Any

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Lookup

from ..unit import DISTRIBUTED
from ..ways import BlockRead, Ways, choice

__all__ = ["requantiser_ways", "table_ways", "thresholds_ways"]


def thresholds_ways(shape: Any) -> Ways:
    """A comparison whose outcome is part of the address of the next threshold."""
    # Tables of a few words are logic in front of the register of their answer.
    address = shape.levels - 1 + (shape.groups - 1).bit_length()
    large = shape.groups << shape.levels - 1 > DISTRIBUTED
    table = Logic(1) if large else Lookup(address, 1)
    compared = (*(BlockRead() if large else Logic(0),), Comparator(shape.compared.width))
    _, step = shape.codes
    varied = len(set(step.tolist())) > 1
    steps = (Logic(1), Adder(shape.output.width)) if varied or shape.groups > 1 else ()
    coded = (*compared, Logic(1), *(() if steps else (Adder(shape.output.width),)))
    held = choice(shape.latency + 1), Logic(1)
    return Ways(((*compared, table), coded, held), leaving=steps)


def requantiser_ways(shape: Any) -> Ways:
    """A handshake, and tables whose words go into the plan."""
    held = choice(max(shape.latency + 1, shape.groups)), Logic(1)
    return Ways((held, (BlockRead(),)) if shape.groups > DISTRIBUTED else (held,))


def table_ways(shape: Any) -> Ways:
    """A block of memory answers late; a small table is logic before the register."""
    address = shape.input.width + (shape.groups - 1).bit_length()
    large = 1 << address > DISTRIBUTED
    counted = choice(shape.groups), Logic(1)
    if large:
        return Ways((counted,), leaving=(BlockRead(),))
    return Ways((counted,), arriving=(Lookup(address, 1),))
