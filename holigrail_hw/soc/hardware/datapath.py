# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""What carries out one descriptor: three readers, the matrix engine, the other units, the writer.

Readers fetch activations, weights and parameters; an addition uses them for its operands and its
tables. All results go through one writer.
"""

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.descriptors.checks import TABLE_BYTES
from holigrail_hw.soc.machine import Machine

from .adder import Adder
from .depthwise import Depthwise
from .engine import lane_of
from .fields import FIELDS
from .operands import Records, record_bits
from .products import Products
from .reader import Reader
from .windows import Windows
from .writer import Writer

__all__ = ["RECORD_BYTES", "Datapath"]

RECORD_BYTES = 8
_SIZE = 16


class Datapath(wiring.Component):
    """Carries out a descriptor that has been checked.

    Parameters
    ----------
    machine, engine, timing
        Of the accelerator.
    holds : bool
        As that of the readers.

    Members
    -------
    start : In
        For one cycle; ``fields``, ``vectors`` and ``k_tiles`` are there and stay.
    done, code : Out
        All results are written; an error that the engine reported.
    request, address, grant, found
        The reading port of the readers, the more urgent one first: weights, parameters,
        activations. Bit 0 of ``grant`` is that of weights.
    write, write_address, write_data : Out
        The writing port.
    starved : Out
        The engine waits for activations.
    """

    def __init__(self, machine: Machine, engine: Gemm, timing: Timing, *, holds: bool = True):
        self._machine, self._engine, self._timing = machine, engine, timing
        self._width, self._holds = (machine.scratchpad - 1).bit_length(), holds
        bits = 16 * machine.grain
        super().__init__(
            {
                **{"start": In(1), "fields": In(FIELDS), "vectors": In(_SIZE)},
                **{"k_tiles": In(_SIZE), "done": Out(1), "code": Out(3), "starved": Out(1)},
                **{"request": Out(1), "address": Out(self._width), "grant": In(1)},
                **{"granted": Out(3), "found": In(bits)},
                **{"write": Out(2 * machine.grain), "write_address": Out(self._width)},
                "write_data": Out(bits),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine, fields = self._machine, self.fields
        bits = 16 * machine.grain
        self._long = Signal()
        if machine.wide_parameters:
            m.d.comb += self._long.eq(fields.is_matmul & fields.p_wide)

        def reader(loops: int, *, chained: bool) -> Reader:
            counts = (_SIZE,) * loops
            return Reader(counts, self._width, bits, chained=chained, holds=self._holds)

        self._a = m.submodules.activations = reader(6, chained=False)
        self._w = m.submodules.weights = reader(4, chained=True)
        self._p = m.submodules.parameters = reader(3, chained=True)
        self._writer = m.submodules.writer = Writer(machine, self._width)
        self._read_activations(m)
        self._read_weights(m)
        self._read_parameters(m)
        self._share_port(m)
        writer = self._writer
        m.d.comb += [
            writer.start.eq(self.start),
            writer.fields.eq(fields),
            self.write.eq(writer.write),
            self.write_address.eq(writer.address),
            self.write_data.eq(writer.data),
        ]
        records = m.submodules.records = Records(bits, record_bits(machine))
        m.d.comb += records.long.eq(self._long)
        _connect(m, self._p.o, records.i)
        products = m.submodules.products = Products(machine, self._engine, self._timing)
        # Products go to the engine, or to the unit for depthwise layers.
        in_engine = fields.is_matmul
        if machine.line_buffer:
            in_engine = in_engine & ~fields.line_buffered
        # Without a command the engine takes nothing.
        m.d.comb += [
            products.start.eq(self.start & in_engine),
            products.fields.eq(fields),
            products.vectors.eq(self.vectors),
            products.k_tiles.eq(self.k_tiles),
            products.activation.payload.eq(self._a.o.payload),
            products.activation.valid.eq(self._a.o.valid),
            products.weight.payload.eq(self._w.o.payload),
            products.weight.valid.eq(self._w.o.valid),
            products.record.payload.eq(records.o.payload),
            products.record.valid.eq(records.o.valid),
            self.done.eq(~writer.busy & ~products.busy),
            self.code.eq(products.code),
            self.starved.eq(in_engine & products.activation.ready & ~products.activation.valid),
        ]
        self._other_units(m, records, products)
        return m

    def _loops(self, m: Module, reader: Reader, base: Any, *loops: tuple[Any, Any]) -> None:
        m.d.comb += reader.base.eq(base)
        for level, (count, step) in enumerate(loops):
            m.d.comb += [reader.counts[f"n{level}"].eq(count), reader.steps[level].eq(step)]

    def _read_activations(self, m: Module) -> None:
        """Loops x, y, c, fx, fy, group; of windows fx, fy, x, y, group."""
        fields, reader = self.fields, self._a

        def loop(name: str, count: Any) -> tuple[Any, Any]:
            return count, fields[f"a_step_{name}"].as_signed()

        wide, vector = fields.wide, 2 * self._machine.grain
        along = (
            Mux(wide, fields.nx >> vector.bit_length() - 1, fields.nx),
            Mux(wide, vector, fields.a_step_x.as_signed()),
        )
        down = loop("y", fields.ny)
        if self._machine.line_buffer:
            # Every pixel once, window after window.
            along = _either(fields.line_buffered, loop("fx", fields.line), along)
            down = _either(fields.line_buffered, loop("fy", fields.lines), down)
        x, y, c = along, down, loop("c", fields.nc)
        fx, fy, group = loop("fx", fields.fx), loop("fy", fields.fy), loop("group", fields.groups)
        if self._machine.line_buffer:
            once = (Const(1, 1), Const(0, 1))
            fx, fy = (_either(fields.line_buffered, once, one) for one in (fx, fy))
        nothing = (Const(1, 1), Const(0, 1))
        orders = zip((x, y, c, fx, fy, group), (fx, fy, x, y, nothing, group), strict=True)
        chosen = [_either(fields.is_maximum, window, other) for other, window in orders]
        self._loops(m, reader, fields.a_base, *chosen)
        m.d.comb += [
            reader.inner.eq(Mux(fields.is_maximum, 0b000011, 0b011111)),
            reader.start.eq(self.start & ~fields.is_fill),
        ]

    def _read_weights(self, m: Module) -> None:
        """Loops row, tile of K, tile of columns, group; of a second operand x, y."""
        fields, reader, machine = self.fields, self._w, self._machine
        is_add = fields.is_add
        rows = Mux(fields.diagonal, 1, machine.rows)
        second = fields.b_step_y.as_signed()
        self._loops(
            m,
            reader,
            Mux(is_add, fields.b_base, fields.w_base),
            (Mux(is_add, fields.nx, rows), Mux(is_add, 1, fields.w_step_row)),
            (Mux(is_add, fields.ny, self.k_tiles), Mux(is_add, second, fields.w_step_k)),
            (fields.column_tiles, fields.w_step_n),
            (fields.groups, Const(0, 1)),
        )
        m.d.comb += [
            reader.inner.eq(0b0111),
            reader.chain.eq(~fields.w_restart),
            reader.start.eq(self.start & (fields.is_matmul | is_add)),
        ]

    def _read_parameters(self, m: Module) -> None:
        """Loops of what makes the records of a tile of columns, tile, group; or the tables."""
        fields, reader, machine = self.fields, self._p, self._machine
        item = min(RECORD_BYTES, 2 * machine.grain)
        tile = RECORD_BYTES * machine.columns
        size: Any = Mux(fields.is_add, TABLE_BYTES // item, tile // item)
        apart: Any = Const(item, 8)
        if machine.wide_parameters:
            long_item = min(2 * RECORD_BYTES, 2 * machine.grain)
            size = Mux(self._long, 2 * tile // long_item, size)
            apart = Mux(self._long, Const(long_item, 8), apart)
        self._loops(
            m,
            reader,
            fields.p_base,
            (size, apart),
            (fields.column_tiles, Mux(self._long, Const(2 * tile, 16), Const(tile, 16))),
            (fields.groups, Const(0, 1)),
        )
        m.d.comb += [
            reader.inner.eq(0b011),
            reader.chain.eq(~fields.p_restart),
            reader.start.eq(self.start & (fields.is_matmul | fields.is_add)),
        ]

    def _share_port(self, m: Module) -> None:
        """Weights, which are few, before parameters and activations."""
        m.d.comb += [self.request.eq(self._w.request | self._p.request | self._a.request)]
        free: Any = self.grant
        for number, reader in enumerate((self._w, self._p, self._a)):
            m.d.comb += [
                reader.grant.eq(free & reader.request),
                reader.found.eq(self.found),
                self.granted[number].eq(reader.grant),
            ]
            free = free & ~reader.request
        m.d.comb += self.address.eq(
            Mux(
                self._w.request,
                self._w.address,
                Mux(self._p.request, self._p.address, self._a.address),
            )
        )

    def _other_units(self, m: Module, records: Records, products: Products) -> None:
        """Additions, maxima, copies and fills; and whose results are written."""
        fields, machine = self.fields, self._machine
        reader, writer = self._a, self._writer
        # The engine takes nothing that is not its own, nor does the adder.
        takes = [products.activation.ready, fields.is_copy & writer.i.ready]
        self._weight_takers = [products.weight.ready]
        self._record_takers = [products.record.ready]
        sources: list[tuple[Any, Any, Any, Any]] = [
            (fields.is_matmul, products.o.valid, products.o.payload, products.o.ready),
            (fields.is_copy, reader.o.valid, reader.o.payload.data, Signal(name="copy_ready")),
            (fields.is_fill, Const(1, 1), fields.low, Signal(name="fill_ready")),
        ]
        if machine.addition:
            sources.append(self._addition(m, records, takes))
        if machine.maximum:
            sources.append(self._maximum(m, takes))
        if machine.line_buffer:
            sources.append(self._depthwise(m, records, takes))
        m.d.comb += [
            reader.o.ready.eq(Cat(takes).any()),
            self._w.o.ready.eq(Cat(self._weight_takers).any()),
            records.o.ready.eq(Cat(self._record_takers).any()),
        ]
        # The unit for depthwise layers comes last, as its descriptors are products, too. What the
        # writer takes is a register, which it empties in every cycle until it has all.
        given = Signal()
        m.d.sync += writer.i.valid.eq(given & writer.i.ready)
        for chosen, valid, payload, ready in sources:
            m.d.comb += ready.eq(writer.i.ready & chosen)
            with m.If(chosen):
                m.d.comb += given.eq(valid)
                m.d.sync += writer.i.payload.eq(payload)

    def _addition(self, m: Module, records: Records, takes: list[Any]) -> tuple[Any, Any, Any, Any]:
        """The unit for additions between the readers and the writer."""
        fields, reader = self.fields, self._a
        m.submodules.adder = adder = Adder(lane_of("none"), self._timing)
        m.d.comb += [
            adder.enable.eq(fields.is_add),
            adder.start.eq(self.start & fields.is_add),
            adder.tables.payload.eq(records.o.payload.record[: 8 * RECORD_BYTES]),
            adder.tables.valid.eq(records.o.valid),
            adder.a.payload.eq(reader.o.payload.data),
            adder.a.valid.eq(reader.o.valid),
            adder.b.payload.eq(self._w.o.payload.data),
            adder.b.valid.eq(self._w.o.valid),
            adder.setting.scale.eq(fields.multiplier),
            adder.setting.shift.eq(fields.shift),
            adder.setting.zero_point.eq(fields.zero_point.as_signed()),
            adder.setting.minimum.eq(fields.low.as_signed()),
            adder.setting.maximum.eq(fields.high.as_signed()),
            adder.setting.once.eq(fields.once),
        ]
        takes.append(adder.a.ready)
        self._weight_takers.append(adder.b.ready)
        self._record_takers.append(adder.tables.ready)
        return fields.is_add, adder.o.valid, adder.o.payload, adder.o.ready

    def _maximum(self, m: Module, takes: list[Any]) -> tuple[Any, Any, Any, Any]:
        """The unit for maxima of windows between a reader and the writer."""
        fields, reader = self.fields, self._a
        m.submodules.windows = windows = Windows(self._machine.rows)
        m.d.comb += [
            windows.low.eq(fields.low.as_signed()),
            windows.high.eq(fields.high.as_signed()),
            windows.i.payload.data.eq(reader.o.payload.data),
            windows.i.payload.last.eq(reader.o.payload.last),
            windows.i.valid.eq(reader.o.valid & fields.is_maximum),
        ]
        takes.append(fields.is_maximum & windows.i.ready)
        return fields.is_maximum, windows.o.valid, windows.o.payload, windows.o.ready

    def _depthwise(
        self, m: Module, records: Records, takes: list[Any]
    ) -> tuple[Any, Any, Any, Any]:
        """The unit for depthwise layers between the readers and the writer."""
        fields, chosen = self.fields, self.fields.line_buffered
        m.submodules.depthwise = unit = Depthwise(self._machine, self._engine, self._timing)
        m.d.comb += [
            unit.start.eq(self.start & chosen),
            unit.fields.eq(fields),
            unit.pixel.payload.eq(self._a.o.payload.data),
            unit.pixel.valid.eq(self._a.o.valid & chosen),
            unit.weight.payload.eq(self._w.o.payload.data),
            unit.weight.valid.eq(self._w.o.valid & chosen),
            unit.record.payload.eq(records.o.payload.record),
            unit.record.valid.eq(records.o.valid & chosen),
        ]
        takes.append(chosen & unit.pixel.ready)
        self._weight_takers.append(chosen & unit.weight.ready)
        self._record_takers.append(chosen & unit.record.ready)
        return chosen, unit.o.valid, unit.o.payload, unit.o.ready


def _either(choice: Any, one: tuple[Any, Any], other: tuple[Any, Any]) -> tuple[Any, Any]:
    """One loop or another."""
    count, step = (Mux(choice, a, b) for a, b in zip(one, other, strict=True))
    return count, step


def _connect(m: Module, source: Any, sink: Any) -> None:
    m.d.comb += [
        sink.valid.eq(source.valid),
        sink.payload.eq(source.payload),
        source.ready.eq(sink.ready),
    ]
