# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Depthwise convolutions with windows of 3 x 3: every pixel is read once.

Pixels come row by row. A memory keeps the two rows above, so that with every pixel a column of
three enters the window; nine products a channel make the sum of a result (Bosi, Bois and Savaria,
Reconfigurable pipelined 2-D convolvers for fast digital signal processing, 1999, for the lines).
Behind the pixels nothing waits: one that completes a window is taken only if its result has a place
in the queue.
"""

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import fifo, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arith.dot_product.operator import DotProduct
from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.gemm.output import Lanes, PlanModule
from holigrail_hw.arrays.shared.delays import delayed
from holigrail_hw.core.timing import Timing
from holigrail_hw.formats import parse
from holigrail_hw.soc.descriptors.matmul import SIDE
from holigrail_hw.soc.machine import Machine

from .fields import FIELDS
from .operands import record_bits, set_channel

__all__ = ["Depthwise", "DepthwiseTiming", "window_product"]

_TAPS = SIDE * SIDE
# A line is read, and the window moves.
_WINDOW_CYCLES, _QUEUE_CYCLES = 2, 2


def window_product() -> DotProduct:
    """The sum of a window's products."""
    code = parse("int8")
    return DotProduct(a=code, b=code, terms=_TAPS, result=parse("int32"), multiplier="dsp")


class DepthwiseTiming:
    """Cycles from a pixel that completes a window.

    Attributes
    ----------
    totals : int
        To its sums.
    swap : int
        To the exchange of parameters for the first window of a group.
    whole : int
        To its results at the border.
    turn : int
        At least, to the next one.
    """

    def __init__(self, engine: Gemm, timing: Timing):
        self.totals = _WINDOW_CYCLES + window_product().plan(timing).latency
        self.swap, self.turn = self.totals - 1, engine.lane_cycles
        self.written = self.totals + engine.lane_plan(timing).latency + self.turn - 1
        self.whole = self.written + _QUEUE_CYCLES


