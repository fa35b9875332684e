# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""Products scattered over banks: a crossbar, a queue in front of every bank, two sets of sums.

A vector of products waits until all of them have been taken. In each cycle a queue takes as many
products for its bank as it has room for, lowest lanes first, and its bank adds one product.
"""

from typing import Any

from amaranth import Array, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from .products import product_layout
from .shape import ScnnShape

__all__ = ["DrainSignature", "Scatter"]


class DrainSignature(wiring.Signature):
    """Access to the set of sums that is not being filled; data come the cycle after ``read``."""

    def __init__(self, spec: ScnnShape):
        assert spec.accumulator is not None
        width = spec.accumulator.width
        super().__init__(
            {
                "read": Out(1),
                "read_address": Out(spec.sums.address_width),
                "data": In(signed(width)),
                "write": Out(1),
                "write_address": Out(spec.sums.address_width),
                "value": Out(signed(width)),
            }
        )


class Scatter(wiring.Component):
    """Adds products to the sums of the set ``active``; the other one is drained.

    ``move`` is high when the next vector of ``products`` is taken, of which ``ahead`` marks those
    that count. After reset all sums are cleared, until ``ready``.
    """

    def __init__(self, spec: ScnnShape):
        self._spec = spec
        self._lanes = spec.activation_lanes * spec.weight_lanes
        self._banks = spec.sums.banks
        self._shift = (self._banks - 1).bit_length()
        product = product_layout(spec)
        row = max(spec.sums.address_width - self._shift, 1)
        self._entry = data.StructLayout({"row": row, "value": product["value"].shape})
        super().__init__(
            {
                "ahead": In(self._lanes),
                "products": In(data.ArrayLayout(product_layout(spec), self._lanes)),
                "move": Out(1),
                "active": In(1),
                "busy": Out(1),
                "ready": Out(1),
                "drain": In(DrainSignature(spec)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m, banks, lanes = Module(), self._banks, range(self._lanes)
        shift = self._shift
        # The vector at work: ``pending`` products have not been taken by a queue. The next vector
        # comes in the cycle in which the last of them is taken.
        pending = Signal(self._lanes)
        held = Signal(self.products.shape(), reset_less=True)
        cleared = self._clearing(m)
        taken = [Signal(self._lanes, name=f"taken{bank}") for bank in range(banks)]
        left = Signal(self._lanes)
        any_taken: Any = 0
        for mask in taken:
            any_taken = any_taken | mask
        m.d.comb += [left.eq(pending & ~any_taken), self.move.eq(left == 0)]
        m.d.sync += pending.eq(left)
        with m.If(self.move):
            m.d.sync += [pending.eq(self.ahead), held.eq(self.products)]
        # The crossbar: the low bits of an address select the bank. The drain reads all banks and
        # picks one a cycle later.
        wanted = [held[lane].address[:shift] for lane in lanes]
        pick = Signal(shift)
        with m.If(self.drain.read):
            m.d.sync += pick.eq(self.drain.read_address[:shift])
        busy: Any = pending != 0
        read_data = []
        for bank in range(banks):
            asked = Signal(self._lanes, name=f"asked{bank}")
            m.d.comb += asked.eq(Cat(pending[lane] & (wanted[lane] == bank) for lane in lanes))
            head, valid, count = self._queue(m, bank, asked, taken[bank], held)
            old, adding = self._bank(m, bank, head, valid, cleared)
            busy = busy | (count != 0) | adding
            read_data.append(old)
        m.d.comb += [self.busy.eq(busy), self.drain.data.eq(Array(read_data)[pick])]
        return m

    def _queue(self, m: Module, bank: int, asked: Any, taken: Any, held: Any) -> Any:
        """Its first entry, whether there is one, and how many there are."""
        # Shifts every cycle, as the bank always takes the first entry; ``rest`` entries stay.
        depth, lanes = self._spec.queue, range(self._lanes)
        entries = [
            Signal(self._entry, name=f"queue{bank}_{place}", reset_less=True)
            for place in range(depth)
        ]
        count = Signal(range(depth + 1), name=f"queued{bank}")
        rest, before, ranks = Signal.like(count, name=f"rest{bank}"), asked[0] & 0, []
        m.d.comb += rest.eq(Mux(count == 0, 0, count - 1))
        # A lane's rank is the number of lower lanes with a product for this bank; it is taken if
        # there is room for its rank.
        for lane in lanes:
            rank = Signal(range(self._lanes), name=f"rank{bank}_{lane}")
            m.d.comb += [rank.eq(before), taken[lane].eq(asked[lane] & (rank + rest < depth))]
            ranks.append(rank)
            before = before + asked[lane]
        arriving = []
        for nth in range(min(depth, self._lanes)):
            entry = Signal(self._entry, name=f"arriving{bank}_{nth}")
            for lane in range(nth, self._lanes):
                with m.If(asked[lane] & (ranks[lane] == nth)):
                    m.d.comb += Value.cast(entry).eq(Value.cast(held[lane])[self._shift :])
            arriving.append(Value.cast(entry))
        m.d.sync += count.eq(rest + sum(taken[lane] for lane in lanes))
        for place, entry in enumerate(entries):
            # What stays moves up by one; what arrives goes behind it.
            with m.Switch(rest):
                for kept in range(depth):
                    with m.Case(kept):
                        if place < kept:
                            m.d.sync += entry.eq(entries[place + 1])
                        elif place - kept < len(arriving):
                            m.d.sync += Value.cast(entry).eq(arriving[place - kept])
        return entries[0], count != 0, count

    def _bank(self, m: Module, bank: int, head: Any, valid: Any, cleared: Any) -> Any:
        """Both sets of a bank: what the drain reads, and whether a product is being added."""
        # Two stages in the active set: read the sum of the first entry's row, then add and write.
        assert self._spec.accumulator is not None
        number = signed(self._spec.accumulator.width)
        drain, bits = self.drain, len(cleared)
        adding, row = Signal(name=f"adding{bank}"), Signal(bits, name=f"row{bank}")
        addend = Signal(head.value.shape(), name=f"addend{bank}", reset_less=True)
        old, total, late_total = (
            Signal(number, name=f"{name}{bank}", reset_less=True)
            for name in ("old", "total", "late_total")
        )
        again = Signal(name=f"again{bank}")
        reads, writes = [], []
        for which in range(2):
            kept = memory.Memory(shape=number, depth=1 << bits, init=[])
            m.submodules[f"bank{bank}_{which}"] = kept
            writes.append(kept.write_port())
            reads.append(kept.read_port(transparent_for=()))
        # A sum computed in the previous cycle is not in memory yet.
        m.d.comb += [
            old.eq(Mux(self.active, reads[1].data, reads[0].data)),
            total.eq(Mux(again, late_total, old) + addend),
        ]
        m.d.sync += [
            adding.eq(valid),
            row.eq(head.row),
            addend.eq(head.value),
            again.eq(adding & (row == head.row)),
            late_total.eq(total),
        ]
        # Ports: the active set belongs to the adder, the other to the drain; until ``ready`` both
        # are cleared, row by row.
        chosen = drain.write & (drain.write_address[: self._shift] == bank)
        for which, (read, write) in enumerate(zip(reads, writes, strict=True)):
            fills = Signal(name=f"fills{bank}_{which}")
            m.d.comb += fills.eq((self.active == which) & self.ready)
            m.d.comb += [
                read.addr.eq(Mux(fills, head.row, drain.read_address[self._shift :])),
                read.en.eq(Mux(fills, valid, drain.read)),
                write.addr.eq(Mux(fills, row, drain.write_address[self._shift :])),
                write.en.eq(Mux(fills, adding, chosen)),
                # The drain writes 0 before it starts for the first time.
                write.data.eq(Mux(fills, total, drain.value)),
            ]
            with m.If(~self.ready):
                m.d.comb += [write.addr.eq(cleared), write.en.eq(1)]
        return Mux(self.active, reads[0].data, reads[1].data), adding

    def _clearing(self, m: Module) -> Any:
        row = Signal(range(max(self._spec.sums.rows, 2)))
        with m.If(~self.ready):
            m.d.sync += row.eq(row + 1)
            with m.If(row == self._spec.sums.rows - 1):
                m.d.sync += self.ready.eq(1)
        return row
