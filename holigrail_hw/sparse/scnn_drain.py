"""From a full set of sums to compressed results: a walk over addresses, ReLU, runs of zeros."""

from typing import TYPE_CHECKING, Any

from amaranth import Array, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .scnn_load import vector_layout
from .scnn_scatter import DrainSignature

if TYPE_CHECKING:
    from .scnn import Scnn

__all__ = ["Compressor", "Drain"]


def _value_layout(spec: "Scnn") -> data.StructLayout:
    """A value, whether it is the last of its block, and whether that block is the group's last."""
    assert spec.accumulator is not None
    return data.StructLayout({"value": signed(spec.accumulator.width), "last": 1, "final": 1})


class Drain(wiring.Component):
    """Reads the outputs of one element in order and leaves zeros behind.

    ``busy`` from the cycle after ``start`` until the last value has been accepted.
    """

    def __init__(self, spec: "Scnn", column: int, row: int):
        self._spec, self._column, self._row = spec, column, row
        item = _value_layout(spec)
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "sums": Out(DrainSignature(spec)),
                "o": Out(stream.Signature(item)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m, spec, sums = Module(), self._spec, self.sums
        places = spec.sums
        width, height = spec.x.owned(self._column), spec.y.owned(self._row)
        walking, got, fresh = Signal(), Signal(), Signal()
        address, line, plane = (Signal(places.address_width, name=n) for n in ("at", "row", "map"))
        inner, outer, filters = Signal(range(width)), Signal(range(height)), Signal(range(spec.filters))
        last, final = Signal(), Signal()
        begin = -spec.y.low * spec.x.width - spec.x.low
        ends_line, ends_plane = inner == width - 1, outer == height - 1
        m.d.comb += [
            sums.read.eq(walking & (~got | self.o.ready)),
            sums.read_address.eq(address),
            self.o.valid.eq(got),
            self.o.payload.value.eq(sums.data),
            self.o.payload.last.eq(last),
            self.o.payload.final.eq(final),
            self.busy.eq(walking | got),
            sums.write.eq(fresh),
            sums.value.eq(0),
        ]
        m.d.sync += [fresh.eq(sums.read), got.eq(sums.read | (got & ~self.o.ready))]
        with m.If(sums.read):
            m.d.sync += [
                sums.write_address.eq(address),
                last.eq(ends_line & ends_plane),
                final.eq(filters == spec.filters - 1),
                address.eq(address + 1),
                inner.eq(inner + 1),
            ]
            with m.If(ends_line):
                m.d.sync += [
                    inner.eq(0),
                    outer.eq(outer + 1),
                    address.eq(line + spec.x.width),
                    line.eq(line + spec.x.width),
                ]
                with m.If(ends_plane):
                    m.d.sync += [
                        outer.eq(0),
                        filters.eq(filters + 1),
                        address.eq(plane + places.plane),
                        line.eq(plane + places.plane),
                        plane.eq(plane + places.plane),
                    ]
                    with m.If(filters == spec.filters - 1):
                        m.d.sync += walking.eq(0)
        with m.If(self.start):
            m.d.sync += [walking.eq(1), inner.eq(0), outer.eq(0), filters.eq(0)]
            m.d.sync += [register.eq(begin) for register in (address, line, plane)]
        return m


class Compressor(wiring.Component):
    """Values of a block, one by one, into vectors with the zeros before each value.

    A value takes a cycle, and one more for every placeholder before it; a block takes one more.
    ``ending`` says that the group whose values come is the last of a layer.
    """

    def __init__(self, spec: "Scnn"):
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
        zeros = Signal(spec.index_width)
        fillers = Signal(range(size // (most + 1) + 1))
        flush, final, free, pushes = Signal(), Signal(), Signal(), Signal()
        kept = [Signal(entry, name=f"kept{lane}") for lane in range(lanes)]
        count = Signal(range(lanes + 1))
        new = Signal(entry)
        value = Signal(signed(spec.accumulator.width))
        clips = spec.relu == "on" and spec.accumulator.signed
        m.d.comb += [
            value.eq(Mux(item.value < 0, 0, item.value) if clips else item.value),
            free.eq(~o.valid | o.ready),
            new.value.eq(Mux(fillers != 0, 0, value)),
            new.zeros.eq(Mux(fillers != 0, most, zeros)),
            self.busy.eq(flush),
        ]
        wants = self.i.valid & ~flush & (value != 0)
        is_full = count == lanes
        m.d.comb += [
            pushes.eq(wants & (~is_full | free)),
            self.i.ready.eq(~flush & ((value == 0) | (pushes & (fillers == 0)))),
        ]
        with m.If(o.ready):
            m.d.sync += o.valid.eq(0)
        with m.If((pushes & is_full) | (flush & free)):
            m.d.sync += [o.valid.eq(1), o.payload.last.eq(flush)]
            m.d.sync += o.payload.final.eq(flush & final)
            for lane in range(lanes):
                m.d.sync += [
                    o.payload[f"c{lane}"].eq(kept[lane].value),
                    o.payload[f"zeros{lane}"].eq(kept[lane].zeros),
                ]
                m.d.sync += kept[lane].eq(0)
            m.d.sync += count.eq(0)
        with m.If(pushes):
            m.d.sync += count.eq(Mux(is_full, 1, count + 1))
            with m.If(is_full):
                m.d.sync += kept[0].eq(new)
            for lane in range(lanes):
                with m.If(count == lane):
                    m.d.sync += kept[lane].eq(new)
            with m.If(fillers != 0):
                m.d.sync += fillers.eq(fillers - 1)
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
