# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Distances from the greatest code of a row, and their powers of e."""

from typing import Any

from amaranth import Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, beats, table
from .rows import Rows

__all__ = ["PowersUnit"]


class PowersUnit(wiring.Component):
    """See :class:`.shape.Powers`: a row is stored with its greatest code, then looked up."""

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__(
            {"i": In(beats(shape.input, 1)), "o": Out(beats(shape.output, 1))},
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        rows = Rows(m, self.i, self._shape.classes)
        greatest = rows.register(
            m,
            signed(8),
            lambda first, known, code: Mux(first | (code > known), code, known),
        )
        # Stage 0 is the code as it is read, stage 1 its power; the greatest code goes along.
        line = Pipeline(m, self._shape.latency, self.o.ready)
        m.d.comb += rows.starts.eq(rows.there & line.moves[0])
        line.fill(m, rows.starts)
        code = rows.memory(m, line.moves[0]).as_signed()
        distance = Signal(8)
        m.d.comb += distance.eq(line.register(m, 0, greatest, "greatest").as_signed() - code)
        words = [int(power) for power in self._shape.table]
        power = table(m, "powers", words, unsigned(31), distance, line.moves[1])
        m.d.comb += [self.o.valid.eq(line.valid[-1]), self.o.payload.data[0].eq(power)]
        return m
