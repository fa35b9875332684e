# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Two rows of elements: one comes in while the other is read."""

from typing import Any

from amaranth import Const, Module, Mux, Signal, unsigned
from amaranth.lib import memory

__all__ = ["Rows"]


class Rows:
    """A memory of two rows, and a register for each that sums it up.

    State: beats kept, whole rows, the places of the next beat to write and to read, the two
    registers. Handshake: ``i`` is accepted while there is room; ``starts`` says that the next beat
    is read, which ``there`` allows; a row is given up with its last beat.

    Attributes
    ----------
    there : Value
        The row of the next beat is whole, or becomes so in this cycle.
    starts : Signal
        To be driven: the next beat is read.
    first, last : Value
        Whether the next beat to be read is the first or last one of its row.
    half : Signal
        Which of the registers belongs to the row that is read.
    """

    def __init__(self, m: Module, i: Any, classes: int):
        self.i, self.classes, depth = i, classes, 2 * classes
        level, rows = Signal(range(depth + 1), name="kept"), Signal(2, name="whole")
        self.starts, self.half = Signal(name="starts"), Signal(name="read_half")
        self._written = Signal(range(classes))
        self._read = Signal(range(classes))
        self._write_half = Signal()
        m.d.comb += i.ready.eq(level != depth)
        self._enters = i.valid & i.ready
        ends = self._enters & (self._written == classes - 1)
        self.there = (rows != 0) | ends
        self.first, self.last = self._read == 0, self._read == classes - 1
        leaves = self.starts & self.last
        m.d.sync += [
            level.eq(level + self._enters - Mux(leaves, classes, 0)),
            rows.eq(rows + ends - leaves),
        ]
        with m.If(self._enters):
            m.d.sync += self._written.eq(Mux(ends, 0, self._written + 1))
        with m.If(ends):
            m.d.sync += self._write_half.eq(~self._write_half)
        with m.If(self.starts):
            m.d.sync += self._read.eq(Mux(self.last, 0, self._read + 1))
        with m.If(leaves):
            m.d.sync += self.half.eq(~self.half)

    def register(self, m: Module, shape: Any, function: Any) -> Any:
        """For each row: ``function`` of what there is before, if anything, and of each element.

        Returns that of the row that is read, with the element that is accepted in this cycle.
        """
        element, pair = self.i.payload.data[0], []
        for half in range(2):
            register = Signal(shape, name=f"row{half}", reset_less=True)
            following = Signal(shape, name=f"row{half}_following")
            m.d.comb += following.eq(register)
            with m.If(self._enters & (self._write_half == half)):
                m.d.comb += following.eq(function(self._written == 0, register, element))
            m.d.sync += register.eq(following)
            pair.append(following)
        return Mux(self.half, pair[1], pair[0])

    def memory(self, m: Module, enable: Any = None) -> Any:
        """The next beat to be read, one cycle later."""
        element = self.i.payload.data[0]
        width = len(element.as_value() if hasattr(element, "as_value") else element)
        places = 1 << (self.classes - 1).bit_length()
        kept = memory.Memory(shape=unsigned(width), depth=2 * places, init=[])
        m.submodules.rows = kept
        write, read = kept.write_port(), kept.read_port()
        m.d.comb += [
            write.addr.eq(self._written + Mux(self._write_half, places, 0)),
            write.data.eq(element),
            write.en.eq(self._enters),
            read.addr.eq(self._read + Mux(self.half, places, 0)),
            read.en.eq(Const(1, 1) if enable is None else enable),
        ]
        return read.data
