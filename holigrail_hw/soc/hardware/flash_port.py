# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Between a loader and what brings words of a flash memory."""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["FETCH", "FLASH_BITS", "FLASH_PORT"]

FLASH_BITS = 24
"""Bits of an address of the flash memory, in bytes."""
FETCH = data.StructLayout({"address": FLASH_BITS, "words": FLASH_BITS - 1})
FLASH_PORT = wiring.Signature(
    {
        "fetch": Out(stream.Signature(FETCH)),
        "stop": Out(1),
        "block": In(stream.Signature(32)),
    }
)
"""From the loader's side: ``fetch`` asks for so many words from an address on, which come as
``block``, little endian; no more of them are taken after ``stop``, for one cycle."""
