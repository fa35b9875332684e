# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The order in which a matrix engine reads its vectors: for every tile of columns, all of them."""

from typing import Any

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .countdown import countdown
from .feeders import GOOD
from .walk import Walk

__all__ = ["Sequencer", "tags_layout"]

_TAGS = {"vector": 1, "opens": 1, "closes": 1, "first": 1, "final": 1, "ends": 1, "code": 2}
_RESUMABLE = {"keep": 1, "new": 1, "moves": 1}


def tags_layout(resumable: bool) -> data.StructLayout:
    """What goes with a vector.

    The first and the last one of its tile, whether the tile starts sums or completes them (with
    it results leave), whether it ends the job. A refused job is one item that holds no vector.
    Where sums may go on: whether the job keeps them, whether the tile is the first along K, and
    whether its sums have rows behind those of the tile of N before.
    """
    return data.StructLayout(_TAGS | (_RESUMABLE if resumable else {}))


class Sequencer(wiring.Component):
    """Reads the buffer through two registers, one vector per cycle.

    Parameters
    ----------
    width : int
        Bits of a vector.
    depth : int
        Vectors in one half of the buffer.
    job : StructLayout
        That of the loader's job.
    asks : bool
        Tell the buffer, by ``ask``, ``ask_half`` and ``ask_address``, of which vector the next read
        will be, at least a cycle before it.
    window : StructLayout or None
        That of ``window``, if vectors are windows over an image.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        job: data.StructLayout,
        *,
        asks: bool = False,
        window: Any = None,
    ):
        self._depth, self._asks, self._width = depth, asks, width
        self._resumable, self._window = "resume" in job.members, window
        tags = tags_layout(self._resumable)
        asking = {"ask": Out(1), "ask_half": Out(1), "ask_address": Out(range(depth))}
        super().__init__(
            (asking if asks else {})
            | ({"window": In(window)} if window else {})
            | {
                "job": In(job),
                "offered": In(1),
                "taken": Out(1),
                "address": Out(range(depth)),
                "half": Out(1),
                "read": Out(1),
                "data": In(width),
                "o": Out(stream.Signature(data.StructLayout({"vector": width, "tags": tags}))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        job = Signal(self.job.shape())
        busy = Signal()
        opens = Signal()
        first = Signal()
        whole_tile = Signal()
        layout = tags_layout(self._resumable)
        tags = Signal(layout)
        held = Signal(layout)
        # Nested counters: the last vector of a tile, the last tile of a column, the last column.
        m.d.comb += whole_tile.eq(self.read & tags.closes)

        def last(name: str, counts: Any) -> Signal:
            return countdown(m, name, self.job[name], job[name], loads=self.taken, counts=counts)

        closes = last("vectors", self.read)
        completes = last("k_tiles", whole_tile)
        last_column = last("n_tiles", whole_tile & completes)
        has_data = Signal()
        can_move = Signal()
        m.d.comb += [
            self.taken.eq(self.offered & ~busy),
            can_move.eq(~self.o.valid | self.o.ready),
            self.read.eq(busy & (~has_data | can_move)),
            self.half.eq(job.half),
            tags.vector.eq(job.code == GOOD),
            tags.opens.eq(opens & (job.code == GOOD)),
            tags.closes.eq(closes),
            tags.first.eq(first),
            tags.final.eq(completes & (job.code == GOOD)),
            tags.ends.eq((job.code != GOOD) | (closes & completes & last_column)),
            tags.code.eq(job.code),
        ]
        if self._resumable:
            self._resume(m, job, tags, first, completes)
        address = self._address(m, tags, completes)
        m.d.comb += self.address.eq(address)
        if self._asks:
            m.d.comb += [
                self.ask.eq(self.taken | self.read),
                self.ask_half.eq(Mux(self.taken, self.job.half, job.half)),
                self.ask_address.eq(address + 1),
            ]
            with m.If(self.taken | (tags.closes & completes)):
                m.d.comb += self.ask_address.eq(0)
        with m.If(self.taken):
            m.d.sync += [
                busy.eq(1),
                job.eq(self.job),
                opens.eq(1),
                first.eq(1),
            ]
        with m.If(self.read):
            m.d.sync += [opens.eq(tags.closes), held.eq(tags)]
            with m.If(tags.closes):
                m.d.sync += first.eq(completes)
            with m.If(tags.ends):
                m.d.sync += busy.eq(0)
        with m.If(self.read):
            m.d.sync += has_data.eq(1)
        with m.Elif(can_move):
            m.d.sync += has_data.eq(0)
        with m.If(can_move):
            m.d.sync += self.o.valid.eq(has_data)
        with m.If(can_move & has_data):
            m.d.sync += [self.o.payload.vector.eq(self._data), self.o.payload.tags.eq(held)]
        return m

    def _resume(self, m: Module, job: Any, tags: Any, first: Any, completes: Any) -> None:
        """Tags of a job that may keep sums, or go on from those that are kept."""
        begun = Signal()
        m.d.comb += [
            tags.first.eq(first & ~job.resume),
            tags.final.eq(completes & (job.code == GOOD) & ~job.keep),
            tags.keep.eq(job.keep & (job.code == GOOD)),
            tags.new.eq(first),
            tags.moves.eq(first & begun & (job.keep | job.resume)),
        ]
        with m.If(self.taken):
            m.d.sync += begun.eq(0)
        with m.Elif(self.read & tags.closes & completes):
            m.d.sync += begun.eq(1)

    def _address(self, m: Module, tags: Any, completes: Any) -> Any:
        """Where the vector is that is read: behind the one before, or on the way of a window."""
        self._data: Any = self.data
        if self._window:
            m.submodules.walk = walk = Walk(self._window, self._depth)
            inside = Signal()
            pad = Signal.like(Value.cast(walk.pad), name="held_pad")
            m.d.comb += [
                walk.window.eq(self.window),
                walk.take.eq(self.taken),
                walk.read.eq(self.read),
                walk.closes.eq(tags.closes),
                walk.final.eq(completes),
            ]
            with m.If(self.read):
                m.d.sync += [inside.eq(walk.inside), pad.eq(Value.cast(walk.pad))]
            self._data = Mux(inside, self.data, pad.replicate(self._width // len(pad)))
            return walk.address
        address = Signal(range(self._depth))
        with m.If(self.read):
            m.d.sync += address.eq(address + 1)
            with m.If(tags.closes & completes):
                m.d.sync += address.eq(0)
        with m.If(self.taken):
            m.d.sync += address.eq(0)
        return address
