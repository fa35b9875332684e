# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Where vectors, weights and sums meet: memories, a pipeline of products, and accumulators."""

from collections.abc import Callable
from typing import Any

from amaranth import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, Ring, beats, reads, table, wrapped
from .datapath import products_plan

__all__ = ["DepthwiseUnit", "MatrixVectorUnit"]

# From a module and whether the pipeline moves to whether a beat enters, and its elements, which
# are there one cycle later.
_Entry = Callable[[Module, Any], tuple[Any, Any]]


class _ProductsUnit(wiring.Component):
    """Weights from a memory, products, sums; the pipeline is one of :class:`.elastic.Pipeline`."""

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__(
            {
                "i": In(beats(shape.input, shape.lanes_in)),
                "o": Out(beats(shape.output, shape.pe)),
            }
        )

    def _build(self, entry: _Entry, rings: int) -> Module:
        """``rings``: sums that are kept at a time."""
        m = Module()
        shape, plan = self._shape, products_plan(self._shape)
        line = Pipeline(m, plan.latency + 2, self.o.ready)
        enters, elements = entry(m, line.moves[0])
        weights = self._weights(m, enters, line.moves[0])
        plan.add_to(m, line.moves[1:-1])
        width = shape.input.width
        for n in range(shape.lanes_in):
            m.d.comb += plan.inputs[f"x{n}"].eq(elements[n * width : (n + 1) * width])
        width = shape.weight.width
        for p in range(shape.pe):
            for s in range(shape.simd):
                at = (p * shape.simd + s) * width
                m.d.comb += plan.inputs[f"w{p}_{s}"].eq(weights[at : at + width])
        tick = Signal(name="sums_move")
        m.d.comb += tick.eq(line.valid[-2] & line.moves[-1])
        last = self._sums(m, plan, tick, rings)
        line.fill(m, enters, {plan.latency + 1: last})
        m.d.comb += self.o.valid.eq(line.valid[-1])
        return m

    def _weights(self, m: Module, enters: Any, moves: Any) -> Any:
        """State: which word of weights goes with the next beat."""
        words = self._shape.words
        mask = (1 << self._shape.weight.width) - 1
        packed = []
        for word in words.reshape(len(words), -1).tolist():
            bits = 0
            for value in reversed(word):
                bits = bits << self._shape.weight.width | value & mask
            packed.append(bits)
        place = Signal(range(len(packed)), name="weight")
        wrapped(m, place, len(packed), enters)
        width = unsigned(self._shape.weight.width * words[0].size)
        return table(m, "weights", packed, width, place, moves)

    def _sums(self, m: Module, plan: Any, tick: Any, rings: int) -> Any:
        """State: the sums, and which beat of them is next. Returns whether it is the last one."""
        shape, (sums, outputs) = self._shape, self._shape.folds
        at, group = Signal(range(sums), name="term"), Signal(range(outputs), name="outputs")
        if rings > 1:
            group_last = wrapped(m, group, outputs, tick)
            last = Const(1, 1) if sums == 1 else at == sums - 1
            wrapped(m, at, sums, tick, group_last)
            steps = tick
        else:
            last = wrapped(m, at, sums, tick)
            group_last = wrapped(m, group, outputs, tick & last)
            steps = tick & last
        following = Mux(group_last, 0, group + 1)
        width = shape.output.width
        mask = (1 << width) - 1
        words = []
        for row in shape.biases.tolist():
            words.append(sum((value & mask) << (p * width) for p, value in enumerate(row)))
        # Read one beat ahead; at the beginning the first word is read before a beat can come.
        address = Signal(range(outputs), name="bias_address")
        m.d.comb += address.eq(Mux(steps, following, group))
        bias = table(m, "biases", words, unsigned(shape.pe * width), address, Const(1, 1))
        ring = Ring(m, "sums", rings, unsigned(shape.pe * width), tick)
        totals = []
        for p in range(shape.pe):
            part = slice(p * width, (p + 1) * width)
            base = Mux(at == 0, Value.cast(bias)[part], ring.before[part])
            totals.append((base + plan.outputs[f"dot{p}"])[:width])
            sums_out = ring.value[part]
            m.d.comb += Value.cast(self.o.payload.data[p]).eq(sums_out)
        ring.put(m, Cat(*totals))
        return last

    def _direct(self, m: Module, moves: Any) -> tuple[Any, Any]:
        """Beats enter as they come. State: the beat."""
        elements = Signal(len(self.i.payload.as_value()), name="elements", reset_less=True)
        with m.If(moves):
            m.d.sync += elements.eq(self.i.payload.as_value())
        m.d.comb += self.i.ready.eq(moves)
        return self.i.valid & moves, elements


