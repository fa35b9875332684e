# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

"""The streams of a precision-scalable array, and the dispatch of chunks at its edges."""

from typing import Any

from amaranth import Cat, Module, Mux, Value
from amaranth.lib import wiring

from holigrail_hw.core import Timing
from holigrail_hw.core.stream_ports import stream_ports

from ..systolic_array.accumulating import AccumulatingArray
from .shape import ScalableArrayShape
from .slots import word_slots

__all__ = ["ScalableStreams"]


class ScalableStreams(wiring.Component):
    """An output-stationary array of scalable elements behind the streams of ``spec``.

    Where shift and add logic is shared, the chunks of a word are dealt out to bricks here, in front
    of the first element of a row or column.
    """

    def __init__(self, spec: ScalableArrayShape, timing: Timing):
        self._spec = spec
        streams = spec.streams()
        self._names = tuple(streams)
        self._array = AccumulatingArray(
            spec.element, spec.rows, spec.columns, timing, ("left", "top", "result")
        )
        super().__init__(stream_ports(streams))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.array = array = self._array
        left, top, result = (getattr(self, name) for name in self._names)
        # Handshakes and results pass; items are taken in pairs, so a mode belongs to both words.
        for outer, inner in ((left, array.left), (top, array.top)):
            m.d.comb += [inner.valid.eq(outer.valid), outer.ready.eq(inner.ready)]
        m.d.comb += [
            Value.cast(result.payload).eq(Value.cast(array.result.payload)),
            result.valid.eq(array.result.valid),
            array.result.ready.eq(result.ready),
            array.left.payload.last.eq(left.payload.last),
        ]
        spec = self._spec
        mode = left.payload["mode"] if spec.unit.mode_width else None
        steering = [Value.cast(left.payload[name]) for name in spec.element.steering]
        for i in range(spec.rows):
            words = self._dealt(left.payload[f"a{i}"], 0, mode)
            m.d.comb += Value.cast(array.left.payload[f"a{i}"]).eq(Cat(words, *steering))
        for j in range(spec.columns):
            words = self._dealt(top.payload[f"w{j}"], 1, mode)
            m.d.comb += Value.cast(array.top.payload[f"b{j}"]).eq(words)
        return m

    def _dealt(self, bundle: Any, port: int, mode: Any) -> Value:
        """Words as elements take them: as they are, or a chunk for every brick."""
        spec, word = self._spec, Value.cast(bundle)
        if spec.placing != "column":
            return word
        chunk, width = spec.width >> spec.levels, spec.unit.port_widths[port]
        slots = [word_slots(spec.width, spec.levels, one) for one in spec.mode_list]
        parts = []
        for index in range(spec.depth):
            here = word[index * width : (index + 1) * width]
            for brick in range(len(slots[0])):
                places = [
                    (by_mode[brick].activation, by_mode[brick].weight)[port] for by_mode in slots
                ]
                chosen: Any = _chunk(here, places[-1], chunk)
                for code, place in enumerate(places[:-1]):
                    chosen = Mux(mode == code, _chunk(here, place, chunk), chosen)
                parts.append(chosen)
        return Cat(*parts)


def _chunk(word: Value, place: int, size: int) -> Value:
    return word[place * size : (place + 1) * size]
