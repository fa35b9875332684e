# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""How the sums of an EIE-like engine leave: in row order, each reset to 0 once it has left."""

from typing import Any

from amaranth import Array, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.hdl.shapes import shape_of

from .shape import EieShape

__all__ = ["EieDrain"]


class EieDrain(wiring.Component):
    """Reads one sum per cycle.

    Members
    -------
    begin : In(1), all sums are complete; rows : In, how many
    read, row : Out, to all elements; sums : In, their answers one cycle later
    clear, clear_pe, clear_row : Out, the sum that leaves in this cycle
    result : Out, stream of sums, negative ones as 0 if so specified
    """

    def __init__(self, spec: EieShape):
        self._spec = spec
        assert spec.accumulator is not None
        total = shape_of(spec.accumulator)
        super().__init__(
            {
                "begin": In(1),
                "rows": In(16),
                "read": Out(1),
                "row": Out(range(spec.rows)),
                "sums": In(data.ArrayLayout(total, spec.pes)),
                "clear": Out(1),
                "clear_pe": Out(range(spec.pes)),
                "clear_row": Out(range(spec.rows)),
                "result": Out(stream.Signature(data.StructLayout({"y": total, "last": 1}))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, valid = self._spec, self.result.valid
        # The output: the sum read last, from element ``clear_pe``. Nothing is read while it is
        # refused, so it stays until ``ready``; in that cycle it is cleared.
        left = Signal(self.rows.shape())
        moves = Signal()
        pe = Signal(range(spec.pes))
        total = Signal(shape_of(spec.accumulator))
        m.d.comb += [
            moves.eq(~valid | self.result.ready),
            self.read.eq(moves & (left != 0)),
            self.clear.eq(valid & self.result.ready),
            total.eq(Array([Value.cast(one) for one in self.sums])[self.clear_pe]),
            self.result.payload.y.eq(Mux(total < 0, 0, total) if spec.relu else total),
        ]
        # What to read next: ``left`` sums, element by element within a row of all of them.
        with m.If(self.begin):
            m.d.sync += [left.eq(self.rows), pe.eq(0), self.row.eq(0)]
        with m.Elif(self.read):
            m.d.sync += [left.eq(left - 1), pe.eq(pe + 1)]
            with m.If(pe == spec.pes - 1):
                m.d.sync += [pe.eq(0), self.row.eq(self.row + 1)]
        with m.If(moves):
            m.d.sync += [
                valid.eq(left != 0),
                self.result.payload.last.eq(left == 1),
                self.clear_pe.eq(pe),
                self.clear_row.eq(self.row),
            ]
        return m
