# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Beats that are wanted pass, others are taken and dropped."""

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, among, beats, wrapped

__all__ = ["CutUnit"]


class CutUnit(wiring.Component):
    """See :class:`.shape.Cut`. State: which beat of the frame comes next; one beat."""

    def __init__(self, shape: Any):
        self._shape = shape
        port = beats(shape.input, shape.lanes)
        super().__init__({"i": In(port), "o": Out(port)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        place = Signal(range(self._shape.tokens))
        line = Pipeline(m, 1, self.o.ready)
        wrapped(m, place, self._shape.tokens, self.i.valid & line.moves[0])
        wanted = among(m, "wanted", place, self._shape.tokens, self._shape.kept)
        line.fill(m, self.i.valid & wanted)
        beat = line.register(m, 0, self.i.payload.as_value(), "beat")
        m.d.comb += [
            self.i.ready.eq(line.moves[0]),
            self.o.valid.eq(line.valid[0]),
            self.o.payload.as_value().eq(beat),
        ]
        return m
