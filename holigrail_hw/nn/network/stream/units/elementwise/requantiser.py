# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Lanes that scale, round and clamp, with parameters per channel from memories."""

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, beats, shape_of, table, wrapped
from ..unit import Integers
from .datapath import requantiser_plan

__all__ = ["RequantiserUnit"]


class RequantiserUnit(wiring.Component):
    """See :class:`.shape.Requantiser`; the pipeline is one of :class:`.elastic.Pipeline`.

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
        shape = self._shape
        line = Pipeline(m, shape.latency, self.o.ready)
        line.fill(m, self.i.valid)
        m.d.comb += [self.i.ready.eq(line.moves[0]), self.o.valid.eq(line.valid[-1])]
        channel = Signal(range(shape.groups), name="channels")
        wrapped(m, channel, shape.groups, self.i.valid & line.moves[0])
        for lane in range(shape.lanes):
            m.submodules[f"lane{lane}"] = self._lane(lane, line, channel)
        return m

    def _lane(self, lane: int, line: Pipeline, channel: Any) -> Module:
        m = Module()
        shape, plan = self._shape, requantiser_plan(self._shape, lane)
        # Lanes whose constants are simple need fewer registers: all take the same time.
        plan.add_to(m, line.moves[1:])
        m.d.comb += plan.inputs["x"].eq(line.register(m, 0, self.i.payload.data[lane], "element"))
        if shape.groups > 1:
            for name, array in zip(("factor", "constant"), shape.scaled[:2], strict=True):
                words = [int(word) for word in shape.by_lane(array)[:, lane]]
                each = shape_of(Integers.of(array))
                word = table(m, f"{name}s", words, each, channel, line.moves[0])
                m.d.comb += plan.inputs[name].eq(word)
        result: Any = plan.outputs["result"]
        for stage in range(1 + plan.latency, shape.latency):
            result = line.register(m, stage, result, f"result{stage}")
        m.d.comb += self.o.payload.data[lane].eq(result)
        return m
