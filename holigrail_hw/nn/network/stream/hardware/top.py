# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The units of a network, joined by wires and queues."""

from collections.abc import Mapping
from typing import Any

from amaranth import Cat, Const, Module, Shape, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.formats import Format

from ..design import Design
from ..schedule.dataflow import OUTSIDE
from .border import Leaving, Marks

__all__ = ["StreamNetwork"]


def _payload(fields: Mapping[str, Format]) -> data.StructLayout:
    signed = {name: bool(getattr(format, "signed", False)) for name, format in fields.items()}
    return data.StructLayout({n: Shape(f.width, signed[n]) for n, f in fields.items()})


class StreamNetwork(wiring.Component):
    """A network of units.

    Members
    -------
    x : In, stream of ``value0`` ... and ``last``, if a frame has several beats
    result : Out, stream of ``value0`` ..., ``last`` likewise, and ``error`` if ``x`` has ``last``

    Parameters
    ----------
    design : Design
    entering, leaving : mapping of names to formats
        The fields of both streams.
    """

    def __init__(
        self, design: Design, entering: Mapping[str, Format], leaving: Mapping[str, Format]
    ):
        self._design = design
        super().__init__(
            {
                "x": In(stream.Signature(_payload(entering))),
                "result": Out(stream.Signature(_payload(leaving))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        design = self._design
        units = []
        for placed in design.units:
            m.submodules[placed.name] = unit = placed.unit.component()
            units.append(unit)
        ends = []
        for at, edge in enumerate(design.edges):
            queue = design.queue(at)
            ends.append(None if queue is None else queue.component())
            if queue is not None:
                m.submodules[f"queue{at}_{self._label(edge)}"] = ends[-1]
        self._inner(m, units, ends)
        self._border(m, units, ends)
        return m

    def _label(self, edge: Any) -> str:
        if edge.consumer == OUTSIDE:
            return "result"
        return self._design.units[edge.consumer].name

    def _inner(self, m: Module, units: list[Any], queues: list[Any]) -> None:
        """From every unit to its readers, and from every queue to the unit behind it."""
        design = self._design
        for index, unit in enumerate(units):
            readers = design.dataflow.readers(index)
            targets = []
            for at in readers:
                edge = design.edges[at]
                if queues[at] is not None:
                    targets.append(queues[at].i)
                elif edge.consumer != OUTSIDE:
                    targets.append(_input(units[edge.consumer], edge.side))
            if targets:
                _written(m, unit.o.valid, unit.o.payload, unit.o.ready, targets)
        for at, edge in enumerate(design.edges):
            if queues[at] is not None and edge.consumer != OUTSIDE:
                target, queue = _input(units[edge.consumer], edge.side), queues[at]
                _written(m, queue.o.valid, queue.o.payload, queue.o.ready, [target])

    def _border(self, m: Module, units: list[Any], queues: list[Any]) -> None:
        """The frames' own streams; with marks, results wait until their frame has come in."""
        design = self._design
        targets = []
        for at in design.dataflow.readers(OUTSIDE):
            edge = design.edges[at]
            queue = queues[at]
            targets.append(_input(units[edge.consumer], edge.side) if queue is None else queue.i)
        beat = _packed(self.x.payload, targets[0].payload.data)
        _written(m, self.x.valid, beat, self.x.ready, targets)
        end = design.dataflow.end
        last = units[design.edges[end].producer].o if queues[end] is None else queues[end].o
        beats, results = design.dataflow.tokens, design.dataflow.results
        fields = self.result.payload
        for lane in range(len(last.payload.data)):
            m.d.comb += fields[f"value{lane}"].eq(last.payload.data[lane])
        if not design.dataflow.gated and results == 1:
            m.d.comb += [self.result.valid.eq(last.valid), last.ready.eq(self.result.ready)]
            return
        m.submodules.leaving = leaving = Leaving(results, design.frames_inside)
        m.d.comb += leaving.taken.eq(self.result.valid & self.result.ready)
        if results > 1:
            m.d.comb += fields.last.eq(leaving.last)
        there = Const(1, 1)
        if design.dataflow.gated:
            there = leaving.there
            m.submodules.marks = marks = Marks(beats)
            m.d.comb += [
                marks.taken.eq(self.x.valid & self.x.ready),
                marks.last.eq(self.x.payload.last),
                leaving.entered.eq(marks.taken & marks.whole),
                leaving.wrong.eq(marks.wrong),
                fields.error.eq(leaving.error),
            ]
        m.d.comb += [
            self.result.valid.eq(last.valid & there),
            last.ready.eq(self.result.ready & there),
        ]


def _input(unit: Any, side: int) -> Any:
    """The stream of an operand of a unit."""
    return unit.i if hasattr(unit, "i") else getattr(unit, f"i{side}")


def _packed(payload: Any, lanes: Any) -> Any:
    """The elements of a beat, every one as wide as the widest."""
    width = Shape.cast(lanes.shape().elem_shape).width
    found = []
    for lane in range(len(lanes)):
        value = Value.cast(payload[f"value{lane}"])
        missing = width - len(value)
        top = value[-1] if value.shape().signed else Const(0, 1)
        found += [value, top.replicate(missing)] if missing else [value]
    return Cat(*found)


def _written(m: Module, valid: Any, payload: Any, ready: Any, targets: list[Any]) -> None:
    """To all targets in the same cycle, once all are ready."""
    able = [target.ready for target in targets]
    m.d.comb += ready.eq(Cat(*able).all())
    for target in targets:
        others = [
            other for other, stream in zip(able, targets, strict=True) if stream is not target
        ]
        m.d.comb += [
            target.valid.eq(valid & Cat(*others).all() if others else valid),
            Value.cast(target.payload).eq(Value.cast(payload)),
        ]
