# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""One beat to several readers, which may take it at different times."""

from typing import Any

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import beats

__all__ = ["ForkUnit"]


class ForkUnit(wiring.Component):
    """See :class:`.shape.Fork`. State: which readers have the present beat."""

    def __init__(self, shape: Any):
        self._shape = shape
        port = beats(shape.input, shape.lanes)
        super().__init__({"i": In(port)} | {f"o{n}": Out(port) for n in range(shape.readers)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        outputs = [getattr(self, f"o{n}") for n in range(self._shape.readers)]
        done, have = Signal(len(outputs)), Signal(len(outputs))
        for index, output in enumerate(outputs):
            m.d.comb += [
                output.payload.eq(self.i.payload),
                output.valid.eq(self.i.valid & ~Value.cast(done[index])),
            ]
        m.d.comb += [
            have.eq(done | Cat(output.ready for output in outputs)),
            self.i.ready.eq(have.all()),
        ]
        with m.If(self.i.valid):
            m.d.sync += done.eq(have)
            with m.If(self.i.ready):
                m.d.sync += done.eq(0)
        return m
