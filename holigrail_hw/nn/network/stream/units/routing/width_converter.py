# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Few elements at a time become many, or many few."""

from typing import Any

from amaranth import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, beats, wrapped

__all__ = ["WidthConverterUnit"]


class WidthConverterUnit(wiring.Component):
    """See :class:`.shape.WidthConverter`."""

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__(
            {
                "i": In(beats(shape.input, shape.lanes_in)),
                "o": Out(beats(shape.input, shape.lanes_out)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if self._shape.lanes_out > self._shape.lanes_in:
            self._gathered(m)
        else:
            self._spread(m)
        return m

    def _gathered(self, m: Module) -> None:
        """State: the beats so far, the latest on top, and how many they are; a whole one in the
        register of the output. The last beat waits until that is free.
        """
        factor, bits = self._shape.factor, len(self.i.payload.as_value())
        place = Signal(range(factor))
        so_far = Signal((factor - 1) * bits, reset_less=True)
        line = Pipeline(m, 1, self.o.ready)
        taken = Signal()
        last = wrapped(m, place, factor, taken)
        m.d.comb += [
            self.i.ready.eq(~last | line.moves[0]),
            taken.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(line.valid[0]),
        ]
        whole = Cat(so_far, self.i.payload.as_value())
        line.fill(m, taken & last)
        m.d.comb += self.o.payload.as_value().eq(line.register(m, 0, whole, "whole"))
        with m.If(taken):
            m.d.sync += so_far.eq(whole[bits:])

    def _spread(self, m: Module) -> None:
        """State: what is left of a beat, the next elements at the bottom, and how many of its parts
        have gone. The next one is taken while the last part goes.
        """
        factor, bits = self._shape.factor, len(self.o.payload.as_value())
        place = Signal(range(factor))
        left = Signal(factor * bits, reset_less=True)
        given = Signal()
        last = wrapped(m, place, factor, given)
        m.d.comb += [
            given.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(~self.o.valid | (last & self.o.ready)),
            self.o.payload.as_value().eq(left[:bits]),
        ]
        valid = Signal(name="holds")
        m.d.comb += self.o.valid.eq(valid)
        with m.If(given):
            m.d.sync += left.eq(Cat(left[bits:], Const(0, bits)))
        with m.If(self.i.ready):
            m.d.sync += [valid.eq(self.i.valid), left.eq(self.i.payload.as_value())]
