# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Thresholds by a binary search: a comparison and a memory for every bit of the count."""

from typing import Any

from amaranth import Cat, Const, Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, beats, shape_of, table, wrapped
from ..unit import Integers

__all__ = ["ThresholdsUnit"]


class ThresholdsUnit(wiring.Component):
    """See :class:`.shape.Thresholds`; the pipeline is one of :class:`.elastic.Pipeline`.

    In stage k the element is compared with the threshold that the bits before select, which was
    read from the memory of that level on the way into the stage. State: which channels come next.
    """

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__(
            {
                "i": In(beats(shape.input, shape.lanes)),
                "o": Out(beats(shape.output, shape.lanes)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shape, levels = self._shape, self._shape.levels
        line = Pipeline(m, levels + 1, self.o.ready)
        line.fill(m, self.i.valid)
        m.d.comb += [self.i.ready.eq(line.moves[0]), self.o.valid.eq(line.valid[-1])]
        channel: Any = Signal(range(shape.groups), name="channels")
        wrapped(m, channel, shape.groups, self.i.valid & line.moves[0])
        groups = [channel]
        for stage in range(levels - 1):
            if shape.groups > 1:
                channel = line.register(m, stage, channel, f"channels{stage}")
            groups.append(channel)
        rows = shape.by_lane(shape.rising)
        for lane in range(shape.lanes):
            element: Any = self.i.payload.data[lane]
            bits: Any = None
            for level in range(levels):
                prefixes = range(1 << level)
                words = [
                    int(rows[((p << 1 | 1) << (levels - 1 - level)) - 1, g, lane])
                    for g in range(shape.groups)
                    for p in prefixes
                ]
                address = groups[level] if bits is None else Cat(bits, groups[level])
                if bits is not None and shape.groups == 1:
                    address = bits
                name, moves = f"level{level}_{lane}", line.moves[level]
                threshold = table(m, name, words, shape_of(shape.compared), address, moves)
                element = line.register(m, level, element, f"element{level}_{lane}")
                reached = Signal(name=f"reached{level}_{lane}")
                m.d.comb += reached.eq(element >= threshold)
                if bits is not None:
                    bits = line.register(m, level, bits, f"count{level}_{lane}")
                bits = reached if bits is None else Cat(reached, bits)
            self._code(m, line, lane, bits, groups[-1])
        return m

    def _code(self, m: Module, line: Pipeline, lane: int, bits: Any, channel: Any) -> None:
        """From the count to the code, on the way into the last stage and behind it."""
        shape, last = self._shape, self._shape.levels
        base, step = (shape.by_lane(a)[:, lane].tolist() for a in shape.codes)
        count = Signal(unsigned(last), name=f"count_{lane}")
        m.d.comb += count.eq(bits)
        if last > 1 and shape.groups > 1:
            channel = line.register(m, last - 1, channel, f"channels{last - 1}_{lane}")
        elif shape.groups > 1:
            channel = line.register(m, 0, channel, f"channels0_{lane}")
        each = Integers.of(base)
        first = table(m, f"base_{lane}", base, shape_of(each), channel, line.moves[last])
        code: Any = self.o.payload.data[lane]
        if len(set(step)) == 1 and isinstance(first, Const):
            total = line.register(m, last, count * step[0] + base[0], f"code_{lane}")
            m.d.comb += code.eq(total)
            return
        change = table(
            m, f"step_{lane}", step, shape_of(Integers.of(step)), channel, line.moves[last]
        )
        kept = line.register(m, last, count, f"count{last}_{lane}")
        m.d.comb += code.eq(first + kept * change)
