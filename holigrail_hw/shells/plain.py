# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false, reportAttributeAccessIssue=false

"""Ways to wrap hardware: plain ports with fixed latency, one stream each way, streams of an engine.

The core always has a fixed latency. The stream shell freezes it while its result is refused.
``valid`` never depends on ``ready``.
"""

from typing import TYPE_CHECKING, Any

from amaranth import EnableInserter, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.timing import Timing
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.hdl.shapes import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holigrail_hw.core.engine import Stream
    from holigrail_hw.core.spec import OperatorSpec

__all__ = ["BUS", "EnginePorts", "FixedLatency", "StreamPorts", "Streamed"]

BUS = "wb"
"""What the names of the ports on a bus begin with."""


class _Core(wiring.Component):
    """The planned datapath, one port per operand, and a port that marks valid items."""

    def __init__(self, plan: Plan):
        self.plan = plan
        super().__init__(
            {name: In(signal.shape()) for name, signal in plan.inputs.items()}
            | {name: Out(signal.shape()) for name, signal in plan.outputs.items()}
            | {"valid": In(1)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self.plan.add_to(m)
        m.d.comb += self.plan.valid.eq(self.valid)
        m.d.comb += [signal.eq(getattr(self, n)) for n, signal in self.plan.inputs.items()]
        m.d.comb += [getattr(self, n).eq(signal) for n, signal in self.plan.outputs.items()]
        return m


class FixedLatency(wiring.Component):
    """An operator as plain ports; outputs follow inputs by ``latency`` cycles.

    Members
    -------
    one ``In`` port per input and one ``Out`` port per output of the operator
    """

    def __init__(self, spec: "OperatorSpec", timing: Timing):
        self._plan = spec.plan(timing)
        self.latency = self._plan.latency
        self.interleave = self._plan.interleave
        self.clock = spec.clock_of(self._plan, timing)
        super().__init__(
            {name: In(shape_of(format)) for name, format in spec.inputs().items()}
            | {name: Out(shape_of(format)) for name, format in spec.outputs().items()}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan
        plan.add_to(m)
        m.d.comb += plan.valid.eq(1)
        m.d.comb += [signal.eq(getattr(self, n)) for n, signal in plan.inputs.items()]
        m.d.comb += [getattr(self, n).eq(signal) for n, signal in plan.outputs.items()]
        return m


class Streamed(wiring.Component):
    """An operator behind valid and ready; the pipeline waits while its result is refused.

    One item per cycle when neither side waits. With interleaved sums, item *t* belongs to sum
    *t* mod ``interleave``; after a gap in the input, ready may stay low until the turn of the next
    sum comes round, fewer than ``interleave`` cycles.

    Members
    -------
    i : In, stream of a structure of all inputs
    o : Out, stream of a structure of all outputs
    """

    def __init__(self, spec: "OperatorSpec", timing: Timing):
        self._plan = spec.plan(timing)
        self.latency = self._plan.latency
        self.interleave = self._plan.interleave
        self.clock = spec.clock_of(self._plan, timing)
        inputs = {name: shape_of(format) for name, format in spec.inputs().items()}
        outputs = {name: shape_of(format) for name, format in spec.outputs().items()}
        super().__init__(
            {
                "i": In(stream.Signature(data.StructLayout(inputs))),
                "o": Out(stream.Signature(data.StructLayout(outputs))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan
        if not plan.latency:
            m.submodules.core = core = _Core(plan)
            m.d.comb += [getattr(core, n).eq(self.i.payload[n]) for n in plan.inputs]
            m.d.comb += [self.o.payload[n].eq(getattr(core, n)) for n in plan.outputs]
            m.d.comb += [self.o.valid.eq(self.i.valid), self.i.ready.eq(self.o.ready)]
            m.d.comb += core.valid.eq(self.i.valid & self.o.ready)
            return m
        advance, accepted = Signal(), Signal()
        frozen = EnableInserter(advance)
        m.submodules.core = core = frozen(_Core(plan))
        m.d.comb += [getattr(core, n).eq(self.i.payload[n]) for n in plan.inputs]
        m.d.comb += [self.o.payload[n].eq(getattr(core, n)) for n in plan.outputs]
        m.d.comb += [
            advance.eq(self.o.ready | ~self.o.valid),
            accepted.eq(self.i.valid & self.i.ready),
            core.valid.eq(accepted),
        ]
        if plan.interleave == 1:
            m.d.comb += self.i.ready.eq(advance)
        else:
            slot = Signal(range(plan.interleave))
            turn = Signal(range(plan.interleave))
            m.d.comb += self.i.ready.eq(advance & (slot == turn))
            for counter, condition in ((slot, advance), (turn, accepted)):
                with m.If(condition & (counter == plan.interleave - 1)):
                    m.d.sync += counter.eq(0)
                with m.Elif(condition):
                    m.d.sync += counter.eq(counter + 1)
        valid = Signal(plan.latency + 1)
        m.d.comb += [valid[0].eq(accepted), self.o.valid.eq(valid[-1])]
        with m.If(advance):
            m.d.sync += valid[1:].eq(valid[:-1])
        return m


class StreamPorts(wiring.Component):
    """A streamed operator with one port per operand, as it is handed over in Verilog.

    Members
    -------
    i_valid, i_ready, i_NAME for every input; o_valid, o_ready, o_NAME for every output
    """

    def __init__(self, spec: "OperatorSpec", timing: Timing):
        self._streamed = Streamed(spec, timing)
        self.latency = self._streamed.latency
        self.interleave = self._streamed.interleave
        self.clock = self._streamed.clock
        self._inputs, self._outputs = tuple(spec.inputs()), tuple(spec.outputs())
        super().__init__(
            {"i_valid": In(1), "i_ready": Out(1), "o_valid": Out(1), "o_ready": In(1)}
            | {f"i_{name}": In(shape_of(format)) for name, format in spec.inputs().items()}
            | {f"o_{name}": Out(shape_of(format)) for name, format in spec.outputs().items()}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.streamed = streamed = self._streamed
        m.d.comb += [
            streamed.i.valid.eq(self.i_valid),
            self.i_ready.eq(streamed.i.ready),
            self.o_valid.eq(streamed.o.valid),
            streamed.o.ready.eq(self.o_ready),
        ]
        m.d.comb += [streamed.i.payload[n].eq(getattr(self, f"i_{n}")) for n in self._inputs]
        m.d.comb += [getattr(self, f"o_{n}").eq(streamed.o.payload[n]) for n in self._outputs]
        return m


class EnginePorts(wiring.Component):
    """An engine with one port per field of its streams, as it is handed over in Verilog.

    ``bus`` is the signature of a member of that name, if there is one. ``unused`` are more inputs
    of one bit, which nobody reads.

    Members
    -------
    STREAM_valid, STREAM_ready and STREAM_FIELD for every stream and every field of it
    wb_NAME for every signal of the bus
    """

    def __init__(
        self,
        engine: Any,
        streams: "Mapping[str, Stream]",
        handshake: tuple[str, str] = ("valid", "ready"),
        bus: Any = None,
        unused: tuple[str, ...] = (),
    ):
        self._engine, self._streams, self._handshake = engine, streams, handshake
        self._bus = dict(bus.members) if bus else {}
        ports = {}
        for name, kind in self._streams.items():
            along, against = (In, Out) if kind.direction == "in" else (Out, In)
            ports |= {f"{name}_{handshake[0]}": along(1), f"{name}_{handshake[1]}": against(1)}
            ports |= {f"{name}_{n}": along(shape_of(f)) for n, f in kind.fields.items()}
        ports |= {f"{BUS}_{n}": member.flow(member.shape) for n, member in self._bus.items()}
        ports |= {name: In(1) for name in unused}
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.engine = engine = self._engine
        for name, kind in self._streams.items():
            inner = getattr(engine, name)
            pairs = [(getattr(self, f"{name}_{self._handshake[0]}"), inner.valid)]
            pairs += [(getattr(self, f"{name}_{n}"), inner.payload[n]) for n in kind.fields]
            ready = getattr(self, f"{name}_{self._handshake[1]}")
            if kind.direction == "in":
                m.d.comb += [inside.eq(outside) for outside, inside in pairs]
                m.d.comb += ready.eq(inner.ready)
            else:
                m.d.comb += [outside.eq(inside) for outside, inside in pairs]
                m.d.comb += inner.ready.eq(ready)
        for name, member in self._bus.items():
            inside, outside = getattr(engine.bus, name), getattr(self, f"{BUS}_{name}")
            m.d.comb += inside.eq(outside) if member.flow is In else outside.eq(inside)
        return m
