# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The hardware of a matrix engine: buffers, a stationary array, sums, requantisation, order.

Nothing behind the array ever waits. A vector whose results leave the engine enters the array only
when the queue of results has a place for them; so no register of the array needs to hold still.
"""

from typing import Any

from amaranth import Cat, Const, Module, Signal, Value
from amaranth.lib import data, fifo, wiring

from holigrail_hw.core.stream_ports import stream_ports
from holigrail_hw.core.timing import Timing
from holigrail_hw.hdl.shapes import shape_of
from holigrail_hw.hdl.stream.skid_buffer import SkidBuffer

from ..shared.delays import delayed
from ..systolic_array.stationary import StationaryArray
from .buffer import Buffer
from .feeders import Feeder, Loader
from .guarded_buffer import GuardedBuffer
from .output import Accumulators, Continued, Lanes
from .sequencer import Sequencer
from .shape import GemmShape
from .walk import window_layout

__all__ = ["STATUS_DEPTH", "GemmCore", "GemmTiming"]

STATUS_DEPTH = 4
_QUEUE_CYCLES = 2
# A row of sums is read from memory and added to; its new sum goes through one more register.
_SUM_CYCLES = 3


class GemmTiming:
    """Cycles between the parts of an engine.

    Attributes
    ----------
    array : int
        From a vector taken to its sums.
    swap : int
        From a vector taken to the exchange of parameters for it.
    whole : int
        From a vector taken to its results at the border.
    step : int
        Of the array, from one row to the next.
    late : int
        From a vector taken to the sums that it adds to.
    spacing : int
        At least, between the first vectors of two tiles.
    turn : int
        At least, between two vectors whose results leave: what the lanes take for a row.
    """

    def __init__(self, spec: GemmShape, timing: Timing):
        pace = spec.pace(timing)
        lanes = spec.lane_plan(timing).latency if spec.lanes else 0
        self.step, self.late = pace.step, pace.late
        self.array = pace.late + spec.rows * pace.step + spec.columns - 1 + pace.finish
        add = 0 if spec.sums.continues else _SUM_CYCLES + spec.totals.plan(timing).latency
        self.spacing = add + 1 if add else self.array - self.late + 3
        self.swap = self.array + add - 1
        self.turn = spec.lane_cycles
        self.totals = self.array + add
        self.written = self.totals + lanes + self.turn - 1
        self.whole = self.written + _QUEUE_CYCLES


class GemmCore(wiring.Component):
    """The engine behind its streams; parameters are those of the specification."""

    def __init__(self, spec: GemmShape, timing: Timing):
        self._spec, self._timing = spec, timing
        super().__init__(stream_ports(spec.streams()))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, cycles = self._spec, GemmTiming(self._spec, self._timing)
        depth, width = spec.activation_depth, spec.rows * spec.activation.width
        has_parameters = "parameter" in spec.streams()
        takers = 2 + has_parameters
        settings = _layout(spec.settings) if spec.settings else None
        window = window_layout(spec.window, depth) if spec.windows else None
        m.submodules.loader = loader = Loader(
            self.command.payload.shape(),
            width,
            depth,
            spec.accumulator_depth,
            takers,
            settings,
            resumable=spec.resumable,
            window=window,
        )
        job = loader.job.shape()
        self._connect(m, self.command, loader.command)
        _join(m, self.activation, loader.moving)
        if spec.guard:
            buffer = GuardedBuffer(spec.rows, spec.activation.width, depth)
            sequencer = Sequencer(width + spec.rows, depth, job, asks=True)
        else:
            buffer = Buffer(spec.buffer, width, depth)
            sequencer = Sequencer(width, depth, job, window=window)
            if window:
                m.d.comb += sequencer.window.eq(loader.window)
        m.submodules.buffer, m.submodules.sequencer = buffer, sequencer
        m.submodules.array = array = StationaryArray(
            spec.sums, spec.columns, self._timing, flagged=spec.guard
        )
        m.submodules.weights = weights = Feeder(
            spec.columns * spec.weight.width,
            spec.rows,
            ("k_tiles", "n_tiles"),
            job,
        )
        _join(m, self.weight, weights.i)
        _join(m, weights.o, array.stationary)
        m.submodules.lanes = lanes = Lanes(
            (lambda: spec.lane_plan(self._timing)) if spec.lanes else None,
            spec.totals.width,
            spec.final.width,
            spec.columns,
            turn=spec.lane_cycles,
            fields=spec.channel,
            settings=spec.settings,
        )
        workers: list[Any] = [sequencer, weights]
        if has_parameters:
            m.submodules.parameters = parameters = Feeder(
                len(Value.cast(lanes.parameter.payload)),
                spec.columns,
                ("n_tiles",),
                job,
                settings,
            )
            if settings:
                m.d.comb += [
                    parameters.job_settings.eq(loader.settings),
                    lanes.setting.eq(parameters.settings),
                ]
            _join(m, self.parameter, parameters.i)
            _join(m, parameters.o, lanes.parameter)
            workers.append(parameters)
        for number, worker in enumerate(workers):
            m.d.comb += [
                worker.job.eq(loader.job),
                worker.offered.eq(loader.offered[number]),
                loader.taken[number].eq(worker.taken),
            ]
        m.d.comb += [
            buffer.write.eq(loader.write),
            buffer.write_half.eq(loader.job.half),
            buffer.write_address.eq(loader.address),
            buffer.write_data.eq(loader.data),
            buffer.read.eq(sequencer.read),
        ]
        if isinstance(buffer, GuardedBuffer):
            m.d.comb += [
                buffer.ask.eq(sequencer.ask),
                buffer.ask_half.eq(sequencer.ask_half),
                buffer.ask_address.eq(sequencer.ask_address),
            ]
        else:
            m.d.comb += [
                buffer.read_half.eq(sequencer.half),
                buffer.read_address.eq(sequencer.address),
            ]
        m.d.comb += sequencer.data.eq(buffer.data)
        verdicts = [feeder.verdict for feeder in workers[1:]]
        # Whether a vector may enter depends on much: it is decided between registers.
        m.submodules.entry = entry = SkidBuffer(sequencer.o.payload.shape())
        wiring.connect(m, sequencer.o, entry.i)
        self._flow(m, cycles, entry, array, lanes, verdicts)
        return m

    def _flow(
        self,
        m: Module,
        cycles: GemmTiming,
        entry: Any,
        array: Any,
        lanes: Any,
        verdicts: list[Any],
    ) -> None:
        """From the entry through the array to the border."""
        spec, tags = self._spec, entry.o.payload.tags
        moving = [Value.cast(array.moving.payload[f"m{i}"]) for i in range(spec.rows)]
        if spec.guard:
            moving.append(array.moving.payload.present)
        taken, swap = Signal(), Signal()
        room, status_room, spaced = Signal(), Signal(), Signal()
        claimed, allowed, judged, code = Signal(), Signal(), Signal(), Signal(3)
        opens_final = tags.opens & tags.final
        parameters_there: Any = lanes.filled & ~claimed if lanes.fields else 1
        may_open: Any = parameters_there | ~opens_final
        if cycles.turn > 1:
            free = self._paced(m, cycles.turn, taken & tags.final)
            may_open = may_open & (free | ~tags.final)
        keeps: Any = tags.keep if spec.resumable else Const(0)
        # The parameters' verdict is the last one; without results there are no parameters.
        needed = [Const(1), ~keeps]
        m.d.comb += [
            allowed.eq(
                (room | ~tags.final)
                & ((status_room & judged) | ~tags.ends)
                & (spaced | ~tags.opens)
                & may_open
            ),
            array.moving.valid.eq(entry.o.valid & tags.vector & allowed),
            array.moving.payload.last.eq(tags.closes),
            Cat(*moving).eq(entry.o.payload.vector),
            entry.o.ready.eq(allowed & (array.moving.ready | ~tags.vector)),
            taken.eq(entry.o.valid & entry.o.ready),
            array.result.ready.eq(1),
            code.eq(tags.code),
        ]
        # The first fault counts: of vectors, then of weights, then of parameters.
        whole = [~need | verdict.valid for need, verdict in zip(needed, verdicts, strict=False)]
        m.d.comb += judged.eq(Cat(whole).all() | ~tags.vector)
        for place, verdict in reversed(list(enumerate(verdicts))):
            with m.If(tags.vector & needed[place] & (verdict.payload != 0)):
                m.d.comb += code.eq(2 * place + 3 + verdict.payload)
            m.d.comb += verdict.ready.eq(taken & tags.ends & tags.vector & needed[place])
        # The last vector of a tile whose sums are kept may come late, and its row with it.
        self._space(m, cycles.spacing, taken & (tags.opens | (tags.ends & keeps)), spaced)

        def later(value: Any, count: int, name: str, *, resets: bool = False) -> Any:
            return delayed(m, value, count, name, resets=resets)

        entered = taken & tags.vector
        row = Cat(Value.cast(array.result.payload[f"r{j}"]) for j in range(spec.columns))
        where = (spec.totals, spec.columns, spec.accumulator_depth)
        if spec.sums.continues:
            m.submodules.sums = kept = Continued(
                *where, cycles.late, cycles.array, resumable=spec.resumable
            )
            if spec.resumable:
                m.d.comb += [kept.new.eq(tags.new), kept.moves.eq(tags.moves)]
            m.d.comb += [
                kept.entered.eq(entered),
                kept.opens.eq(tags.opens),
                kept.first.eq(tags.first),
                array.begun.eq(kept.begun),
                Value.cast(kept.total).eq(row),
                Value.cast(lanes.total).eq(row),
            ]
        else:
            m.submodules.sums = sums = Accumulators(*where, self._timing, resumable=spec.resumable)
            if spec.resumable:
                m.d.comb += [
                    sums.new.eq(later(tags.new, cycles.array, "new")),
                    sums.moves.eq(later(tags.moves, cycles.array, "moves")),
                ]
            m.d.comb += [
                sums.valid.eq(later(entered, cycles.array, "entered", resets=True)),
                sums.opens.eq(later(tags.opens, cycles.array, "opens")),
                sums.first.eq(later(tags.first, cycles.array, "first")),
                Value.cast(sums.partial).eq(row),
                lanes.total.eq(sums.total),
            ]
        m.d.comb += [
            swap.eq(later(taken & opens_final, cycles.swap, "swap", resets=True)),
            lanes.swap.eq(swap),
        ]
        with m.If(taken & opens_final):
            m.d.sync += claimed.eq(1)
        with m.Elif(swap):
            m.d.sync += claimed.eq(0)

        if cycles.turn > 1:
            arrives = taken & tags.final
            m.d.comb += lanes.arrives.eq(later(arrives, cycles.totals, "arrives", resets=True))
        ends = later(taken & tags.ends, cycles.written, "ends", resets=True)
        gives = later(taken & tags.final, cycles.written, "gives", resets=True)
        time = Signal(spec.cycle_width)
        m.d.sync += time.eq(time + 1)
        results, left = self._queue(
            m, "results", cycles.whole + 2, self.result, gives, Cat(Value.cast(lanes.result), ends)
        )
        m.d.comb += room.eq(left)
        status = Cat(later(code, cycles.written, "code"), time)
        _, left = self._queue(m, "statuses", STATUS_DEPTH, self.status, ends, status)
        m.d.comb += status_room.eq(left)
        self._count(m, "results", taken & tags.final)
        self._count(m, "statuses", taken & tags.ends)

    def _paced(self, m: Module, turn: int, gives: Any) -> Any:
        """Whether the lanes will be free for another row."""
        waits, free = Signal(range(turn)), Signal(init=1)
        with m.If(gives):
            m.d.sync += [waits.eq(turn - 1), free.eq(turn == 1)]
        with m.Elif(~free):
            m.d.sync += [waits.eq(waits - 1), free.eq(waits == 1)]
        return free

    def _space(self, m: Module, spacing: int, opens: Any, spaced: Signal) -> None:
        """Whether the latest opening is ``spacing`` cycles ago."""
        age, waits = Signal(range(spacing)), Signal()
        m.d.comb += spaced.eq(~waits)
        with m.If(opens):
            m.d.sync += [age.eq(0), waits.eq(spacing > 1)]
        with m.Elif(waits):
            m.d.sync += [age.eq(age + 1), waits.eq(age != spacing - 2)]

    def _queue(
        self, m: Module, name: str, depth: int, port: Any, write: Any, value: Any
    ) -> tuple[Any, Any]:
        """A queue at the border, and whether a further item may be promised to it."""
        queue = fifo.SyncFIFOBuffered(width=len(value), depth=depth)
        m.submodules[name] = queue
        promised = Signal(range(depth + 1), name=f"{name}_promised")
        # Registers, as much depends on it in its cycle.
        has_room = Signal(name=f"{name}_have_room", init=1)
        m.d.comb += [
            queue.w_data.eq(value),
            queue.w_en.eq(write),
            Value.cast(port.payload).eq(queue.r_data),
            port.valid.eq(queue.r_rdy),
            queue.r_en.eq(port.ready),
        ]
        setattr(self, f"_{name}", (promised, has_room, depth, port.valid & port.ready))
        return queue, has_room

    def _count(self, m: Module, name: str, gained: Any) -> None:
        promised, has_room, depth, given = getattr(self, f"_{name}")
        with m.If(gained & ~given):
            m.d.sync += [promised.eq(promised + 1), has_room.eq(promised != depth - 1)]
        with m.Elif(given & ~gained):
            m.d.sync += [promised.eq(promised - 1), has_room.eq(1)]

    def _connect(self, m: Module, outer: Any, inner: Any) -> None:
        wiring.connect(m, wiring.flipped(outer), inner)


def _layout(fields: Any) -> data.StructLayout:
    return data.StructLayout({name: shape_of(format) for name, format in fields.items()})


def _join(m: Module, source: Any, sink: Any) -> None:
    """Two streams whose payloads have the same bits under other names."""
    m.d.comb += [
        sink.valid.eq(source.valid),
        Value.cast(sink.payload).eq(Value.cast(source.payload)),
        source.ready.eq(sink.ready),
    ]
