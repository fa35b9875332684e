# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The hardware of a matrix engine: buffers, a stationary array, sums, requantisation, order.

Nothing behind the array ever waits. A vector whose results leave the engine enters the array only
when the queue of results has a place for them; so no register of the array needs to hold still.
"""

from typing import Any

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import data, wiring

from holigrail_hw.core.stream_ports import stream_ports
from holigrail_hw.core.timing import Timing
from holigrail_hw.hdl.shapes import shape_of
from holigrail_hw.hdl.stream.skid_buffer import SkidBuffer

from ..shared.delays import delayed
from ..systolic_array.stationary import StationaryArray
from .border_queue import BorderQueue
from .buffer import Buffer
from .feeders import Feeder, Loader
from .gate import Gate
from .guarded_buffer import GuardedBuffer
from .output import Accumulators, Continued, Lanes
from .sequencer import Sequencer
from .shape import GemmShape
from .timing import STATUS_DEPTH, GemmTiming
from .walk import window_layout

__all__ = ["GemmCore"]


class GemmCore(wiring.Component):
    """The engine behind its streams; parameters are those of the specification."""

    def __init__(self, spec: GemmShape, timing: Timing):
        self._spec, self._timing = spec, timing
        super().__init__(stream_ports(spec.streams()))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, cycles = self._spec, GemmTiming(self._spec, self._timing)
        has_parameters = "parameter" in spec.streams()
        settings = _layout(spec.settings) if spec.settings else None
        loader = self._load(m, 2 + has_parameters, settings)
        job = loader.job.shape()
        buffer, sequencer = self._store(m, loader)
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
        feeders: list[Any] = [weights]
        if has_parameters:
            feeders.append(self._feed_parameters(m, loader, lanes, settings))
        for number, worker in enumerate([sequencer, *feeders]):
            m.d.comb += [
                worker.job.eq(loader.job),
                worker.offered.eq(loader.offered[number]),
                loader.taken[number].eq(worker.taken),
            ]
        _access(m, buffer, loader, sequencer)
        # Whether a vector may enter depends on much: it is decided between registers.
        m.submodules.entry = entry = SkidBuffer(sequencer.o.payload.shape())
        wiring.connect(m, sequencer.o, entry.i)
        self._flow(m, cycles, entry, array, lanes, [feeder.verdict for feeder in feeders])
        return m

    def _load(self, m: Module, takers: int, settings: Any) -> Any:
        """What takes commands and activations, and offers jobs to ``takers``."""
        spec, depth = self._spec, self._spec.activation_depth
        m.submodules.loader = loader = Loader(
            self.command.payload.shape(),
            spec.rows * spec.activation.width,
            depth,
            spec.accumulator_depth,
            takers,
            settings,
            resumable=spec.resumable,
            window=window_layout(spec.window, depth) if spec.windows else None,
        )
        wiring.connect(m, wiring.flipped(self.command), loader.command)
        _join(m, self.activation, loader.moving)
        return loader

    def _store(self, m: Module, loader: Any) -> tuple[Any, Sequencer]:
        """The buffer of activations, and what reads it tile by tile."""
        spec, depth = self._spec, self._spec.activation_depth
        width, job = spec.rows * spec.activation.width, loader.job.shape()
        if spec.guard:
            buffer = GuardedBuffer(spec.rows, spec.activation.width, depth)
            sequencer = Sequencer(width + spec.rows, depth, job, asks=True)
        else:
            window = window_layout(spec.window, depth) if spec.windows else None
            buffer = Buffer(spec.buffer, width, depth)
            sequencer = Sequencer(width, depth, job, window=window)
            if window:
                m.d.comb += sequencer.window.eq(loader.window)
        m.submodules.buffer, m.submodules.sequencer = buffer, sequencer
        return buffer, sequencer

    def _feed_parameters(self, m: Module, loader: Any, lanes: Lanes, settings: Any) -> Feeder:
        """The parameters of the lanes, channel by channel, and the settings of their job."""
        m.submodules.parameters = parameters = Feeder(
            len(Value.cast(lanes.parameter.payload)),
            self._spec.columns,
            ("n_tiles",),
            loader.job.shape(),
            settings,
        )
        if settings:
            m.d.comb += [
                parameters.job_settings.eq(loader.settings),
                lanes.setting.eq(parameters.settings),
            ]
        _join(m, self.parameter, parameters.i)
        _join(m, parameters.o, lanes.parameter)
        return parameters

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
        gate = Gate(entry.o.payload.tags, self._spec.resumable)
        tags, taken = gate.tags, gate.taken
        opens_final = tags.opens & tags.final
        parameters_there: Any = lanes.filled & ~gate.claimed if lanes.fields else 1
        may_open: Any = parameters_there | ~opens_final
        if cycles.turn > 1:
            free = self._paced(m, cycles.turn, taken & tags.final)
            may_open = may_open & (free | ~tags.final)
        m.d.comb += gate.allowed.eq(
            (gate.room | ~tags.final)
            & ((gate.status_room & gate.judged) | ~tags.ends)
            & (gate.spaced | ~tags.opens)
            & may_open
        )
        self._enter(m, gate, entry, array)
        gate.judge(m, verdicts)
        # The last vector of a tile whose sums are kept may come late, and its row with it.
        late = taken & (tags.opens | (tags.ends & gate.keeps))
        self._space(m, cycles.spacing, late, gate.spaced)
        self._add_up(m, cycles, gate, array, lanes)
        m.d.comb += [
            gate.swap.eq(delayed(m, taken & opens_final, cycles.swap, "swap", resets=True)),
            lanes.swap.eq(gate.swap),
        ]
        with m.If(taken & opens_final):
            m.d.sync += gate.claimed.eq(1)
        with m.Elif(gate.swap):
            m.d.sync += gate.claimed.eq(0)
        self._leave(m, cycles, gate, lanes)

    def _enter(self, m: Module, gate: Gate, entry: Any, array: Any) -> None:
        """A vector enters the array, or the end of a job passes by it."""
        spec, tags, allowed = self._spec, gate.tags, gate.allowed
        moving = [Value.cast(array.moving.payload[f"m{i}"]) for i in range(spec.rows)]
        if spec.guard:
            moving.append(array.moving.payload.present)
        m.d.comb += [
            array.moving.valid.eq(entry.o.valid & tags.vector & allowed),
            array.moving.payload.last.eq(tags.closes),
            Cat(*moving).eq(entry.o.payload.vector),
            entry.o.ready.eq(allowed & (array.moving.ready | ~tags.vector)),
            gate.taken.eq(entry.o.valid & entry.o.ready),
            array.result.ready.eq(1),
        ]

    def _add_up(self, m: Module, cycles: GemmTiming, gate: Gate, array: Any, lanes: Any) -> None:
        """Sums over the tiles of a row: within the array, or in a memory behind it."""
        spec, tags, entered = self._spec, gate.tags, gate.taken & gate.tags.vector
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
            return

        def later(value: Any, name: str, *, resets: bool = False) -> Any:
            return delayed(m, value, cycles.array, name, resets=resets)

        m.submodules.sums = sums = Accumulators(*where, self._timing, resumable=spec.resumable)
        if spec.resumable:
            m.d.comb += [
                sums.new.eq(later(tags.new, "new")),
                sums.moves.eq(later(tags.moves, "moves")),
            ]
        m.d.comb += [
            sums.valid.eq(later(entered, "entered", resets=True)),
            sums.opens.eq(later(tags.opens, "opens")),
            sums.first.eq(later(tags.first, "first")),
            Value.cast(sums.partial).eq(row),
            lanes.total.eq(sums.total),
        ]

    def _leave(self, m: Module, cycles: GemmTiming, gate: Gate, lanes: Any) -> None:
        """Rows of results, and a status at the end of a job, go to the queues at the border."""

        def later(value: Any, count: int, name: str) -> Any:
            return delayed(m, value, count, name, resets=True)

        taken, final, ends_job = gate.taken, gate.tags.final, gate.tags.ends
        if cycles.turn > 1:
            m.d.comb += lanes.arrives.eq(later(taken & final, cycles.totals, "arrives"))
        ends = later(taken & ends_job, cycles.written, "ends")
        gives = later(taken & final, cycles.written, "gives")
        time = Signal(self._spec.cycle_width)
        m.d.sync += time.eq(time + 1)
        row = Cat(Value.cast(lanes.result), ends)
        results = BorderQueue(m, "results", cycles.whole + 2, self.result, gives, row)
        m.d.comb += gate.room.eq(results.has_room)
        status = Cat(delayed(m, gate.code, cycles.written, "code"), time)
        statuses = BorderQueue(m, "statuses", STATUS_DEPTH, self.status, ends, status)
        m.d.comb += gate.status_room.eq(statuses.has_room)
        results.promise(m, taken & final)
        statuses.promise(m, taken & ends_job)

    def _paced(self, m: Module, turn: int, gives: Any) -> Any:
        """Whether the lanes will be free for another row."""
        waits = Signal(range(turn))
        free = Signal(init=1)
        with m.If(gives):
            m.d.sync += [waits.eq(turn - 1), free.eq(turn == 1)]
        with m.Elif(~free):
            m.d.sync += [waits.eq(waits - 1), free.eq(waits == 1)]
        return free

    def _space(self, m: Module, spacing: int, opens: Any, spaced: Signal) -> None:
        """Whether the latest opening is ``spacing`` cycles ago."""
        age = Signal(range(spacing))
        waits = Signal()
        m.d.comb += spaced.eq(~waits)
        with m.If(opens):
            m.d.sync += [age.eq(0), waits.eq(spacing > 1)]
        with m.Elif(waits):
            m.d.sync += [age.eq(age + 1), waits.eq(age != spacing - 2)]


def _access(m: Module, buffer: Any, loader: Any, sequencer: Sequencer) -> None:
    """The loader writes the buffer; the sequencer reads it, or asks for words first."""
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


def _layout(fields: Any) -> data.StructLayout:
    return data.StructLayout({name: shape_of(format) for name, format in fields.items()})


def _join(m: Module, source: Any, sink: Any) -> None:
    """Two streams whose payloads have the same bits under other names."""
    m.d.comb += [
        sink.valid.eq(source.valid),
        Value.cast(sink.payload).eq(Value.cast(source.payload)),
        source.ready.eq(sink.ready),
    ]
