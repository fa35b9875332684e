# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Beats of several streams in turn."""

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, among, beats, shape_of, wrapped

__all__ = ["ConcatUnit"]


class ConcatUnit(wiring.Component):
    """See :class:`.shape.Concat`. State: whose beat of the pixel is next; one beat."""

    def __init__(self, shape: Any):
        self._shape = shape
        ports = {f"i{n}": In(beats(own, shape.lanes)) for n, own in enumerate(shape.inputs)}
        super().__init__(ports | {"o": Out(beats(shape.output, shape.lanes))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shape = self._shape
        total = sum(shape.folds)
        place = Signal(range(total))
        there = Signal()
        line = Pipeline(m, 1, self.o.ready)
        line.fill(m, there)
        wrapped(m, place, total, there & line.moves[0])
        lanes = [Signal(shape_of(shape.output), name=f"lane{n}") for n in range(shape.lanes)]
        end = 0
        for index, fold in enumerate(shape.folds):
            port = getattr(self, f"i{index}")
            with m.If(among(m, f"turn{index}", place, total, range(end, end + fold))):
                m.d.comb += [there.eq(port.valid), port.ready.eq(line.moves[0])]
                m.d.comb += [lane.eq(port.payload.data[n]) for n, lane in enumerate(lanes)]
            end += fold
        m.d.comb += self.o.valid.eq(line.valid[0])
        for index, lane in enumerate(lanes):
            kept = line.register(m, 0, lane, f"kept{index}")
            m.d.comb += self.o.payload.data[index].eq(kept)
        return m
