# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Partial results in turn, each joined with the next element that belongs to it."""

from collections.abc import Sequence
from typing import Any

from amaranth import Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, Ring, among, beats, shape_of, wrapped
from ..unit import Integers

__all__ = ["PoolUnit", "ReduceUnit"]


def _joined(
    m: Module,
    name: str,
    how: str,
    elements: Sequence[Any],
    results: Integers,
    length: int,
    first: Any,
    tick: Any,
) -> list[Any]:
    """Lane by lane the results so far, of so many windows in turn, in a :class:`.elastic.Ring`."""
    shape = shape_of(results)
    ring = Ring(m, name, length, unsigned(shape.width * len(elements)), tick)
    new, values = [], []
    for lane, element in enumerate(elements):
        part = slice(lane * shape.width, (lane + 1) * shape.width)
        before, value = (Value.cast(v)[part] for v in (ring.before, ring.value))
        if shape.signed:
            before, value = before.as_signed(), value.as_signed()
        joined = Mux(before > element, before, element) if how == "maximum" else before + element
        total = Signal(shape, name=f"{name}_new{lane}")
        m.d.comb += total.eq(Mux(first, element, joined))
        new.append(total.as_unsigned())
        values.append(value)
    whole = Signal(unsigned(shape.width * len(elements)), name=f"{name}_whole")
    for lane, total in enumerate(new):
        m.d.comb += whole[lane * shape.width : (lane + 1) * shape.width].eq(total)
    ring.put(m, whole)
    return values


class PoolUnit(wiring.Component):
    """See :class:`.shape.Pool`.

    State: the place in the image, partial results of the windows of a row, and of those of a row
    within a window. The pipeline has one stage per kind of partial results, which holds a beat when
    they are complete.
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
        shape = self._shape
        line = Pipeline(m, len(shape.rings), self.o.ready)
        taken = Signal()
        m.d.comb += [
            self.i.ready.eq(line.moves[0]),
            taken.eq(self.i.valid & line.moves[0]),
            self.o.valid.eq(line.valid[-1]),
        ]
        down, across = self._places(m, taken)
        used = down[0] & across[0]
        elements = [self.i.payload.data[lane] for lane in range(shape.lanes)]
        if len(shape.rings) == 1:
            ends = [Const(1, 1), Const(1, 1)]
            if shape.window.kernel[1] > 1 or shape.places[1] == 1:
                ends = list(across[1:])
            if shape.window.kernel[0] > 1:
                ends = [a & b for a, b in zip(ends, down[1:], strict=True)]
            first, last = ends
            found = _joined(
                m,
                "results",
                shape.how,
                elements,
                shape.output,
                shape.rings[0],
                first,
                taken & used,
            )
            line.fill(m, taken & used & last)
        else:
            part = _joined(
                m,
                "columns",
                shape.how,
                elements,
                shape.across,
                shape.rings[0],
                across[1],
                taken & used,
            )
            first, last = (
                line.register(m, 0, flag, name)
                for flag, name in zip(down[1:], ("first_row", "last_row"), strict=True)
            )
            tick = line.valid[0] & line.moves[1]
            found = _joined(m, "rows", shape.how, part, shape.output, shape.rings[1], first, tick)
            line.fill(m, taken & used & across[2], {1: last})
        for lane, value in enumerate(found):
            m.d.comb += self.o.payload.data[lane].eq(value)
        return m

    def _places(self, m: Module, taken: Any) -> list[list[Any]]:
        """For rows and columns: whether this one is in a window, and its first, its last."""
        shape, found = self._shape, []
        fold = Signal(range(shape.folds), name="fold")
        inner = wrapped(m, fold, shape.folds, taken)
        for axis, name in ((1, "column"), (0, "row")):
            size = shape.size[axis]
            counter = Signal(range(size), name=name)
            inner = wrapped(m, counter, size, taken, inner)
            firsts, lasts = (ends.tolist() for ends in shape.spans[axis])
            inside = [n for a, b in zip(firsts, lasts, strict=True) for n in range(a, b + 1)]
            found.append(
                [
                    among(m, f"{name}_{what}", counter, size, places)
                    for what, places in (("used", inside), ("first", firsts), ("last", lasts))
                ]
            )
        return found[::-1]


class ReduceUnit(wiring.Component):
    """See :class:`.shape.Reduce`. State: the tap, and the results so far."""

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
        shape = self._shape
        line = Pipeline(m, 1, self.o.ready)
        taken = Signal()
        tap = Signal(range(shape.taps))
        last = wrapped(m, tap, shape.taps, taken)
        m.d.comb += [
            self.i.ready.eq(line.moves[0]),
            taken.eq(self.i.valid & line.moves[0]),
            self.o.valid.eq(line.valid[0]),
        ]
        line.fill(m, taken & last)
        elements = [self.i.payload.data[lane] for lane in range(shape.lanes)]
        found = _joined(m, "results", shape.how, elements, shape.output, 1, tap == 0, taken)
        for lane, value in enumerate(found):
            m.d.comb += self.o.payload.data[lane].eq(value)
        return m
