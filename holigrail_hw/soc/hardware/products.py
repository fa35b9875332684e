# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The matrix engine, with commands made of a descriptor and operands made of what was read."""

from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.machine import Machine

from .fields import FIELDS
from .operands import WeightRows, record_bits, set_channel

__all__ = ["Products"]

_SIZE = 16


class Products(wiring.Component):
    """A command for every group of a descriptor.

    Members
    -------
    start : In
        ``fields``, ``vectors`` and ``k_tiles`` are there and stay.
    busy, code : Out
        Statuses are missing; an error that the engine reports, for one cycle.
    activation, weight, record : In
        Streams of items of two grains, and of records, each with the mark ``last`` of a command's
        last one.
    o : Out
        Stream of vectors of codes.
    """

    def __init__(self, machine: Machine, engine: Gemm, timing: Timing):
        self._machine, self._engine, self._timing = machine, engine, timing
        item: Any = stream.Signature(data.StructLayout({"data": 16 * machine.grain, "last": 1}))
        bits = record_bits(machine)
        record: Any = stream.Signature(data.StructLayout({"record": bits, "last": 1}))
        codes: Any = stream.Signature(8 * machine.columns)
        super().__init__(
            {
                **{"start": In(1), "fields": In(FIELDS), "vectors": In(_SIZE)},
                **{"k_tiles": In(_SIZE), "busy": Out(1), "code": Out(3)},
                **{"activation": In(item), "weight": In(item), "record": In(record)},
                "o": Out(codes),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        fields = self.fields
        m.submodules.engine = engine = self._engine.architecture(self._timing)
        commands = Signal(_SIZE)
        left = Signal(_SIZE)
        command = engine.command.payload
        m.d.comb += [
            command.vectors.eq(self.vectors),
            command.k_tiles.eq(self.k_tiles),
            command.n_tiles.eq(fields.column_tiles),
            command.zero_point.eq(fields.zero_point.as_signed()),
            command.minimum.eq(fields.low.as_signed()),
            command.maximum.eq(fields.high.as_signed()),
            command.once.eq(fields.once),
            engine.command.valid.eq(commands != 0),
            engine.status.ready.eq(1),
            self.busy.eq(left != 0),
            self.o.payload.eq(Value.cast(engine.result.payload)[:-1]),
            self.o.valid.eq(engine.result.valid),
            engine.result.ready.eq(self.o.ready),
        ]
        with m.If(self.start):
            m.d.sync += [commands.eq(fields.groups), left.eq(fields.groups)]
        with m.Elif(engine.command.valid & engine.command.ready):
            m.d.sync += commands.eq(commands - 1)
        with m.If(engine.status.valid):
            m.d.sync += left.eq(left - 1)
            m.d.comb += self.code.eq(engine.status.payload.code)
        self._operands(m, engine)
        return m

    def _operands(self, m: Module, engine: Any) -> None:
        """Streams of the engine; their items wait where it is not ready."""
        machine = self._machine
        rows = m.submodules.rows = WeightRows(machine.rows, machine.columns, 16 * machine.grain)
        wiring.connect(m, wiring.flipped(self.weight), rows.i)
        vector, weight = engine.activation.payload, engine.weight.payload
        moved, kept = self.activation.payload.data, rows.o.payload.data
        for row in range(machine.rows):
            m.d.comb += Value.cast(vector[f"a{row}"]).eq(moved.word_select(row, 8))
        for lane in range(machine.columns):
            m.d.comb += Value.cast(weight[f"w{lane}"]).eq(kept.word_select(lane, 8))
        parameter: Any = engine.parameter.payload
        m.d.comb += [
            rows.diagonal.eq(self.fields.diagonal),
            vector.last.eq(self.activation.payload.last),
            engine.activation.valid.eq(self.activation.valid),
            self.activation.ready.eq(engine.activation.ready),
            weight.last.eq(rows.o.payload.last),
            engine.weight.valid.eq(rows.o.valid),
            rows.o.ready.eq(engine.weight.ready),
            parameter.last.eq(self.record.payload.last),
            engine.parameter.valid.eq(self.record.valid),
            self.record.ready.eq(engine.parameter.ready),
        ]
        set_channel(m, machine, self.fields.p_wide, parameter, self.record.payload.record)
