# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A buffer of two items that cuts the paths of a stream in both directions.

Both ``valid`` and ``ready`` come from registers, and one item per cycle still passes. The second
item is the one that was on its way when the far end stopped (Abbas and Betz, "Latency insensitive
design styles for FPGAs", 2018).
"""

from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SkidBuffer"]


class SkidBuffer(wiring.Component):
    """Items of a shape, each a cycle later at least.

    An item is taken while no second one waits; so a place that is freed is used a cycle later.

    Parameters
    ----------
    shape : Amaranth shape
        Of an item.
    late : bool
        What arrives is late in its cycle, as from a memory: it goes straight into a third register,
        and comes out another cycle later.
    """

    def __init__(self, shape: Any, *, late: bool = False):
        self._late = late
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # State: the item on offer, and another one behind it (``waits``). The second place is
        # written whenever it is empty, so that nothing but ``waits`` depends on what arrives.
        width = len(Value.cast(self.i.payload))
        offered = Signal(width, reset_less=True)
        second = Signal(width, reset_less=True)
        valid = Signal()
        waits = Signal()
        moves = Signal()
        arriving = Value.cast(self.i.payload)
        arrives = Signal()
        m.d.comb += [self.i.ready.eq(~waits), arrives.eq(self.i.valid)]
        if self._late:
            # The third register, which moves on whenever the two behind it take an item.
            arriving = Signal(width, reset_less=True)
            arrived = Signal()
            m.d.comb += [self.i.ready.eq(~waits | ~arrived), arrives.eq(arrived)]
            with m.If(self.i.ready):
                m.d.sync += [arriving.eq(Value.cast(self.i.payload)), arrived.eq(self.i.valid)]
        m.d.comb += [
            self.o.valid.eq(valid),
            Value.cast(self.o.payload).eq(offered),
            moves.eq(self.o.ready | ~valid),
        ]
        with m.If(~waits):
            m.d.sync += second.eq(arriving)
        with m.If(moves):
            m.d.sync += [valid.eq(waits | arrives), waits.eq(0)]
            with m.If(waits):
                m.d.sync += offered.eq(second)
            with m.Else():
                m.d.sync += offered.eq(arriving)
        with m.Elif(arrives):
            m.d.sync += waits.eq(1)
        return m
