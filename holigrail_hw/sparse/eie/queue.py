# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The queue of an element: waiting activations, and the one whose entries are processed."""

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["EieQueue"]


class EieQueue(wiring.Component):
    """Room for ``depth`` activations; the one in use stays until its last entry.

    A column without entries is in use for one cycle.

    Members
    -------
    send, activation, first, count : In, an activation, its first entry and the number of entries
    ready : Out(1), there is a place, possibly one that becomes free in this cycle
    busy : Out(1), an activation is in use; used : Out, that activation
    valid : Out(1), it has an entry in this cycle; place : Out, where; opens : Out(1), its first
    """

    def __init__(self, depth: int, width: int, place_width: int, count_width: int):
        self._depth = depth
        self._item = data.StructLayout(
            {"activation": width, "first": count_width, "count": count_width}
        )
        super().__init__(
            {
                "send": In(1),
                "activation": In(width),
                "first": In(count_width),
                "count": In(count_width),
                "ready": Out(1),
                "busy": Out(1),
                "valid": Out(1),
                "used": Out(width),
                "place": Out(place_width),
                "opens": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # State of the activation in use: ``left`` entries from ``place`` on. Its place is free in
        # the cycle of its last entry, so activations follow each other without a gap.
        left = Signal(self.count.shape())
        free = Signal()
        waits = Signal()
        incoming = Signal(self._item)
        following = Signal(self._item)
        m.d.comb += [
            incoming.activation.eq(self.activation),
            incoming.first.eq(self.first),
            incoming.count.eq(self.count),
            self.valid.eq(self.busy & (left != 0)),
            free.eq(~self.busy | (left <= 1)),
        ]
        with m.If(free):
            m.d.sync += [
                self.busy.eq(waits | self.send),
                self.used.eq(following.activation),
                self.place.eq(following.first),
                left.eq(following.count),
                self.opens.eq(1),
            ]
        with m.Else():
            m.d.sync += [self.place.eq(self.place + 1), left.eq(left - 1), self.opens.eq(0)]
        # Depth 1: what is sent is in use in the next cycle.
        if self._depth == 1:
            m.d.comb += [following.eq(incoming), self.ready.eq(free)]
            return m

        # Deeper: a ring of ``room`` waiting activations, ``level`` of them filled. One that is sent
        # enters it unless it can be used at once. ``ready`` does not depend on ``send``.
        room = self._depth - 1
        m.submodules.waiting = waiting = memory.Memory(
            shape=self._item, depth=max(room, 2), init=[]
        )
        write, read = waiting.write_port(), waiting.read_port(domain="comb")
        level = Signal(range(room + 1))
        enters = Signal()
        newest = Signal(range(room))
        oldest = Signal(range(room))
        m.d.comb += [
            waits.eq(level != 0),
            self.ready.eq((level != room) | free),
            enters.eq(self.send & (waits | ~free)),
            write.addr.eq(newest),
            write.data.eq(incoming),
            write.en.eq(enters),
            read.addr.eq(oldest),
        ]
        with m.If(waits):
            m.d.comb += following.eq(read.data)
        with m.Else():
            m.d.comb += following.eq(incoming)
        leaves = free & waits
        m.d.sync += level.eq(level + enters - leaves)
        for pointer, moves in ((newest, enters), (oldest, leaves)):
            with m.If(moves & (pointer == room - 1)):
                m.d.sync += pointer.eq(0)
            with m.Elif(moves):
                m.d.sync += pointer.eq(pointer + 1)
        return m
