# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The buffer of activations of a matrix engine: one half is filled while the other is read.

One block memory with two ports holds both halves. Or each half is a large memory with a single
port, as an iCE40 UltraPlus has them: the two sides of the engine are never in the same half.
"""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BUFFERS", "Buffer"]

BUFFERS = ("block", "large")


class Buffer(wiring.Component):
    """Vectors in two halves.

    Parameters
    ----------
    kind : str
        ``block`` or ``large``.
    width, depth : int
        Bits of a vector, and vectors of one half.

    Members
    -------
    write, write_half, write_address, write_data : In
    read, read_half, read_address : In
    data : Out
        What was read last, from the next cycle on until the next read.
    """

    def __init__(self, kind: str, width: int, depth: int):
        self._kind, self._width, self._depth = kind, width, depth
        sides = {}
        for side in ("write", "read"):
            sides |= {side: In(1), f"{side}_half": In(1), f"{side}_address": In(range(depth))}
        super().__init__(sides | {"write_data": In(width), "data": Out(width)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if self._kind == "large":
            self._single_ports(m)
        else:
            self._two_ports(m)
        return m

    def _two_ports(self, m: Module) -> None:
        rows = 1 << (2 * self._depth - 1).bit_length()
        m.submodules.vectors = vectors = memory.Memory(shape=self._width, depth=rows, init=[])
        write, read = vectors.write_port(), vectors.read_port()
        m.d.comb += [
            write.addr.eq(self.write_address + Mux(self.write_half, self._depth, 0)),
            write.data.eq(self.write_data),
            write.en.eq(self.write),
            read.addr.eq(self.read_address + Mux(self.read_half, self._depth, 0)),
            read.en.eq(self.read),
            self.data.eq(read.data),
        ]

    def _single_ports(self, m: Module) -> None:
        found = []
        fresh = Signal()
        half = Signal()
        kept = Signal(self._width, reset_less=True)
        for index in (0, 1):
            # Synthesis finds these memories by their name: they begin with unknown contents.
            vectors = memory.Memory(
                shape=self._width,
                depth=1 << (self._depth - 1).bit_length(),
                init=[],
                attrs={"ram_style": "huge"},
            )
            m.submodules[f"large_memory_{index}"] = vectors
            write, read = vectors.write_port(), vectors.read_port()
            writes = Signal(name=f"writes_{index}")
            address = Signal(range(self._depth), name=f"address_{index}")
            m.d.comb += [
                writes.eq(self.write & (self.write_half == index)),
                address.eq(Mux(writes, self.write_address, self.read_address)),
                write.addr.eq(address),
                write.data.eq(self.write_data),
                write.en.eq(writes),
                read.addr.eq(address),
                read.en.eq(self.read & (self.read_half == index) & ~writes),
            ]
            found.append(read.data)
        # What a memory says after it was written to is nobody's business.
        m.d.sync += [fresh.eq(self.read), kept.eq(self.data)]
        with m.If(self.read):
            m.d.sync += half.eq(self.read_half)
        m.d.comb += self.data.eq(Mux(fresh, Mux(half, found[1], found[0]), kept))
