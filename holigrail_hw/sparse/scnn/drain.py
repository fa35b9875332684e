# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false
# pyright: reportOptionalMemberAccess=false

"""From a complete set of sums to compressed results: a walk over addresses, ReLU, runs of zeros."""

from typing import Any

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .load import vector_layout
from .scatter import DrainSignature
from .shape import ScnnShape

__all__ = ["Compressor", "Drain"]


def _value_layout(spec: ScnnShape) -> data.StructLayout:
    """A value, whether it is the last of its block, and whether that block is the group's last."""
    assert spec.accumulator is not None
    return data.StructLayout({"value": signed(spec.accumulator.width), "last": 1, "final": 1})


class Drain(wiring.Component):
    """Exchanges the halos of one element, then reads its outputs in order, leaving zeros behind.

    All elements exchange in step: a sum of the halo is read as ``gift``, then the sum of the own
    tile that the neighbour's gift belongs to is read, and written back one cycle later. ``busy``
    is high from the cycle after ``start`` until the last value has been accepted.
    """

    def __init__(self, spec: ScnnShape, column: int, row: int):
        self._spec = spec
        assert spec.accumulator is not None
        number = signed(spec.accumulator.width)
        self.walks = spec.sums.walks(column, row)
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "sums": Out(DrainSignature(spec)),
                "gift": Out(number),
                "o": Out(stream.Signature(_value_layout(spec))),
            }
            | {f"from_{side}": In(number) for *_, side in self.walks[:-1]}
        )

    def elaborate(self, platform: Any) -> Module:
        m, spec, sums = Module(), self._spec, self.sums
        bits = spec.sums.address_width
        # State: the walk, and whether one is under way. A walk over a halo takes two reads per sum:
        # the gift, then, with ``receives``, the sum it is added to, which ``settles`` one cycle
        # later. In the last walk a value that was read is ``got`` until it is accepted.
        walk = Signal(range(len(self.walks)))
        walking = Signal()
        exchanges = Signal()
        receives = Signal()
        settles = Signal()
        got = Signal()
        fresh = Signal()
        given = Signal.like(self.gift)
        side = Signal.like(walk)
        address = Signal(bits)
        target = Signal(bits)
        steps, ends, whole_block, last_block = self._counters(m, walk, address)
        last = Signal()
        final = Signal()
        for place, (*_, distance, _) in enumerate(self.walks[:-1]):
            with m.If(walk == place):
                m.d.comb += [exchanges.eq(walking), target.eq(address + distance)]
        # Reads. Exchanges do not wait for the output; a value is read for it only if the previous
        # one has left or leaves in this cycle, so ``o.valid`` and its payload stay until ``ready``.
        m.d.comb += [
            # The last sum of a walk is written first, as the next one may begin with it.
            sums.read.eq(walking & ~(settles & (side != walk)) & (exchanges | ~got | self.o.ready)),
            sums.read_address.eq(Mux(exchanges & receives, target, address)),
            steps.eq(sums.read & (~exchanges | receives)),
            self.o.valid.eq(got),
            self.o.payload.value.eq(sums.data),
            self.o.payload.last.eq(last),
            self.o.payload.final.eq(final),
            self.busy.eq(walking | got),
        ]
        m.d.sync += [
            receives.eq(exchanges & ~receives & sums.read),
            settles.eq(exchanges & receives),
            fresh.eq(sums.read & ~exchanges),
            got.eq((sums.read & ~exchanges) | (got & ~self.o.ready)),
        ]
        # What a read leaves for the next cycle: where to write, and the marks of an output.
        kept = Signal(bits)
        with m.If(exchanges & receives):
            m.d.sync += [self.gift.eq(sums.data), kept.eq(target)]
        with m.Elif(sums.read):
            m.d.sync += [kept.eq(address), last.eq(whole_block), final.eq(last_block)]
        # The neighbour's gift is there one cycle after it was read, maybe already in the next walk.
        m.d.sync += side.eq(walk)
        for place, (*_, name) in enumerate(self.walks[:-1]):
            with m.If(side == place):
                m.d.comb += given.eq(getattr(self, f"from_{name}"))
        # Writes: a sum that was given away or delivered becomes 0, one that received is updated.
        m.d.comb += [
            sums.write.eq(settles | fresh | (exchanges & receives)),
            sums.write_address.eq(Mux(settles | fresh, kept, address)),
            sums.value.eq(Mux(settles, sums.data + given, 0)),
        ]
        with m.If(ends):
            m.d.sync += walk.eq(walk + 1)
            with m.If(walk == len(self.walks) - 1):
                m.d.sync += [walk.eq(0), walking.eq(0)]
        with m.If(self.start):
            m.d.sync += walking.eq(1)
        return m

    def _counters(self, m: Module, walk: Any, address: Any) -> Any:
        """Drive a walk's address; returns its ``steps`` input and when walks and blocks end."""
        spec, bits = self._spec, len(address)
        steps = Signal()
        whole_block = Signal()
        widest = max(width for _, width, *_ in self.walks)
        highest = max(height for _, _, height, *_ in self.walks)
        inner = Signal(range(widest))
        outer = Signal(range(highest))
        filters = Signal(range(spec.filters))
        width = Signal(range(widest + 1))
        height = Signal(range(highest + 1))
        line = Signal(bits)
        plane = Signal(bits)
        begin = Signal(bits)
        offset = Signal(bits)
        for place, (start, across, down, *_) in enumerate(self.walks):
            with m.If(walk == place):
                m.d.comb += [begin.eq(start), width.eq(across), height.eq(down)]
        ends_line, last_filter = inner == width - 1, filters == spec.filters - 1
        m.d.comb += [
            address.eq(offset + begin),
            whole_block.eq(ends_line & (outer == height - 1)),
        ]
        # Along a line, then to the line below, then to the plane of the next output channel.
        with m.If(steps):
            m.d.sync += [offset.eq(offset + 1), inner.eq(inner + 1)]
            with m.If(ends_line):
                below = line + spec.x.width
                m.d.sync += [inner.eq(0), outer.eq(outer + 1), offset.eq(below), line.eq(below)]
            with m.If(whole_block):
                behind = plane + spec.sums.plane
                m.d.sync += [outer.eq(0), filters.eq(filters + 1)]
                m.d.sync += [register.eq(behind) for register in (offset, line, plane)]
                with m.If(last_filter):
                    m.d.sync += filters.eq(0)
                    m.d.sync += [register.eq(0) for register in (offset, line, plane)]
        return steps, steps & whole_block & last_filter, whole_block, last_filter


