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
    """

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # State: the item on offer, and another one behind it (``waits``). The second place is
        # written whenever it is empty, so that nothing but ``waits`` depends on what arrives.
        width = len(Value.cast(self.i.payload))
        offered = Signal(width, reset_less=True)
        second = Signal(width, reset_less=True)
        valid, waits, moves = Signal(), Signal(), Signal()
        arriving = Value.cast(self.i.payload)
        m.d.comb += [
            self.i.ready.eq(~waits),
            self.o.valid.eq(valid),
            Value.cast(self.o.payload).eq(offered),
            moves.eq(self.o.ready | ~valid),
        ]
        with m.If(~waits):
            m.d.sync += second.eq(arriving)
        with m.If(moves):
            m.d.sync += [valid.eq(waits | self.i.valid), waits.eq(0)]
            with m.If(waits):
                m.d.sync += offered.eq(second)
            with m.Else():
                m.d.sync += offered.eq(arriving)
        with m.Elif(self.i.valid):
            m.d.sync += waits.eq(1)
        return m
