"""A memory that does not read the words that are zero.

Beside each word there is a flag, written with it, that says whether it is anything but zero. A read
first asks the flag, a cycle ahead, and reads the word itself only if it is set. Otherwise the data
output keeps its old value, so that nothing behind it toggles either; whoever uses it adds zero.

References: Moons et al., "Envision: a 0.26-to-10 TOPS/W subword-parallel dynamic-voltage-accuracy-
frequency-scalable convolutional neural network processor", ISSCC 2017; Chen et al., "Eyeriss",
IEEE JSSC 52(1), 2017.
"""

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["GuardedMemory"]


class GuardedMemory(wiring.Component):
    """A memory with one write and one read port, all words zero at first.

    A read takes two cycles, and one may begin in each. A write in one of the two to the word being
    read may show or not.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int
        Number of words, at least 2.

    Members
    -------
    write_address, write_data, write_enable : In
    read_address, read_enable : In
    needed : In(1), with ``read_enable``: unless it is set, the word is not read either, for what
        it will be multiplied with is zero
    valid : Out(1), two cycles after ``read_enable``
    present : Out(1), with ``valid``: the word is ``data``, and not zero or not needed
    data : Out(width), the latest word that was present
    reading : Out(1), the memory of words is read in this cycle
    """

    def __init__(self, width: int, depth: int):
        self._width, self._depth = width, depth
        address = (depth - 1).bit_length()
        super().__init__(
            {
                "write_address": In(address),
                "write_data": In(width),
                "write_enable": In(1),
                "read_address": In(address),
                "read_enable": In(1),
                "needed": In(1, init=1),
                "valid": Out(1),
                "present": Out(1),
                "data": Out(width),
                "reading": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.words = words = Memory(shape=self._width, depth=self._depth, init=[])
        m.submodules.flags = flags = Memory(shape=1, depth=self._depth, init=[])
        for memory, value in ((words, self.write_data), (flags, self.write_data != 0)):
            write = memory.write_port()
            m.d.comb += [
                write.addr.eq(self.write_address),
                write.data.eq(value),
                write.en.eq(self.write_enable),
            ]
        flag, word = flags.read_port(), words.read_port()
        asked, needed = Signal(), Signal()
        address = Signal(len(self.read_address))
        m.d.sync += [
            asked.eq(self.read_enable),
            needed.eq(self.needed),
            address.eq(self.read_address),
            self.valid.eq(asked),
            self.present.eq(self.reading),
        ]
        m.d.comb += [
            flag.addr.eq(self.read_address),
            flag.en.eq(self.read_enable),
            self.reading.eq(asked & needed & flag.data),
            word.addr.eq(address),
            word.en.eq(self.reading),
            self.data.eq(word.data),
        ]
        return m
