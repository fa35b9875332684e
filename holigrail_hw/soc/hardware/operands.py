# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""What the engine gets of what was read: rows of weights, and parameters of channels."""

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.soc.machine import Machine

__all__ = ["RECORD", "WIDE_RECORD", "Records", "WeightRows", "record_bits", "set_channel"]

RECORD = data.StructLayout({"multiplier": 31, "shift": 5, "bias": 28})
"""A channel's parameters, as they lie in the scratchpad."""
WIDE_RECORD = data.StructLayout(
    {"multiplier": 31, "unused0": 1, "shift": 5, "unused1": 27, "bias": 32, "unused2": 32}
)
"""The same in 16 bytes, for biases of 32 bits."""
_RECORD_BITS = 64


def record_bits(machine: Machine) -> int:
    """Bits of the longest record of parameters."""
    return WIDE_RECORD.size if machine.wide_parameters else RECORD.size


def set_channel(m: Module, machine: Machine, is_wide: Any, channel: Any, record: Any) -> None:
    """A channel's inputs of a lane out of its record."""
    narrow: Any = data.View(RECORD, record[: RECORD.size])
    m.d.comb += [
        channel.scale.eq(narrow.multiplier),
        channel.shift.eq(narrow.shift),
        channel.bias.eq(narrow.bias.as_signed()),
    ]
    if machine.wide_parameters:
        wide: Any = data.View(WIDE_RECORD, record)
        with m.If(is_wide):
            m.d.comb += [channel.shift.eq(wide.shift), channel.bias.eq(wide.bias)]


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
    """Records of 64 bits out of items of ``bits`` bits; of 128 bits if they are ``long``.

    An item that is longer than a record holds one in its lower bits.

    Parameters
    ----------
    bits : int
        Of an item: 32, 64 or 128.
    width : int
        Of the longest record: 64 or 128.
    """

    def __init__(self, bits: int, width: int = _RECORD_BITS):
        self._bits, self._width = bits, width
        super().__init__(
            {
                "long": In(1),
                "i": In(stream.Signature(data.StructLayout({"data": bits, "last": 1}))),
                "o": Out(stream.Signature(data.StructLayout({"record": width, "last": 1}))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        """State: items before the last one of a record, and how many they are."""
        m = Module()
        bits, width = self._bits, self._width
        kept = Signal(max(width - bits, 0))
        place = Signal(range(max(width // bits, 2)))
        items = [max(length // bits, 1) for length in (_RECORD_BITS, width)]
        is_final = place == Mux(self.long, items[1] - 1, items[0] - 1)
        together = Cat(kept, self.i.payload.data)
        record = self.o.payload.record
        m.d.comb += [
            record.eq(together),
            self.o.payload.last.eq(self.i.payload.last),
            self.o.valid.eq(self.i.valid & is_final),
            self.i.ready.eq(self.o.ready | ~is_final),
        ]
        if _RECORD_BITS < width and bits < width:
            with m.If(~self.long):
                m.d.comb += record.eq(together[width - _RECORD_BITS :])
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [place.eq(Mux(is_final, 0, place + 1)), kept.eq(together[bits:])]
        return m
