# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Sums of two codes of different scales, exactly as TensorFlow Lite defines them.

Both operands are rescaled by tables of 256 numbers, made with its roundings; their sum is
requantised as the engine's sums are (Jacob et al., Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference, 2018).
"""

from typing import Any

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib import data, fifo, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arith.requantize.operator import Requantize
from holigrail_hw.arrays.gemm.output import PlanModule
from holigrail_hw.arrays.shared.delays import delayed
from holigrail_hw.core.timing import Timing
from holigrail_hw.hdl.shapes import shape_of

__all__ = ["Adder", "sum_latency"]

_RECORDS = 256
# A table is read, and the sum of what was read is kept.
_SUM_CYCLES = 2


def sum_latency(lane: Requantize, timing: Timing) -> int:
    """Cycles from two codes taken to their sum going into its queue."""
    return _SUM_CYCLES + lane.plan(timing).latency


class Adder(wiring.Component):
    """A code a cycle, for two bytes.

    Members
    -------
    enable : In
        What comes is for the adder; it stays from before ``start`` until all codes have left.
    start : In
        Two tables come before the next operands.
    tables : In
        Stream of records of two numbers, 128 of the first table and 128 of the second.
    a, b, o : In, In, Out
        Streams of bytes.
    setting : In
        Inputs of the lane but the sum; they stay until all codes have left.
    """

    def __init__(self, lane: Requantize, timing: Timing):
        self._plan = lane.plan(timing)
        self._latency = sum_latency(lane, timing)
        fields = {name: shape_of(f) for name, f in lane.inputs().items() if name != "x"}
        self._settings = data.StructLayout(fields)
        super().__init__(
            {
                **{"enable": In(1), "start": In(1), "setting": In(self._settings)},
                **{"a": In(stream.Signature(8)), "b": In(stream.Signature(8))},
                "tables": In(stream.Signature(64)),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # Enough for a code a cycle: those on their way and in the queue, and one that is taken
        # before it counts.
        depth = self._latency + 3
        m.submodules.lane = lane = PlanModule(self._plan)
        m.submodules.queue = queue = fifo.SyncFIFO(width=8, depth=depth)
        records = Signal(range(_RECORDS))
        loads = Signal()
        promised = Signal(range(depth + 1))
        taken = Signal()
        may_take = Signal()
        # A register, as whole queues wait for it; one more code can be on its way than it knows.
        m.d.sync += may_take.eq(self.enable & (promised < depth - 1))
        with m.If(self.start):
            m.d.sync += [loads.eq(1), records.eq(0)]
        with m.Elif(loads & self.tables.valid):
            m.d.sync += [records.eq(records + 1), loads.eq(records != _RECORDS - 1)]
        m.d.comb += [
            self.tables.ready.eq(loads),
            taken.eq(self.a.valid & self.b.valid & ~loads & may_take),
            self.a.ready.eq(taken),
            self.b.ready.eq(taken),
        ]
        is_second: Any = records[-1]
        first = self._table(m, "first", loads & ~is_second, records, taken, self.a.payload)
        second = self._table(m, "second", loads & is_second, records, taken, self.b.payload)
        total = Signal(signed(32), reset_less=True)
        (result,) = (getattr(lane, name) for name in self._plan.outputs)
        m.d.sync += [
            total.eq(first + second),
            promised.eq(promised + taken - (self.o.valid & self.o.ready)),
        ]
        m.d.comb += [
            Value.cast(lane.x).eq(Value.cast(total)),
            *(
                Value.cast(getattr(lane, name)).eq(Value.cast(self.setting[name]))
                for name in self._settings.members
            ),
            queue.w_en.eq(delayed(m, taken, self._latency, "taken", resets=True)),
            queue.w_data.eq(result),
            self.o.valid.eq(queue.r_rdy),
            self.o.payload.eq(queue.r_data),
            queue.r_en.eq(self.o.ready),
        ]
        return m

    def _table(self, m: Module, name: str, loads: Any, record: Any, taken: Any, code: Any) -> Any:
        """The number for a code, one cycle after it was taken."""
        m.submodules[name] = table = memory.Memory(shape=64, depth=_RECORDS // 2, init=[])
        read, write = table.read_port(), table.write_port()
        upper = Signal(name=f"{name}_upper")
        with m.If(taken):
            m.d.sync += upper.eq(code[0])
        m.d.comb += [
            write.en.eq(loads & self.tables.valid),
            write.addr.eq(record[:-1]),
            write.data.eq(self.tables.payload),
            read.addr.eq(code[1:]),
            read.en.eq(taken),
        ]
        return Mux(upper, read.data[32:], read.data[:32])
