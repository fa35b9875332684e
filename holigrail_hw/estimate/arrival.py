"""When the values of a scheduled datapath are there: static timing of its steps by a device model.

A step of an adder passes its lowest bit on before its carries have arrived, so a chain of sums
takes one carry chain and not one for each sum (:meth:`.Primitive.arrival`). A product in one DSP
block whose readers are all behind a register ends at the register in the block.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .primitives import Arrival, DeviceModel, DspMultiplier, Primitive, Wiring

__all__ = ["TimedStep", "arrive", "slowest_ns"]


@dataclass(frozen=True)
class TimedStep:
    """A step in its clock cycle.

    ``sources`` are the places, in the list of all steps, of the operands made in the same cycle;
    what comes from a register or a port is there at once. ``width`` is that of the result, in bits.
    """

    primitive: Primitive
    cycle: int
    sources: tuple[int, ...]
    width: int


def arrive(
    primitive: Primitive, device: DeviceModel, operands: Iterable[Arrival], width: int
) -> Arrival:
    """When a result of ``width`` bits is there."""
    times = [Arrival(), *operands]
    lowest, latest = (max(time[which] for time in times) for which in range(2))
    found = primitive.arrival(device, Arrival(lowest, latest))
    # A single bit may be any one of the operand's.
    return Arrival(found.latest, found.latest) if width == 1 else found


def slowest_ns(steps: Sequence[TimedStep], device: DeviceModel, latency: int) -> float:
    """The longest way between registers, without what every cycle pays, in ns.

    ``latency`` is the cycle of the outputs, whose registers are outside of the datapath.
    """
    times: list[Arrival] = []
    ends = [0.0]
    read = _read_in_their_cycle(steps)
    for index, step in enumerate(steps):
        operands = [times[source] for source in step.sources]
        found = arrive(step.primitive, device, operands, step.width)
        inside = isinstance(step.primitive, DspMultiplier) and step.primitive.is_one_block(device)
        if inside and device.dsp_register_ns and step.cycle < latency and index not in read:
            start = max((operand.latest for operand in operands), default=0.0)
            ends.append(start + device.dsp_register_ns)
            found = Arrival()
        times.append(found)
        ends.append(found.latest)
    return max(ends)


def _read_in_their_cycle(steps: Sequence[TimedStep]) -> set[int]:
    """Steps whose result goes into logic before the next register."""
    read: set[int] = set()
    for index in reversed(range(len(steps))):
        if index in read or not isinstance(steps[index].primitive, Wiring):
            read.update(steps[index].sources)
    return read
