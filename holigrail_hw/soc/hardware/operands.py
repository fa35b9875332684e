# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""What the engine gets of what was read: rows of weights, and parameters of channels."""

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RECORD", "Records", "WeightRows"]

RECORD = data.StructLayout({"multiplier": 31, "shift": 5, "bias": 28})
"""A channel's parameters, as they lie in the scratchpad."""


class WeightRows(wiring.Component):
    """Rows of a tile of weights; a diagonal tile of one row that was read becomes ``rows`` rows.

    Row r of a diagonal tile keeps the weight of column r alone. ``i`` and ``o`` are streams of
    ``columns`` bytes, in ``i`` the lower ones of an item, with the mark ``last``.
    """

    def __init__(self, rows: int, columns: int, bits: int):
        self._rows, self._columns = rows, columns
        super().__init__(
            {
                "diagonal": In(1),
                "i": In(stream.Signature(data.StructLayout({"data": bits, "last": 1}))),
                "o": Out(stream.Signature(data.StructLayout({"data": 8 * columns, "last": 1}))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        row = Signal(range(self._rows))
        is_final = row == self._rows - 1
        taken, given = self.i.payload, self.o.payload
        for column in range(self._columns):
            code = taken.data[8 * column : 8 * column + 8]
            keeps = ~self.diagonal | (row == column)
            m.d.comb += given.data[8 * column : 8 * column + 8].eq(Mux(keeps, code, 0))
        m.d.comb += [
            given.last.eq(taken.last & (~self.diagonal | is_final)),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready & (~self.diagonal | is_final)),
        ]
        # Tiles without the mark are whole ones: the rows of the next begin with 0 again.
        with m.If(self.o.valid & self.o.ready & self.diagonal):
            m.d.sync += row.eq(Mux(is_final, 0, row + 1))
        return m


class Records(wiring.Component):
    """Records of 64 bits out of items of ``bits`` bits, of which longer ones hold one each."""

    def __init__(self, bits: int):
        self._bits = bits
        super().__init__(
            {
                "i": In(stream.Signature(data.StructLayout({"data": bits, "last": 1}))),
                "o": Out(stream.Signature(data.StructLayout({"record": 64, "last": 1}))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.o.payload.last.eq(self.i.payload.last)
        if self._bits >= 64:
            m.d.comb += [
                self.o.payload.record.eq(self.i.payload.data),
                self.o.valid.eq(self.i.valid),
                self.i.ready.eq(self.o.ready),
            ]
            return m
        lower, has_lower = Signal(32), Signal()
        m.d.comb += [
            self.o.payload.record.eq(Cat(lower, self.i.payload.data)),
            self.o.valid.eq(self.i.valid & has_lower),
            self.i.ready.eq(self.o.ready | ~has_lower),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [has_lower.eq(~has_lower), lower.eq(self.i.payload.data)]
        return m
