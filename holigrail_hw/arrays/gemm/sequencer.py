# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The order in which a matrix engine reads its vectors: for every tile of columns, all of them."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .feeders import GOOD, JOB

__all__ = ["TAGS", "Sequencer"]

# What goes with a vector: the first and the last one of its tile, whether the tile starts sums or
# completes them, whether it ends the job. A refused job is one item that holds no vector.
TAGS = data.StructLayout(
    {"vector": 1, "opens": 1, "closes": 1, "first": 1, "final": 1, "ends": 1, "code": 2}
)


class Sequencer(wiring.Component):
    """Reads the buffer through two registers, one vector per cycle.

    Parameters
    ----------
    width : int
        Bits of a vector.
    depth : int
        Vectors in one half of the buffer.
    asks : bool
        Tell the buffer, by ``ask``, ``ask_half`` and ``ask_address``, of which vector the next read
        will be, at least a cycle before it.
    """

    def __init__(self, width: int, depth: int, *, asks: bool = False):
        self._depth, self._asks = depth, asks
        asking = {"ask": Out(1), "ask_half": Out(1), "ask_address": Out(range(depth))}
        super().__init__(
            (asking if asks else {})
            | {
                "job": In(JOB),
                "offered": In(1),
                "taken": Out(1),
                "address": Out(range(depth)),
                "half": Out(1),
                "read": Out(1),
                "data": In(width),
                "o": Out(stream.Signature(data.StructLayout({"vector": width, "tags": TAGS}))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        job, busy = Signal(JOB), Signal()
        vector, k_left, n_left = Signal(16), Signal(16), Signal(16)
        opens, first = Signal(), Signal()
        address = Signal(range(self._depth))
        tags, held = Signal(TAGS), Signal(TAGS)
        has_data, can_move = Signal(), Signal()
        m.d.comb += [
            self.taken.eq(self.offered & ~busy),
            can_move.eq(~self.o.valid | self.o.ready),
            self.read.eq(busy & (~has_data | can_move)),
            self.address.eq(address),
            self.half.eq(job.half),
            tags.vector.eq(job.code == GOOD),
            tags.opens.eq(opens & (job.code == GOOD)),
            tags.closes.eq(vector == 1),
            tags.first.eq(first),
            tags.final.eq(k_left == 1),
            tags.ends.eq((job.code != GOOD) | ((vector == 1) & (k_left == 1) & (n_left == 1))),
            tags.code.eq(job.code),
        ]
        if self._asks:
            m.d.comb += [
                self.ask.eq(self.taken | self.read),
                self.ask_half.eq(Mux(self.taken, self.job.half, job.half)),
                self.ask_address.eq(address + 1),
            ]
            with m.If(self.taken | (tags.closes & tags.final)):
                m.d.comb += self.ask_address.eq(0)
        with m.If(self.taken):
            m.d.sync += [
                busy.eq(1),
                job.eq(self.job),
                vector.eq(self.job.vectors),
                k_left.eq(self.job.k_tiles),
                n_left.eq(self.job.n_tiles),
                opens.eq(1),
                first.eq(1),
                address.eq(0),
            ]
        with m.If(self.read):
            m.d.sync += [
                opens.eq(tags.closes),
                vector.eq(vector - 1),
                address.eq(address + 1),
                held.eq(tags),
            ]
            with m.If(tags.closes):
                m.d.sync += [vector.eq(job.vectors), first.eq(tags.final), k_left.eq(k_left - 1)]
                with m.If(tags.final):
                    m.d.sync += [
                        k_left.eq(job.k_tiles),
                        n_left.eq(n_left - 1),
                        address.eq(0),
                    ]
            with m.If(tags.ends):
                m.d.sync += busy.eq(0)
        with m.If(self.read):
            m.d.sync += has_data.eq(1)
        with m.Elif(can_move):
            m.d.sync += has_data.eq(0)
        with m.If(can_move):
            m.d.sync += self.o.valid.eq(has_data)
        with m.If(can_move & has_data):
            m.d.sync += [self.o.payload.vector.eq(self.data), self.o.payload.tags.eq(held)]
        return m
