# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""A processing element of an EIE-like engine: queue, entries, sums.

An activation waits in the queue with the place and the number of its entries. Then one entry per
cycle passes four stages: entry, row and codebook value, product, sum. Rows increase within a
column, but the last entry of one column and the first of the next may have the same row: its sum is
then written in the cycle in which it is read again, and the memory port forwards it.
"""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.hdl.shapes import shape_of

from .loader import bus_of
from .queue import EieQueue
from .shape import EieShape

__all__ = ["EieElement"]


class EieElement(wiring.Component):
    """The rows r of a product with r mod N equal to ``number``.

    Members
    -------
    bus, selected : In, words for the memories, and whether they are for this element
    lookup, column : In, the column whose activation will be offered in the next cycle
    send, activation : In, an activation; ready : Out(1), there is a place for it
    start : In(1), a product begins
    idle : Out(1), all sums are written
    beyond : Out(1), an entry of this product was beyond the last row
    limit, remainder : In, rows of the matrix divided by the number of elements
    clear, clear_row : In, a sum to set to 0
    read, row : In, a sum to read; sum : Out, its value from one cycle later until the next read
    """

    def __init__(self, spec: EieShape, number: int):
        self._spec, self._number = spec, number
        assert spec.accumulator is not None
        super().__init__(
            {
                "bus": In(bus_of(spec)),
                "selected": In(1),
                "lookup": In(1),
                "column": In(range(spec.columns)),
                "send": In(1),
                "activation": In(shape_of(spec.activation)),
                "ready": Out(1),
                "start": In(1),
                "idle": Out(1),
                "beyond": Out(1),
                "limit": In(range(spec.rows + 1)),
                "remainder": In(range(spec.pes)),
                "clear": In(1),
                "clear_row": In(range(spec.rows)),
                "read": In(1),
                "row": In(range(spec.rows)),
                "sum": Out(shape_of(spec.accumulator)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, sizes = self._spec, self._spec.sizes
        # The queue: ``send`` comes only with ``ready``, and a cycle or more after ``lookup``, when
        # the pointers of the column are there. Behind the queue nothing waits.
        start, count = self._pointers(m)
        m.submodules.queue = queue = EieQueue(
            spec.queue, len(self.activation), (spec.entries - 1).bit_length(), sizes.pointer_width
        )
        m.d.comb += [
            queue.send.eq(self.send),
            queue.activation.eq(self.activation),
            queue.first.eq(start),
            queue.count.eq(count),
            self.ready.eq(queue.ready),
        ]
        entry, value = self._look_up(m, queue)
        self._multiply(m, queue, entry, value)
        return m

    def _look_up(self, m: Module, queue: EieQueue) -> tuple[Any, Any]:
        """The entry that the queue names, a cycle later, and the value of its code, two later."""
        spec, sizes, bus = self._spec, self._spec.sizes, self.bus
        # It is written only while a matrix comes in.
        entries = _memory(m, "entries", sizes.entry_width, spec.entries)
        write, read = entries.write_port(), entries.read_port()
        m.d.comb += [
            write.addr.eq(bus.address),
            write.data.eq(bus.word),
            write.en.eq(bus.entry & self.selected),
            read.addr.eq(queue.place),
            read.en.eq(queue.valid),
        ]

        # Second cycle: the value of its code. All elements hold the same codebook.
        codebook = _memory(m, "codebook", shape_of(spec.weight), sizes.codes)
        write, value = codebook.write_port(), codebook.read_port()
        m.d.comb += [
            write.addr.eq(bus.address),
            write.data.eq(bus.word),
            write.en.eq(bus.codebook),
            value.addr.eq(read.data[: sizes.code_width]),
        ]
        return read.data, value.data

    def _multiply(self, m: Module, queue: EieQueue, entry: Any, value: Any) -> None:
        """Second cycle: the row. Third: the product. Fourth: the sum.

        Bit i of ``valid`` marks an entry in stage i + 2, of ``busy`` also a column without entries.
        """
        spec = self._spec
        busy = Signal(3)
        valid = Signal(3)
        opens = Signal()
        held = [Signal(self.activation.shape(), name=f"activation_d{i + 1}") for i in range(2)]
        row = Signal(range(spec.rows))
        late_row = Signal(range(spec.rows))
        beyond = Signal()
        zeros = entry[spec.sizes.code_width :]
        following = Mux(opens, 0, row + 1) + zeros
        limit = self.limit + (self._number < self.remainder)
        product = Signal((value * held[1]).shape())
        m.d.sync += [
            busy.eq(queue.busy | busy << 1),
            valid[0].eq(queue.valid),
            valid[1].eq(valid[0]),
            valid[2].eq(valid[1] & ~beyond),
            opens.eq(queue.opens),
            held[0].eq(queue.used),
            held[1].eq(held[0]),
            product.eq(value * held[1]),
            late_row.eq(row),
        ]
        # Once a row of a column is beyond the limit, so are all later ones of that column. Such
        # entries are not added but noted, until the next product starts.
        with m.If(valid[0]):
            m.d.sync += [row.eq(following), beyond.eq((beyond & ~opens) | (following >= limit))]
        with m.If(self.start):
            m.d.sync += self.beyond.eq(0)
        with m.Elif(valid[1] & beyond):
            m.d.sync += self.beyond.eq(1)
        m.d.comb += self.idle.eq(~queue.busy & (busy == 0))
        self._sums(m, valid, row, late_row, product)

    def _pointers(self, m: Module) -> tuple[Any, Any]:
        """The first entry and the number of entries of a column, from two banks at once."""
        bus, columns = self.bus, self._spec.columns
        depth, width = columns // 2 + 1, self._spec.sizes.pointer_width
        banks = [_memory(m, name, width, depth) for name in ("even", "odd")]
        ports = [bank.read_port() for bank in banks]
        is_odd = Signal()
        for bank, port, parity in zip(banks, ports, (0, 1), strict=True):
            write = bank.write_port()
            m.d.comb += [
                write.addr.eq(bus.address >> 1),
                write.data.eq(bus.word),
                write.en.eq(bus.pointer & self.selected & (bus.address[0] == parity)),
                port.addr.eq((self.column + 1 - parity) >> 1),
                port.en.eq(self.lookup),
            ]
        with m.If(self.lookup):
            m.d.sync += is_odd.eq(self.column[:1])
        even, odd = (port.data for port in ports)
        start, end = Mux(is_odd, odd, even), Mux(is_odd, even, odd)
        return start, (end - start)[:width]

    def _sums(self, m: Module, valid: Any, row: Any, late_row: Any, product: Any) -> None:
        """Read a sum, add the product, write it back one cycle later; or read and clear it."""
        sums = _memory(m, "sums", self.sum.shape(), self._spec.rows)
        write = sums.write_port()
        read = sums.read_port(transparent_for=(write,))
        m.d.comb += [
            read.addr.eq(Mux(valid[1], row, self.row)),
            read.en.eq(valid[1] | self.read),
            self.sum.eq(read.data),
            write.addr.eq(Mux(self.clear, self.clear_row, late_row)),
            write.data.eq(Mux(self.clear, 0, read.data + product)),
            write.en.eq(valid[2] | self.clear),
        ]


def _memory(m: Module, name: str, shape: Any, depth: int) -> Any:
    """A memory for at least ``depth`` words, deep enough for addresses that are ignored, too."""
    found = memory.Memory(shape=shape, depth=1 << max((depth - 1).bit_length(), 1), init=[])
    m.submodules[name] = found
    return found
