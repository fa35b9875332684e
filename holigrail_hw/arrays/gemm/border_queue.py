# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""A queue between the lanes, which cannot wait, and the outside, which may."""

from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib import fifo

__all__ = ["BorderQueue"]


class BorderQueue:
    """A queue at the border of the engine; it has room for what was promised to it."""

    def __init__(self, m: Module, name: str, depth: int, port: Any, write: Any, value: Any):
        queue = fifo.SyncFIFOBuffered(width=len(value), depth=depth)
        m.submodules[name] = queue
        self._depth, self._given = depth, port.valid & port.ready
        self._promised = Signal(range(depth + 1), name=f"{name}_promised")
        # Registers, as much depends on it in its cycle.
        self.has_room = Signal(name=f"{name}_have_room", init=1)
        m.d.comb += [
            queue.w_data.eq(value),
            queue.w_en.eq(write),
            Value.cast(port.payload).eq(queue.r_data),
            port.valid.eq(queue.r_rdy),
            queue.r_en.eq(port.ready),
        ]

    def promise(self, m: Module, gained: Any) -> None:
        """Count what is promised and not yet given."""
        promised, full = self._promised, self._depth - 1
        with m.If(gained & ~self._given):
            m.d.sync += [promised.eq(promised + 1), self.has_room.eq(promised != full)]
        with m.Elif(self._given & ~gained):
            m.d.sync += [promised.eq(promised - 1), self.has_room.eq(1)]