class Compressor(wiring.Component):
    """Packs the values of a block, one by one, into vectors with the zeros before each value.

    A value takes a cycle, and one more for every placeholder before it; a block takes one more.
    ``ending`` says that the values come from the last group of a layer.
    """

    def __init__(self, spec: ScnnShape):
        assert spec.accumulator is not None
        self._spec, width = spec, spec.accumulator.width
        item = _value_layout(spec)
        vector = vector_layout("c", width, spec.index_width, spec.activation_lanes)
        super().__init__(
            {
                "i": In(stream.Signature(item)),
                "ending": In(1),
                "o": Out(stream.Signature(vector)),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m, spec, lanes = Module(), self._spec, self._spec.activation_lanes
        item, o = self.i.payload, self.o
        most = (1 << spec.index_width) - 1
        size = spec.x.step * spec.y.step
        entry = data.StructLayout({"value": spec.accumulator.width, "zeros": spec.index_width})
        # State: zeros since the last entry, as ``fillers`` full placeholders and a rest; the vector
        # being filled (``kept``, ``count`` entries); ``flush`` after the last value of a block.
        zeros = Signal(spec.index_width)
        fillers = Signal(range(size // (most + 1) + 1))
        flush = Signal()
        final = Signal()
        free = Signal()
        pushes = Signal()
        kept = [Signal(entry, name=f"kept{lane}") for lane in range(lanes)]
        count = Signal(range(lanes + 1))
        new = Signal(entry)
        value = Signal(signed(spec.accumulator.width))
        clips = spec.relu and spec.accumulator.signed
        m.d.comb += [
            value.eq(Mux(item.value < 0, 0, item.value) if clips else item.value),
            free.eq(~o.valid | o.ready),
            new.value.eq(Mux(fillers != 0, 0, value)),
            new.zeros.eq(Mux(fillers != 0, most, zeros)),
            self.busy.eq(flush),
        ]
        # Input: a zero is only counted; any other value is taken after its placeholders, as an
        # entry. A vector is sent when the next entry finds it full, or by ``flush``.
        wants = self.i.valid & ~flush & (value != 0)
        is_full = count == lanes
        m.d.comb += [
            pushes.eq(wants & (~is_full | free)),
            self.i.ready.eq(~flush & ((value == 0) | (pushes & (fillers == 0)))),
        ]
        self._send(m, (pushes & is_full) | (flush & free), flush, final, kept, count)
        # An entry, or a placeholder, goes into the next lane, or the first one of a new vector.
        with m.If(pushes):
            m.d.sync += count.eq(Mux(is_full, 1, count + 1))
            with m.If(is_full):
                m.d.sync += kept[0].eq(new)
            for lane in range(lanes):
                with m.If(count == lane):
                    m.d.sync += kept[lane].eq(new)
            with m.If(fillers != 0):
                m.d.sync += fillers.eq(fillers - 1)
        # Count zeros; the last value of a block asks for a flush.
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += zeros.eq(0)
            with m.If(value == 0):
                m.d.sync += zeros.eq(zeros + 1)
                with m.If(zeros == most):
                    m.d.sync += fillers.eq(fillers + 1)
            with m.If(item.last):
                m.d.sync += [flush.eq(1), final.eq(item.final & self.ending)]
        with m.If(flush & free):
            m.d.sync += [flush.eq(0), zeros.eq(0), fillers.eq(0)]
        return m

    def _send(
        self, m: Module, sends: Any, flush: Signal, final: Signal, kept: list[Signal], count: Signal
    ) -> None:
        """The output register changes only when it is empty or accepted."""
        o = self.o
        with m.If(o.ready):
            m.d.sync += o.valid.eq(0)
        with m.If(sends):
            m.d.sync += [o.valid.eq(1), o.payload.last.eq(flush)]
            m.d.sync += o.payload.final.eq(flush & final)
            for lane in range(len(kept)):
                m.d.sync += [
                    o.payload[f"c{lane}"].eq(kept[lane].value),
                    o.payload[f"zeros{lane}"].eq(kept[lane].zeros),
                ]
                m.d.sync += kept[lane].eq(0)
            m.d.sync += count.eq(0)
