# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The scratchpad: bytes in two banks, with a port that reads and a port that writes a vector.

A bank's word is a grain, half of the longer side of the array. A vector of two grains lies in both
banks, wherever it begins: where it begins in the second bank, the first one is read a word further.
"""

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["READ_CYCLES", "Scratchpad", "members"]

READ_CYCLES = 3
"""Cycles from an address to what was there: a register before the memory, and one behind it."""


def members(size: int, grain: int) -> dict[str, Any]:
    """The ports of a scratchpad, whatever its memories are; see :class:`Scratchpad`."""
    address, vector = range(size), 16 * grain
    return {
        **{"read": In(1), "read_address": In(address), "data": Out(vector), "vector": Out(vector)},
        **{"write": In(2 * grain), "write_address": In(address), "write_data": In(vector)},
    }


class Scratchpad(wiring.Component):
    """Bytes behind a reading and a writing port of two grains.

    Parameters
    ----------
    size : int
        Bytes.
    grain : int
        Bytes of a bank's word: 2, 4 or 8.

    Members
    -------
    read, read_address : In
        Read from this byte on; a vector must begin at a multiple of the grain, a word of 32 bits at
        a multiple of 4.
    data : Out
        Two grains, ``READ_CYCLES`` later and until those of the next read. From the byte asked for
        on if it begins a vector or a word; its first byte is always the one asked for.
    vector : Out
        The same for a vector alone, earlier in the cycle.
    write, write_address, write_data : In
        From this multiple of a grain on; ``write`` has a bit per byte. Reads of the next cycle find
        what is written.
    """

    def __init__(self, size: int, grain: int):
        self._size, self._grain = size, grain
        self.bytes = 2 * grain
        super().__init__(members(size, grain))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        grain = self._grain
        low = grain.bit_length() - 1
        lines = -(-self._size // self.bytes)
        banks = []
        for number in range(2):
            m.submodules[f"bank_{number}"] = bank = memory.Memory(
                shape=8 * grain, depth=lines, init=[]
            )
            banks.append((bank.read_port(), bank.write_port(granularity=8)))
        read_second, write_second = self.read_address[low], self.write_address[low]
        line, write_line = self.read_address[low + 1 :], self.write_address[low + 1 :]
        (first_read, first_write), (second_read, second_write) = banks
        # The banks lie all over a device: their inputs, and what they give, are registers.
        reads = Signal()
        m.d.comb += [first_read.en.eq(reads), second_read.en.eq(reads)]
        m.d.sync += [
            reads.eq(self.read),
            first_read.addr.eq(line + read_second),
            second_read.addr.eq(line),
            first_write.addr.eq(write_line + write_second),
            second_write.addr.eq(write_line),
        ]
        half, code = 8 * grain, self.write_data
        m.d.sync += [
            first_write.data.eq(Mux(write_second, code[half:], code[:half])),
            second_write.data.eq(Mux(write_second, code[:half], code[half:])),
            first_write.en.eq(Mux(write_second, self.write[grain:], self.write[:grain])),
            second_write.en.eq(Mux(write_second, self.write[:grain], self.write[grain:])),
        ]
        places = [Signal(low + 1, name=f"place_{stage}") for stage in range(READ_CYCLES)]
        m.d.sync += places[0].eq(self.read_address[: low + 1])
        with m.If(reads):
            m.d.sync += places[1].eq(places[0])
        m.d.sync += places[2].eq(places[1])
        began_second, byte = places[1][low], places[2][:low]
        lower = Mux(began_second, second_read.data, first_read.data)
        upper = Mux(began_second, first_read.data, second_read.data)
        vector = self.vector
        m.d.sync += vector.eq(Cat(lower, upper))
        m.d.comb += self.data.eq(vector)
        if grain > 4:
            m.d.comb += self.data[:32].eq(vector.word_select(byte[2:], 32))
        m.d.comb += self.data[:8].eq(vector.word_select(byte, 8))
        return m
