# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The scratchpad in large memories with a single port, those of an iCE40 UltraPlus.

Its two banks and their words are those of :mod:`.scratchpad`. A bank is read or written in a cycle,
never both; it begins with unknown contents.
"""

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring

from .scratchpad import members

__all__ = ["LargeScratchpad"]


class LargeScratchpad(wiring.Component):
    """Bytes behind one port of two grains; parameters and members as those of the scratchpad.

    ``read`` must be 0 in cycles in which any byte is written. What was read is there for a cycle,
    ``READ_CYCLES`` later.
    """

    def __init__(self, size: int, grain: int):
        self._size, self._grain = size, grain
        self.bytes = 2 * grain
        super().__init__(members(size, grain))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        grain, half = self._grain, 8 * self._grain
        low = grain.bit_length() - 1
        # A register before the memories and one behind, as those of the other scratchpad.
        reads = Signal()
        address = Signal.like(self.read_address)
        mask = Signal(2 * grain)
        code = Signal(2 * half)
        m.d.sync += [
            reads.eq(self.read),
            mask.eq(self.write),
            code.eq(self.write_data),
            address.eq(Mux(self.write.any(), self.write_address, self.read_address)),
        ]
        is_second: Any = address[low]
        line: Any = address[low + 1 :]
        lines = [line + is_second, line]
        # The first bank holds a vector's first grain unless it begins in the second bank.
        words = [Mux(is_second, code[half:], code[:half]), Mux(is_second, code[:half], code[half:])]
        masks = [mask[:grain], mask[grain:]]
        found = []
        for number in range(2):
            # Synthesis finds these memories by their name: they begin with unknown contents.
            bank = memory.Memory(
                shape=half,
                depth=-(-self._size // self.bytes),
                init=[],
                attrs={"ram_style": "huge"},
            )
            m.submodules[f"large_memory_{number}"] = bank
            read, write = bank.read_port(), bank.write_port(granularity=8)
            m.d.comb += [
                read.addr.eq(lines[number]),
                # Synthesis must see that no cycle does both.
                read.en.eq(reads & ~mask.any()),
                write.addr.eq(lines[number]),
                write.data.eq(words[number]),
                write.en.eq(Mux(is_second, masks[1 - number], masks[number])),
            ]
            found.append(read.data)
        places = [Signal(low + 1, name=f"place_{stage}") for stage in range(2)]
        m.d.sync += [places[0].eq(address[: low + 1]), places[1].eq(places[0])]
        began_second, byte = places[0][low], places[1][:low]
        first, second = found
        vector = self.vector
        m.d.sync += vector.eq(
            Cat(Mux(began_second, second, first), Mux(began_second, first, second))
        )
        m.d.comb += self.data.eq(vector)
        if grain > 4:
            m.d.comb += self.data[:32].eq(vector.word_select(byte[2:], 32))
        m.d.comb += self.data[:8].eq(vector.word_select(byte, 8))
        return m
