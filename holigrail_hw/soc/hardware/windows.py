# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Maxima of windows: lane by lane the greatest of the vectors up to the marked one."""

from typing import Any

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Windows"]


class Windows(wiring.Component):
    """A vector a cycle; ``lanes`` signed bytes each.

    Members
    -------
    i : In
        Stream of vectors with the mark ``last``, the end of a window.
    low, high : In
        Bounds of a maximum.
    o : Out
        Stream of maxima, three cycles after the marked vector.
    """

    def __init__(self, lanes: int):
        self._lanes = lanes
        item = data.StructLayout({"data": 8 * lanes, "last": 1})
        super().__init__(
            {
                **{"low": In(signed(8)), "high": In(signed(8))},
                "i": In(stream.Signature(item)),
                "o": Out(stream.Signature(8 * lanes)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # Three steps: a vector, the greatest of a window, and that within the bounds. A step that
        # has nothing, or whose item goes on, takes the next one. The first one is a register
        # because a vector comes late in its cycle.
        has_vector = Signal()
        joins = Signal()
        moves = Signal()
        is_first = Signal(init=1)
        is_whole = Signal()
        goes_on = Signal()
        taken = Signal(self.i.payload.shape(), reset_less=True)
        m.d.comb += [
            goes_on.eq(self.o.ready | ~self.o.valid),
            joins.eq(goes_on | ~is_whole),
            moves.eq(has_vector & joins),
            self.i.ready.eq(joins | ~has_vector),
        ]
        with m.If(self.i.ready):
            m.d.sync += [has_vector.eq(self.i.valid), taken.eq(self.i.payload)]
        with m.If(joins):
            m.d.sync += is_whole.eq(has_vector & taken.last)
        with m.If(goes_on):
            m.d.sync += self.o.valid.eq(is_whole)
        with m.If(moves):
            m.d.sync += is_first.eq(taken.last)
        # Both bounds are looked at beside each other; ``low`` wins where they cross.
        low = self.low
        high = self.high
        top = Signal(signed(8), reset_less=True)
        m.d.sync += top.eq(Mux(high < low, low, high))
        for lane in range(self._lanes):
            code = taken.data[8 * lane : 8 * lane + 8].as_signed()
            kept = Signal(signed(8), name=f"kept{lane}")
            with m.If(moves & (is_first | (code > kept))):
                m.d.sync += kept.eq(code)
            bounded = Mux(kept < low, low, Mux(kept > high, top, kept))
            with m.If(goes_on):
                m.d.sync += self.o.payload[8 * lane : 8 * lane + 8].eq(bounded)
        return m
