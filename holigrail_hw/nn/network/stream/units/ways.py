"""The longest ways between the registers of a unit, as the primitives that they lead through.

Streams join units: what a unit has behind its last registers adds to what its reader has before its
first ones, and a reader that waits stops all stages before it in the same cycle.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from holigrail_hw.estimate.primitives import DeviceModel, Logic, Primitive

__all__ = ["BlockRead", "Way", "Ways", "choice", "delay_ns"]

Way = tuple[Primitive, ...]


@dataclass(frozen=True)
class BlockRead(Primitive):
    """The answer of a block memory, which is later than that of a register.

    On an ECP5 it takes 5.7 ns by nextpnr's data, some five look-up tables.
    """

    def delay_ns(self, device: DeviceModel) -> float:
        return 5 * device.lut_ns


@dataclass(frozen=True)
class Ways:
    """What lies between registers.

    Parameters
    ----------
    inside : tuple of ways
        From registers to registers.
    arriving : way
        From the elements of a beat that comes in to the first registers.
    leaving : way
        From the last registers to the elements of a beat that goes out.
    control : way
        From a reader that waits or takes, or a beat on offer, to the registers that then load. Of
        all bits that decide together the reader's is the last one.
    """

    inside: tuple[Way, ...] = ()
    arriving: Way = ()
    leaving: Way = ()
    control: Way = (Logic(2),)


def choice(number: int) -> Logic:
    """One of so many bits, or whether a counter is at one of so many places."""
    return Logic(max(1, -(-max(number - 1, 1).bit_length() // 2)))


def delay_ns(way: Iterable[Primitive], device: DeviceModel) -> float:
    """What a way takes besides its registers."""
    return sum(primitive.delay_ns(device) for primitive in way)
