# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The sum of several streams, element by element."""

from typing import Any

from amaranth import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, beats

__all__ = ["AddUnit"]


class AddUnit(wiring.Component):
    """See :class:`.shape.Add`. State: one beat of sums; beats are taken when all are there."""

    def __init__(self, shape: Any):
        self._shape = shape
        ports = {f"i{n}": In(beats(own, shape.lanes)) for n, own in enumerate(shape.inputs)}
        super().__init__(ports | {"o": Out(beats(shape.output, shape.lanes))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shape = self._shape
        inputs = [getattr(self, f"i{n}") for n in range(len(shape.inputs))]
        line = Pipeline(m, 1, self.o.ready)
        there = Cat(port.valid for port in inputs)
        line.fill(m, there.all())
        m.d.comb += self.o.valid.eq(line.valid[0])
        for index, port in enumerate(inputs):
            others = [other.valid for n, other in enumerate(inputs) if n != index]
            m.d.comb += port.ready.eq(line.moves[0] & Cat(*others).all())
        for lane in range(shape.lanes):
            total: Any = 0
            for factor, port in zip(shape.factors, inputs, strict=True):
                total = total + port.payload.data[lane] * factor
            sums = line.register(m, 0, total, f"sum{lane}")
            m.d.comb += self.o.payload.data[lane].eq(sums[: shape.output.width])
        return m
