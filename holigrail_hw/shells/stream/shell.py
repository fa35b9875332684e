# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false, reportAttributeAccessIssue=false

"""One stream each way in front of an operator with fixed latency; an engine has its own streams.

The core always has a fixed latency. The shell freezes it as long as its result is not accepted.
``valid`` never depends on ``ready``.
"""

from typing import Any, ClassVar

from amaranth import EnableInserter, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.packing import Bits, code_bits
from holigrail_hw.core.shell_registry import shell
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.hdl.shapes import shape_of

from ..base import Shell

__all__ = ["OneStream", "StreamPorts", "Streamed"]


@shell
class OneStream(Shell):
    """Streams ``i`` and ``o``."""

    name: ClassVar[str] = "stream"

    def wrapped(self, spec: OperatorSpec, timing: Timing) -> Any:
        return Streamed(spec, timing) if spec.planned else spec.architecture(timing)

    def handed_over(self, view: Any, timing: Timing, part: str) -> Any:
        if view.planned:
            return StreamPorts(view, timing)
        return super().handed_over(view, timing, part)

    def layout(self, view: OperatorSpec) -> list[Bits]:
        if not view.planned:
            return super().layout(view)
        ways = (("i", view.inputs()), ("o", view.outputs()))
        return [
            code_bits(f"{stream}_{name}", name, format)
            for stream, ports in ways
            for name, format in ports.items()
        ]


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


class Streamed(wiring.Component):
    """An operator behind valid and ready; the pipeline waits until its result is accepted.

    One item per cycle if neither side waits. With interleaved sums, item *t* belongs to sum
    *t* mod ``interleave``; after a gap in the input, ready may stay low until it is the next sum's
    turn, for fewer than ``interleave`` cycles. Where the plan repeats steps, the next item comes
    ``interval`` cycles after the last one or later.

    Members
    -------
    i : In, stream of a structure of all inputs
    o : Out, stream of a structure of all outputs
    """

    def __init__(self, spec: OperatorSpec, timing: Timing):
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
        # Latency 0: wires. The core's registers, if any, count an item only when it is accepted.
        if not plan.latency:
            m.submodules.core = core = _Core(plan)
            m.d.comb += [getattr(core, n).eq(self.i.payload[n]) for n in plan.inputs]
            m.d.comb += [self.o.payload[n].eq(getattr(core, n)) for n in plan.outputs]
            m.d.comb += [self.o.valid.eq(self.i.valid), self.i.ready.eq(self.o.ready)]
            m.d.comb += core.valid.eq(self.i.valid & self.o.ready)
            return m
        # All registers of the core advance together, when the last stage is empty or its result is
        # accepted; otherwise nothing moves, so ``o.valid`` and its payload stay until ``ready``.
        advance = Signal()
        accepted = Signal()
        frozen = EnableInserter(advance)
        m.submodules.core = core = frozen(_Core(plan))
        m.d.comb += [getattr(core, n).eq(self.i.payload[n]) for n in plan.inputs]
        m.d.comb += [self.o.payload[n].eq(getattr(core, n)) for n in plan.outputs]
        m.d.comb += [
            advance.eq(self.o.ready | ~self.o.valid),
            accepted.eq(self.i.valid & self.i.ready),
            core.valid.eq(accepted),
        ]
        if plan.interval > 1:
            # ``waits`` counts the cycles down in which steps are still repeated for an item.
            waits = Signal(range(plan.interval))
            m.d.comb += self.i.ready.eq(advance & (waits == 0))
            with m.If(accepted):
                m.d.sync += waits.eq(plan.interval - 1)
            with m.Elif(advance & (waits != 0)):
                m.d.sync += waits.eq(waits - 1)
        elif plan.interleave == 1:
            m.d.comb += self.i.ready.eq(advance)
        else:
            # ``slot`` is the sum whose turn it is in the pipeline, ``turn`` that of the next item;
            # an item is accepted only when they are the same.
            slot = Signal(range(plan.interleave))
            turn = Signal(range(plan.interleave))
            m.d.comb += self.i.ready.eq(advance & (slot == turn))
            for counter, condition in ((slot, advance), (turn, accepted)):
                with m.If(condition & (counter == plan.interleave - 1)):
                    m.d.sync += counter.eq(0)
                with m.Elif(condition):
                    m.d.sync += counter.eq(counter + 1)
        # One bit per stage marks the stages that hold an item.
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

    def __init__(self, spec: OperatorSpec, timing: Timing):
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