class Depthwise(wiring.Component):
    """A vector of results for every window.

    Members
    -------
    start : In
        ``fields`` are there and stay.
    pixel, weight, record : In
        Streams of items of two grains: the pixels of a group, row by row; the weights of its taps,
        row by row; and the parameters of its channels.
    o : Out
        Stream of vectors of codes.
    """

    def __init__(self, machine: Machine, engine: Gemm, timing: Timing):
        self._machine, self._engine, self._timing = machine, engine, timing
        bits = 16 * machine.grain
        item: Any = stream.Signature(bits)
        record: Any = stream.Signature(record_bits(machine))
        super().__init__(
            {
                **{"start": In(1), "fields": In(FIELDS)},
                **{"pixel": In(item), "weight": In(item), "record": In(record)},
                "o": Out(stream.Signature(8 * machine.columns)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        cycles = DepthwiseTiming(self._engine, self._timing)
        engine, machine = self._engine, self._machine
        m.submodules.lanes = lanes = Lanes(
            lambda: engine.lane_plan(self._timing),
            engine.totals.width,
            engine.final.width,
            machine.columns,
            turn=cycles.turn,
            fields=engine.channel,
            settings=engine.settings,
        )
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(
            width=8 * machine.columns, depth=cycles.whole + 2
        )
        taken, opens, gives, place = self._order(m, cycles, lanes, queue)
        swap = Signal()
        m.d.comb += swap.eq(delayed(m, opens, 1, "opens", resets=True))
        kernel = self._weights(m, swap, opens)
        window = self._window(m, taken, place)
        for column in range(machine.columns):
            m.submodules[f"sum_{column}"] = total = PlanModule(window_product().plan(self._timing))
            for tap in range(_TAPS):
                code, weight = (
                    word[8 * column : 8 * column + 8] for word in (window[tap], kernel[tap])
                )
                m.d.comb += [
                    getattr(total, f"a{tap}").eq(code if column < machine.rows else 0),
                    getattr(total, f"b{tap}").eq(weight),
                ]
            m.d.comb += lanes.total[column].eq(total.result)
        self._parameters(m, lanes)
        if cycles.turn > 1:
            m.d.comb += lanes.arrives.eq(delayed(m, gives, cycles.totals, "arrives", resets=True))
        m.d.comb += [
            lanes.swap.eq(delayed(m, opens, cycles.swap, "swaps", resets=True)),
            queue.w_en.eq(delayed(m, gives, cycles.written, "gives", resets=True)),
            queue.w_data.eq(Value.cast(lanes.result)),
            self.o.valid.eq(queue.r_rdy),
            self.o.payload.eq(queue.r_data),
            queue.r_en.eq(self.o.ready),
        ]
        return m

    def _order(self, m: Module, cycles: DepthwiseTiming, lanes: Any, queue: Any) -> Any:
        """Which pixel is taken when, whether it opens a group, whether it completes a window."""
        fields = self.fields
        x = Signal(16)
        y = Signal(16)
        completes = Signal()
        taken = Signal()
        gives = Signal()
        opens = Signal()
        is_open = Signal()
        claimed = Signal()
        filled = Signal()
        promised = Signal(range(queue.depth + 1))
        waits = Signal(range(cycles.turn + 1))
        ends_row = Signal()
        ends = Signal()
        m.d.comb += [
            completes.eq(
                (x >= SIDE - 1)
                & (y >= SIDE - 1)
                & ~(fields.twice_x & x[0])
                & ~(fields.twice_y & y[0])
            ),
            filled.eq(self._has_weights(m) & lanes.filled & ~claimed),
            self.pixel.ready.eq(
                ~completes | ((promised != queue.depth) & (waits == 0) & (is_open | filled))
            ),
            taken.eq(self.pixel.valid & self.pixel.ready),
            gives.eq(taken & completes),
            opens.eq(gives & ~is_open),
            ends_row.eq(x == fields.line - 1),
            ends.eq(ends_row & (y == fields.lines - 1)),
        ]
        m.d.sync += promised.eq(promised + gives - (self.o.valid & self.o.ready))
        with m.If(gives):
            m.d.sync += waits.eq(cycles.turn - 1)
        with m.Elif(waits != 0):
            m.d.sync += waits.eq(waits - 1)
        with m.If(taken):
            m.d.sync += [x.eq(Mux(ends_row, 0, x + 1)), is_open.eq((is_open | gives) & ~ends)]
            with m.If(ends_row):
                m.d.sync += y.eq(Mux(ends, 0, y + 1))
        with m.If(opens):
            m.d.sync += claimed.eq(1)
        with m.Elif(lanes.swap):
            m.d.sync += claimed.eq(0)
        with m.If(self.start):
            m.d.sync += [x.eq(0), y.eq(0), is_open.eq(0)]
        return taken, opens, gives, x

    def _has_weights(self, m: Module) -> Any:
        self._count = Signal(range(_TAPS + 1))
        return self._count == _TAPS

    def _weights(self, m: Module, swap: Any, opens: Any) -> list[Any]:
        """Those in use, while the next ones shift in."""
        shape = 8 * self._machine.columns
        arriving = [Signal(shape, name=f"arriving{n}", reset_less=True) for n in range(_TAPS)]
        used = [Signal(shape, name=f"used{n}", reset_less=True) for n in range(_TAPS)]
        count = self._count
        m.d.comb += self.weight.ready.eq(count != _TAPS)
        with m.If(self.weight.valid & self.weight.ready):
            m.d.sync += [count.eq(count + 1), arriving[-1].eq(self.weight.payload)]
            m.d.sync += [arriving[n].eq(arriving[n + 1]) for n in range(_TAPS - 1)]
        with m.If(swap):
            m.d.sync += count.eq(0)
            m.d.sync += [new.eq(old) for new, old in zip(used, arriving, strict=True)]
        return used

    def _window(self, m: Module, taken: Any, place: Any) -> list[Any]:
        """The pixels of a window, row by row, two cycles after its last one was taken."""
        bits = 8 * self._machine.columns
        # A pixel's upper neighbour and the one above that.
        m.submodules.lines = lines = memory.Memory(
            shape=2 * bits, depth=self._machine.line_buffer, init=[]
        )
        read, write = lines.read_port(), lines.write_port()
        moves = delayed(m, taken, 1, "moves", resets=True)
        pixel = delayed(m, self.pixel.payload[:bits], 1, "pixel")
        above, top = read.data[:bits], read.data[bits:]
        m.d.comb += [
            read.addr.eq(place),
            read.en.eq(taken),
            write.addr.eq(delayed(m, place, 1, "place")),
            write.en.eq(moves),
            write.data.eq(Cat(pixel, above)),
        ]
        window = [Signal(bits, name=f"window{n}", reset_less=True) for n in range(_TAPS)]
        with m.If(moves):
            for row, newest in enumerate((top, above, pixel)):
                taps = window[SIDE * row : SIDE * row + SIDE]
                m.d.sync += [
                    old.eq(new) for old, new in zip(taps, [*taps[1:], newest], strict=True)
                ]
        return window

    def _parameters(self, m: Module, lanes: Any) -> None:
        """Records of channels, and what the descriptor sets for all."""
        fields, parameter = self.fields, lanes.parameter.payload
        set_channel(m, self._machine, fields.p_wide, parameter, self.record.payload)
        m.d.comb += [
            lanes.parameter.valid.eq(self.record.valid),
            self.record.ready.eq(lanes.parameter.ready),
            lanes.setting.zero_point.eq(fields.zero_point.as_signed()),
            lanes.setting.minimum.eq(fields.low.as_signed()),
            lanes.setting.maximum.eq(fields.high.as_signed()),
            lanes.setting.once.eq(fields.once),
        ]