class DepthwiseUnit(_ProductsUnit):
    """See :class:`.shape.Depthwise`."""

    def elaborate(self, platform: Any) -> Module:
        return self._build(self._direct, 1)


class MatrixVectorUnit(_ProductsUnit):
    """See :class:`.shape.MatrixVector`."""

    def elaborate(self, platform: Any) -> Module:
        if self._shape.replays:
            return self._build(self._replayed, 1)
        if self._shape.accumulates:
            return self._build(self._held, self._shape.folds[1])
        return self._build(self._direct, 1)

    def _held(self, m: Module, moves: Any) -> tuple[Any, Any]:
        """Every beat enters once for each beat of outputs.

        State: the beat, whether there is one, and for which outputs it enters next. The next one is
        taken when the last outputs have it.
        """
        outputs = self._shape.folds[1]
        beat = Signal(len(self.i.payload.as_value()), name="held", reset_less=True)
        is_held = Signal()
        turn = Signal(range(outputs), name="turn")
        enters = Signal()
        m.d.comb += enters.eq(is_held & moves)
        last = wrapped(m, turn, outputs, enters)
        m.d.comb += self.i.ready.eq(~is_held | (last & moves))
        with m.If(self.i.ready):
            m.d.sync += [beat.eq(self.i.payload.as_value()), is_held.eq(self.i.valid)]
        elements = Signal(len(beat), name="elements", reset_less=True)
        with m.If(moves):
            m.d.sync += elements.eq(beat)
        return enters, elements

    def _replayed(self, m: Module, moves: Any) -> tuple[Any, Any]:
        """A vector enters once for each beat of outputs, from a memory of two vectors.

        State: where the next beat is written and read, each as half and place; beats of a first
        turn that are there, less one; free places, less one. A beat that is wanted in the cycle in
        which it comes goes around the memory.
        """
        sums, outputs = self._shape.folds
        bits = (sums - 1).bit_length()
        width = len(self.i.payload.as_value())
        m.submodules.vectors = vectors = memory.Memory(
            shape=width, depth=(1 << bits) + sums, init=[]
        )
        write, read = vectors.write_port(), vectors.read_port()
        taken = Signal()
        enters = Signal()
        begins = Signal()
        to, at = Signal(range(sums), name="write_place"), Signal(range(sums), name="read_place")
        to_half, at_half = Signal(name="write_half"), Signal(name="read_half")
        turn = Signal(range(outputs), name="turn")
        there = Signal(signed((2 * sums).bit_length() + 1), name="there", init=-1)
        space = Signal(signed((2 * sums).bit_length() + 1), name="space", init=2 * sums - 1)
        full, none = Value.cast(space[-1]), Value.cast(there[-1])
        ends = wrapped(m, turn, outputs, enters, wrapped(m, at, sums, enters))
        released = enters & ends
        m.d.comb += [
            self.i.ready.eq(~full),
            taken.eq(self.i.valid & ~full),
            begins.eq(turn == 0),
            enters.eq(moves & (~begins | ~none | taken)),
        ]
        m.d.sync += [
            there.eq(there + taken - (enters & begins)),
            space.eq(space - taken + Mux(released, sums, 0)),
            to_half.eq(to_half ^ (taken & wrapped(m, to, sums, taken))),
            at_half.eq(at_half ^ released),
        ]
        m.d.comb += [
            write.addr.eq(Cat(to[:bits], to_half)),
            write.data.eq(self.i.payload.as_value()),
            write.en.eq(taken),
            read.addr.eq(Cat(at[:bits], at_half)),
            read.en.eq(reads(read, write, moves, 2 * sums)),
        ]
        direct = Signal(reset_less=True)
        came = Signal(Shape(width), name="came", reset_less=True)
        with m.If(moves):
            m.d.sync += [direct.eq(begins & none), came.eq(self.i.payload.as_value())]
        return enters, Mux(direct, came, read.data)
