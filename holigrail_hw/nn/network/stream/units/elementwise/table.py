# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Any function of an element, from memories."""

from typing import Any

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, beats, shape_of, table, wrapped

__all__ = ["TableUnit"]


class TableUnit(wiring.Component):
    """See :class:`.shape.Table`; the answers of the memories are the only stage of registers.

    State: which channels come next.
    """

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__(
            {
                "i": In(beats(shape.input, shape.lanes)),
                "o": Out(beats(shape.output, shape.lanes)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shape, width = self._shape, self._shape.input.width
        line = Pipeline(m, 1, self.o.ready)
        line.fill(m, self.i.valid)
        m.d.comb += [self.i.ready.eq(line.moves[0]), self.o.valid.eq(line.valid[0])]
        channel = Signal(range(shape.groups), name="channels")
        wrapped(m, channel, shape.groups, self.i.valid & line.moves[0])
        places = shape.by_lane(shape.values.T)
        for lane in range(shape.lanes):
            words = [0] * (shape.groups << width)
            for group in range(shape.groups):
                for index, value in enumerate(places[:, group, lane].tolist()):
                    code = (shape.input.low + index) % (1 << width)
                    words[group << width | code] = value
            code = Value.cast(self.i.payload.data[lane]).as_unsigned()
            address = Cat(code, channel) if shape.groups > 1 else code
            each = shape_of(shape.output)
            word = table(m, f"table_{lane}", words, each, address, line.moves[0])
            m.d.comb += self.o.payload.data[lane].eq(word)
        return m
