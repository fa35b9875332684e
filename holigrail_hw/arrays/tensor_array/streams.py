"""The streams of a tensor array, whose fields are single numbers, around an array of words."""

from collections.abc import Mapping
from typing import Any

from amaranth import Module, Value
from amaranth.lib import wiring

from holigrail_hw.core import Stream, Timing
from holigrail_hw.core.stream_ports import stream_ports

from ..systolic_array.accumulating import AccumulatingArray
from .bundle import BundledElement

__all__ = ["TensorStreams"]


class TensorStreams(wiring.Component):
    """An output-stationary array of tensor elements behind ``streams``.

    The fields of an element lie together, in the order of its ports, and the mark comes last.
    """

    def __init__(
        self,
        element: BundledElement,
        rows: int,
        columns: int,
        timing: Timing,
        streams: Mapping[str, Stream],
    ):
        self._names = tuple(streams)
        self._array = AccumulatingArray(element, rows, columns, timing, ("left", "top", "result"))
        super().__init__(stream_ports(streams))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.array = array = self._array
        left, top, result = (getattr(self, name) for name in self._names)
        for outer, inner in ((left, array.left), (top, array.top), (array.result, result)):
            m.d.comb += [
                Value.cast(inner.payload).eq(Value.cast(outer.payload)),
                inner.valid.eq(outer.valid),
                outer.ready.eq(inner.ready),
            ]
        return m
