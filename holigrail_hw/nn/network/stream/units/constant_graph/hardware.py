# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The graph of adders as a plan, whose registers are the stages of an elastic pipeline."""

from typing import Any

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.estimate.primitives import device_model
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.nn.dense_network.layer_datapath import layer_outputs

from ..elastic import Pipeline, beats, shape_of

__all__ = ["ConstantGraphUnit", "graph_plan"]


def graph_plan(shape: Any) -> Plan:
    """From inputs x0, x1, ... to outputs y0, y1, ..., which have registers.

    With a clock period, inputs have registers of their own: windows choose what they deliver.
    """
    result, pipelined = shape_of(shape.output), shape.timing.period_ns is not None

    def datapath(plan: Plan, **wires: Wire) -> dict[str, Wire]:
        graph = shape.design.circuit.graph
        if pipelined:
            wires = {name: plan.later(wire, 1) for name, wire in wires.items()}
        sums = layer_outputs(plan, "graph", shape.layer, graph, [*wires.values()], None, None)
        found = {}
        last = max(1, max(wire.cycle for wire in sums) + 1)
        for index, wire in enumerate(sums):
            whole = plan.step(f"whole{index}", result, lambda v: v, wire, wrap=True)
            found[f"y{index}"] = plan.later(whole, last)
        return found

    return Plan(
        {f"x{n}": shape_of(shape.input) for n in range(shape.lanes_in)},
        {f"y{n}": result for n in range(shape.lanes_out)},
        datapath,
        device=device_model(shape.timing.device),
        period_ns=shape.timing.period_ns,
    )


class ConstantGraphUnit(wiring.Component):
    """See :class:`.shape.ConstantGraph`; the pipeline is one of :class:`.elastic.Pipeline`."""

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__(
            {
                "i": In(beats(shape.input, shape.lanes_in)),
                "o": Out(beats(shape.output, shape.lanes_out)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = graph_plan(self._shape)
        line = Pipeline(m, plan.latency, self.o.ready)
        line.fill(m, self.i.valid)
        plan.add_to(m, line.moves)
        m.d.comb += [self.i.ready.eq(line.moves[0]), self.o.valid.eq(line.valid[-1])]
        for n in range(self._shape.lanes_in):
            m.d.comb += plan.inputs[f"x{n}"].eq(self.i.payload.data[n])
        for n in range(self._shape.lanes_out):
            m.d.comb += self.o.payload.data[n].eq(plan.outputs[f"y{n}"])
        return m
