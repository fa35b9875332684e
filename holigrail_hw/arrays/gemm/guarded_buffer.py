# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The buffer of activations of a matrix engine whose words of zero are never written nor read.

Each row has a memory of words with an enable of its own, and all rows together one of flags. The
flags of a vector are asked for a cycle before its words, so a guarded read takes no longer.

Reference: Moons et al., "Envision: a 0.26-to-10 TOPS/W subword-parallel dynamic-voltage-accuracy-
frequency-scalable convolutional neural network processor", ISSCC 2017.
"""

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["GuardedBuffer"]


class GuardedBuffer(wiring.Component):
    """Vectors in two halves.

    Parameters
    ----------
    rows, width : int
        Words of a vector, and bits of a word.
    depth : int
        Vectors of one half.

    Members
    -------
    write, write_half, write_address, write_data : In
    ask, ask_half, ask_address : In
        Of the vector that the next read is of; the one asked for last counts.
    read : In
    data : Out
        Words of what was read last, then their flags, from the next cycle on until the next read.
        A word whose flag is not set is an older one.
    reading : Out(rows)
        Whose word is read in this cycle.
    """

    def __init__(self, rows: int, width: int, depth: int):
        self._rows, self._width, self._depth = rows, width, depth
        sides = {}
        for side in ("write", "ask"):
            sides |= {side: In(1), f"{side}_half": In(1), f"{side}_address": In(range(depth))}
        whole = rows * width
        super().__init__(
            sides
            | {
                "write_data": In(whole),
                "read": In(1),
                "data": Out(whole + rows),
                "reading": Out(rows),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        rows, size = self._rows, 1 << (2 * self._depth - 1).bit_length()
        where = Signal(range(size))
        asked = Signal(range(size))
        address = Signal(range(size))
        present = Signal(rows)
        words = [self.write_data.word_select(i, self._width) for i in range(rows)]
        m.submodules.flags = flags = memory.Memory(shape=rows, depth=size, init=[])
        write, ask = flags.write_port(), flags.read_port()
        m.d.comb += [
            where.eq(self.write_address + Mux(self.write_half, self._depth, 0)),
            asked.eq(self.ask_address + Mux(self.ask_half, self._depth, 0)),
            write.addr.eq(where),
            write.data.eq(Cat(word.any() for word in words)),
            write.en.eq(self.write),
            ask.addr.eq(asked),
            ask.en.eq(self.ask),
            self.reading.eq(ask.data & self.read.replicate(rows)),
        ]
        with m.If(self.ask):
            m.d.sync += address.eq(asked)
        with m.If(self.read):
            m.d.sync += present.eq(ask.data)
        found = []
        for i in range(rows):
            held = memory.Memory(shape=self._width, depth=size, init=[])
            m.submodules[f"words_{i}"] = held
            enter, leave = held.write_port(), held.read_port()
            m.d.comb += [
                enter.addr.eq(where),
                enter.data.eq(words[i]),
                enter.en.eq(self.write & write.data[i]),
                leave.addr.eq(address),
                leave.en.eq(self.reading[i]),
            ]
            found.append(leave.data)
        m.d.comb += self.data.eq(Cat(*found, present))
        return m
