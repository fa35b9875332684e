"""The clock period that a network of units promises, by the cautious delays of its device.

A unit's own ways count, those that go from one unit over a wire into the next, and those on which a
reader that waits stops the units before it. A device model knows delays of cells with a mean wire,
measured in small designs. In a network units lie further apart, which :data:`LARGE` stands for; an
enable that many registers share takes longer wires still, counted as further look-up tables.
"""

import math

from holigrail_hw.estimate.primitives import Logic, device_model

from .design import Design
from .schedule.dataflow import OUTSIDE, WIRE
from .units.ways import Way, Ways, delay_ns

__all__ = ["LARGE", "promised_ns", "ways_of"]

LARGE = 1.25
"""How much longer ways of a large design take than those of the designs that were measured.

The longest one of ``digits`` in 64 cycles on an ECP5, placed and routed, took 18.9 ns where its
schedule says 15.2.
"""


def promised_ns(design: Design) -> float:
    """In ns, registers included."""
    model = device_model(design.device).cautious
    planned = max(placed.unit.planned_ns() for placed in design.units)
    longest = max(delay_ns(way, model) for way in ways_of(design))
    return LARGE * max(planned, model.register_ns + longest)


def ways_of(design: Design) -> list[Way]:
    """All ways that may be the longest."""
    units = [placed.unit.ways() for placed in design.units]
    found: list[Way] = [way for unit in units for way in unit.inside]
    for at, edge in enumerate(design.edges):
        queue = design.queue(at)
        before = Ways() if edge.producer == OUTSIDE else units[edge.producer]
        after = Ways() if edge.consumer == OUTSIDE else units[edge.consumer]
        if queue is None:
            found.append((*before.leaving, *after.arriving))
            continue
        own = queue.ways()
        found += [*own.inside, (*before.leaving, *own.arriving), (*own.leaving, *after.arriving)]
        found.append(own.control)
    for at, unit in enumerate(units):
        # Registers that its readers' wish to wait stops, through those that are joined by wires.
        found.append((*_waiting(design, at), *unit.control, _spread(design, at)))
    return found


def _waiting(design: Design, at: int) -> Way:
    """From registers of the readers behind a unit to its own stream."""
    found: list[Logic] = []
    while True:
        edges = design.dataflow.readers(at)
        joined = len(edges) > 1
        edge = design.edges[edges[0]]
        found.append(Logic(2 if joined else 1))
        if design.sizes.depths[edges[0]] != WIRE or edge.consumer == OUTSIDE:
            return tuple(found)
        at = edge.consumer


def _spread(design: Design, at: int) -> Logic:
    """Long wires to all registers that load at once."""
    bits = design.units[at].unit.cost(design.device)["flip_flops"]
    return Logic(max(0, math.ceil(math.log(max(bits, 1) / 32, 8))))
