# Amaranth is untyped: its streams look wrong to a type checker.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

"""The unrolled network with its streams of frames."""

from collections.abc import Mapping
from typing import Any

from amaranth import Module
from amaranth.lib import wiring

from holigrail_hw.core import Timing
from holigrail_hw.core.stream_ports import stream_ports
from holigrail_hw.core.streams import Stream
from holigrail_hw.shells.stream.shell import Streamed

from .frame import Frame

__all__ = ["Parallel"]


class Parallel(wiring.Component):
    """A frame per beat: everything goes on together, or waits until a result is accepted.

    Members
    -------
    x : In, stream of the elements of a frame
    result : Out, stream of its results
    """

    def __init__(self, frame: Frame, streams: Mapping[str, Stream], timing: Timing):
        self._inner = Streamed(frame, timing)
        self.latency = self._inner.latency
        self.clock = self._inner.clock
        super().__init__(stream_ports(streams))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # No state of its own: both handshakes are those of the stream shell inside.
        m.submodules.frame = inner = self._inner
        entering, leaving = inner.i.payload, inner.o.payload
        m.d.comb += [
            inner.i.valid.eq(self.x.valid),
            self.x.ready.eq(inner.i.ready),
            self.result.valid.eq(inner.o.valid),
            inner.o.ready.eq(self.result.ready),
        ]
        x, result = self.x.payload, self.result.payload
        lanes = (len(payload.shape().members) for payload in (x, result))
        entering_lanes, leaving_lanes = lanes
        m.d.comb += [entering[f"x{i}"].eq(x[f"value{i}"]) for i in range(entering_lanes)]
        m.d.comb += [result[f"value{i}"].eq(leaving[f"result{i}"]) for i in range(leaving_lanes)]
        return m
