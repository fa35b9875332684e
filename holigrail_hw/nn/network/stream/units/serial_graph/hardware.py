# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Vectors bit by bit through a graph of adders, and totals that double."""

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.estimate.primitives import device_model
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.nn.dense_network.layer_datapath import layer_outputs

from ..elastic import Pipeline, beats, shape_of, wrapped
from ..unit import Integers

__all__ = ["SerialGraphUnit", "graph_plan"]


def graph_plan(shape: Any) -> Plan:
    """From a bit of every input, x0, x1, ..., to sums y0, y1, ...

    With a clock period sums have registers of their own, as the totals have adders.
    """
    pipelined = shape.timing.period_ns is not None
    results = [shape_of(Integers(*ends)) for ends in shape.layer.results]

    def datapath(plan: Plan, **wires: Wire) -> dict[str, Wire]:
        graph = shape.design.circuit.graph
        sums = layer_outputs(plan, "graph", shape.layer, graph, [*wires.values()], None, None)
        last = max(wire.cycle for wire in sums) + pipelined
        found = {}
        for index, (wire, result) in enumerate(zip(sums, results, strict=True)):
            whole = plan.step(f"whole{index}", result, lambda v: v, wire, wrap=True)
            found[f"y{index}"] = plan.later(whole, last)
        return found

    return Plan(
        {f"x{n}": unsigned(1) for n in range(shape.lanes_in)},
        {f"y{n}": result for n, result in enumerate(results)},
        datapath,
        device=device_model(shape.timing.device),
        period_ns=shape.timing.period_ns,
    )


class SerialGraphUnit(wiring.Component):
    """See :class:`.shape.SerialGraph`; the pipeline is one of :class:`.elastic.Pipeline`."""

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
        line = Pipeline(m, plan.latency + 2, self.o.ready)
        enters, bits = self._bits(m, line.moves[0])
        plan.add_to(m, line.moves[1:-1])
        for n in range(self._shape.lanes_in):
            m.d.comb += plan.inputs[f"x{n}"].eq(bits[n])
        tick = Signal(name="totals_move")
        m.d.comb += tick.eq(line.valid[-2] & line.moves[-1])
        last = self._totals(m, plan, tick)
        line.fill(m, enters, {plan.latency + 1: last})
        m.d.comb += self.o.valid.eq(line.valid[-1])
        return m

    def _bits(self, m: Module, moves: Any) -> tuple[Any, Any]:
        """One bit of every element enters at a time, the most significant one first.

        State: the elements, shifted, whether there are any, and which of their bits enters next.
        The next vector is taken when the last bits have entered.
        """
        shape, width = self._shape, self._shape.bits
        given = self.i.payload.as_value()
        vector: Any = Signal(len(given), name="vector", reset_less=True)
        is_held = Signal()
        place = Signal(range(width), name="bit")
        enters = Signal()
        m.d.comb += enters.eq(is_held & moves)
        last = wrapped(m, place, width, enters)
        # An element without its sign: the most significant bit inverted.
        top = (1 << width - 1) if shape.input.signed else 0
        mask = sum(top << n * width for n in range(shape.lanes_in))
        shifted = Cat(
            (vector[n * width : (n + 1) * width] << 1)[:width] for n in range(shape.lanes_in)
        )
        m.d.comb += self.i.ready.eq(~is_held | (last & moves))
        with m.If(self.i.ready):
            m.d.sync += [vector.eq(given ^ mask), is_held.eq(self.i.valid)]
        with m.Elif(enters):
            m.d.sync += vector.eq(shifted)
        bits = Signal(shape.lanes_in, name="bits", reset_less=True)
        with m.If(moves):
            m.d.sync += bits.eq(Cat(vector[(n + 1) * width - 1] for n in range(shape.lanes_in)))
        return enters, bits

    def _totals(self, m: Module, plan: Plan, tick: Any) -> Any:
        """State: the totals, and which bit comes next. Returns whether it is the last one."""
        shape, width = self._shape, self._shape.bits
        place, size = Signal(range(width), name="term"), shape.output.width
        last = wrapped(m, place, width, tick)
        for n, bias in enumerate(shape.biases):
            total = Signal(size, name=f"total{n}", reset_less=True)
            # Bits of the bias in the order of the elements' bits.
            order = sum((bias >> width - 1 - at & 1) << at for at in range(width))
            low = Const(order, width).bit_select(place, 1) if width > 1 else Const(order, 1)
            begin = Const((bias >> width) & ((1 << size) - 1), size)
            base = Mux(place == 0, begin, total) if width > 1 else begin
            with m.If(tick):
                m.d.sync += total.eq(Cat(low, base) + plan.outputs[f"y{n}"])
            m.d.comb += self.o.payload.data[n].eq(total)
        return last
