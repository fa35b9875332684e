# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Queues of beats: in registers, or in a memory in front of which the oldest beat waits."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..elastic import beats, reads

__all__ = ["QueueUnit"]


class QueueUnit(wiring.Component):
    """See :class:`.shape.Queue`."""

    def __init__(self, shape: Any):
        self._shape = shape
        port = beats(shape.input, shape.lanes)
        super().__init__({"i": In(port), "o": Out(port)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pushes = Signal()
        pops = Signal()
        m.d.comb += [
            pushes.eq(self.i.valid & self.i.ready),
            pops.eq(self.o.valid & self.o.ready),
        ]
        if self._shape.depth <= self._shape.registers:
            self._registers(m, pushes, pops)
        else:
            self._memory(m, pushes, pops)
        return m

    def _registers(self, m: Module, pushes: Any, pops: Any) -> None:
        """State: the beats, the newest in place 0, and how many they are."""
        depth = self._shape.depth
        level = Signal(range(depth + 1))
        places = [Signal(self._shape.bits, name=f"place{n}", reset_less=True) for n in range(depth)]
        m.d.sync += level.eq(level + pushes - pops)
        m.d.comb += [self.i.ready.eq(level != depth), self.o.valid.eq(level != 0)]
        with m.Switch(level):
            for index, place in enumerate(places[:-1]):
                with m.Case(index + 1):
                    m.d.comb += self.o.payload.as_value().eq(place)
            with m.Default():
                m.d.comb += self.o.payload.as_value().eq(places[-1])
        with m.If(pushes):
            m.d.sync += places[0].eq(self.i.payload.as_value())
            m.d.sync += [new.eq(old) for old, new in zip(places, places[1:], strict=False)]

    def _memory(self, m: Module, pushes: Any, pops: Any) -> None:
        """State: the oldest beat, in the register of the memory or, if it came while the memory was
        empty, in one beside it; the others, in a ring, and how many they are.

        A beat is in the ring only while there is an oldest one.
        """
        size, bits = self._shape.depth - 1, self._shape.bits
        m.submodules.ring = ring = memory.Memory(shape=bits, depth=size, init=[])
        write, read = ring.write_port(), ring.read_port()
        level = Signal(range(size + 1))
        head = Signal()
        beside = Signal()
        first = Signal(bits, reset_less=True)
        free = Signal()
        from_ring = Signal()
        direct = Signal()
        to_ring = Signal()
        m.d.comb += [
            self.i.ready.eq(level != size),
            self.o.valid.eq(head),
            self.o.payload.as_value().eq(Mux(beside, first, read.data)),
            free.eq(~head | pops),
            from_ring.eq(free & (level != 0)),
            direct.eq(free & (level == 0) & pushes),
            to_ring.eq(pushes & ~direct),
            write.data.eq(self.i.payload.as_value()),
            write.en.eq(to_ring),
            read.en.eq(reads(read, write, from_ring, size)),
        ]
        m.d.sync += level.eq(level + to_ring - from_ring)
        with m.If(free):
            m.d.sync += [head.eq(from_ring | direct), beside.eq(direct)]
        with m.If(direct):
            m.d.sync += first.eq(self.i.payload.as_value())
        for port, moves in ((write, to_ring), (read, from_ring)):
            place = Signal(range(size), name=f"{'write' if port is write else 'read'}_place")
            m.d.comb += port.addr.eq(place)
            with m.If(moves):
                m.d.sync += place.eq(Mux(place == size - 1, 0, place + 1))
