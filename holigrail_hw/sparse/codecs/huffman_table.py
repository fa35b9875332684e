# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false, reportOperatorIssue=false

"""Tables of canonical Huffman decoders, constant or loaded.

limit[l], left-aligned, is above all code words of at most l bits; a code word of length l plus
offset[l] is its place among all symbols. While a table is loaded, the limits found so far shift
left by one place with each further length, so that no variable shift is needed.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["ConstantTable", "LoadedTable"]


def _members(longest: int, place_width: int, symbol_width: int) -> dict[str, Any]:
    return {
        "limits": Out(data.ArrayLayout(longest + 1, longest)),
        "offsets": Out(data.ArrayLayout(place_width, longest)),
        "usable": Out(1),
        "place": In(place_width),
        "enable": In(1),
        "symbol": Out(symbol_width),
    }


class ConstantTable(wiring.Component):
    """The table of ``counts`` code words of length 1, 2, ... for symbols in their order.

    Members
    -------
    limits, offsets : Out, for lengths 1, 2, ...
    usable : Out(1), the table is valid; always, here
    place : In, the place to read when ``enable`` is high
    symbol : Out, the symbol there, one cycle later
    """

    def __init__(self, counts: Sequence[int], order: Sequence[int], symbol_width: int):
        self._counts, self._order, self._symbol_width = tuple(counts), list(order), symbol_width
        self._place_width = max(1, (len(order) - 1).bit_length())
        super().__init__(_members(len(counts), self._place_width, symbol_width))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        longest, mask = len(self._counts), (1 << self._place_width) - 1
        m.d.comb += self.usable.eq(1)
        code, before = 0, 0
        for length, count in enumerate(self._counts, 1):
            code *= 2
            m.d.comb += self.offsets[length - 1].eq((before - code) & mask)
            code, before = code + count, before + count
            m.d.comb += self.limits[length - 1].eq(code << (longest - length))
        # As deep as the address allows, so that no wrong code word reads beyond the end.
        depth = 1 << self._place_width
        m.submodules.memory = memory = Memory(
            shape=self._symbol_width, depth=depth, init=self._order
        )
        _read(m, self, memory)
        return m


class LoadedTable(wiring.Component):
    """A table loaded as items: counts for all lengths, then the symbols in their order.

    Members
    -------
    table : In, stream of ``data`` and ``last``
    load : In(1), take a table
    loaded : Out(1), its last item is accepted in this cycle
    limits, offsets, usable, place, enable, symbol
        As in a :class:`ConstantTable`; usable if the latest table was valid.
    """

    def __init__(self, longest: int, symbol_width: int):
        self._longest, self._width = longest, symbol_width
        item = data.StructLayout({"data": symbol_width + 1, "last": 1})
        super().__init__(
            _members(longest, symbol_width, symbol_width)
            | {"table": In(stream.Signature(item)), "load": In(1), "loaded": Out(1)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        longest, width = self._longest, self._width
        m.submodules.memory = memory = Memory(shape=width, depth=1 << width, init=[])
        write = memory.write_port()
        _read(m, self, memory)
        item = self.table.payload
        # State while a table comes in: which lengths are done, from the shortest on; the next code
        # word and how many words of the present length could exist; symbols announced and given.
        done = Signal(longest)
        code = Signal(longest + 1)
        room = Signal(longest + 2, init=2)
        total = Signal(width + 1)
        given = Signal(width + 1)
        bad = Signal()
        taken = Signal()
        counting = Signal()
        is_last_symbol = Signal()
        fails = Signal()
        after = Signal(max(longest, width) + 3)
        more = Signal(width + 2)
        m.d.comb += [
            self.table.ready.eq(self.load),
            taken.eq(self.table.valid & self.load),
            counting.eq(~done[-1]),
            after.eq((code << 1) + item.data),
            more.eq(total + item.data),
            is_last_symbol.eq(given + 1 == total),
            fails.eq(
                (counting & (item.last | (after > room) | (more > 1 << width)))
                | (~counting & (item.last != is_last_symbol))
            ),
            self.loaded.eq(taken & item.last),
            write.addr.eq(given),
            write.data.eq(item.data),
            write.en.eq(taken & ~counting),
        ]
        # A count: finish this length, and shift the limits of the shorter ones.
        with m.If(taken & counting):
            m.d.sync += [
                done.eq((done << 1) | 1),
                code.eq(after),
                room.eq(room << 1),
                total.eq(more),
            ]
            for i in range(longest):
                with m.If(done[i]):
                    m.d.sync += self.limits[i].eq(self.limits[i] << 1)
                with m.Elif(done[i - 1] if i else 1):
                    m.d.sync += self.limits[i].eq(after)
                    m.d.sync += self.offsets[i].eq(total - (code << 1))
        # A symbol: written to the next place.
        with m.Elif(taken):
            m.d.sync += given.eq(given + 1)
        with m.If(taken):
            m.d.sync += bad.eq(bad | fails)
        # The last item decides whether the table is usable, and everything is ready for the next.
        with m.If(self.loaded):
            m.d.sync += [
                self.usable.eq(~(bad | fails)),
                *(one.eq(one.init) for one in (done, code, room, total, given, bad)),
            ]
        return m


def _read(m: Module, table: Any, memory: Memory) -> None:
    read = memory.read_port()
    m.d.comb += [
        read.addr.eq(table.place),
        read.en.eq(table.enable),
        table.symbol.eq(read.data),
    ]
