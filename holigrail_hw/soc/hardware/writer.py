# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Results on their way to the scratchpad: each to the next address of nested loops."""

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.soc.machine import Machine

from .fields import FIELDS
from .loops import Loops

__all__ = ["Writer"]

_COUNT = 16


class Writer(wiring.Component):
    """Takes an item of two grains whenever there is one; its port is never refused.

    Members
    -------
    start, fields : In
        The loops of ``y`` begin.
    busy : Out
        Whether more is to be written.
    i : In
        Stream of items: a vector, or a byte in the lowest place.
    write, address, data : Out
        The port, a cycle later: a bit per byte, from a multiple of the grain on.
    """

    def __init__(self, machine: Machine, width: int):
        self._machine, self._width = machine, width
        grain = machine.grain
        super().__init__(
            {
                **{"start": In(1), "fields": In(FIELDS), "busy": Out(1)},
                "i": In(stream.Signature(16 * grain)),
                **{"write": Out(2 * grain), "address": Out(width), "data": Out(16 * grain)},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine, fields, grain = self._machine, self.fields, self._machine.grain
        m.submodules.loops = loops = Loops((_COUNT,) * 4, self._width)
        names = ("x", "y", "column", "group")
        counts = (fields.nx, fields.ny, fields.column_tiles, fields.groups)
        for level, (name, count) in enumerate(zip(names, counts, strict=True)):
            step = fields[f"y_step_{name}"].as_signed()
            m.d.comb += [loops.steps[level].eq(step), loops.counts[f"n{level}"].eq(count)]
        vector_bytes = 2 * grain
        with m.If(fields.wide):
            m.d.comb += [
                loops.steps[0].eq(vector_bytes),
                loops.counts.n0.eq(fields.nx >> vector_bytes.bit_length() - 1),
            ]
        is_vector = fields.is_matmul | fields.is_maximum
        is_narrow = Mux(fields.is_matmul, loops.ends[2], loops.ends[3]) & (fields.valid != 0)
        whole = Mux(fields.is_matmul, machine.columns, machine.rows)
        size = Signal(range(2 * grain + 1))
        place = loops.address[: grain.bit_length() - 1]
        m.d.comb += [
            loops.start.eq(self.start),
            loops.base.eq(fields.y_base),
            loops.step.eq(self.i.valid & loops.busy),
            self.i.ready.eq(loops.busy),
            self.busy.eq(loops.busy),
            size.eq(Mux(is_narrow, fields.valid, whole)),
        ]
        m.d.sync += [
            self.address.eq(loops.address),
            self.data.eq(self.i.payload),
            self.write.eq(0),
        ]
        with m.If(fields.is_fill | ~(is_vector | fields.wide)):
            m.d.sync += self.data.eq(self.i.payload[:8].replicate(2 * grain))
        vector = Cat(size > byte for byte in range(2 * grain))
        single = Cat(place == byte for byte in range(grain))
        with m.If(loops.step):
            m.d.sync += self.write.eq(Mux(is_vector, vector, single))
            with m.If(fields.wide):
                m.d.sync += self.write.eq(-1)
        return m
