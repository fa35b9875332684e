"""The bus of a processor: words of 32 bits, one access at a time.

An access holds ``valid`` and what belongs to it until the cycle in which ``ready`` is high; a read
has its word in that cycle. ``select`` has a bit for each byte that is written, and is 0 for a read.
"""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BUS"]

BUS = wiring.Signature(
    {
        **{"valid": Out(1), "address": Out(32), "select": Out(4), "write_data": Out(32)},
        **{"ready": In(1), "read_data": In(32)},
    }
)
"""From the processor's side."""
