# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A stream of what stands at the addresses of nested loops, through a port that others share.

An address is asked for only when the queue has a place for what comes back, so nothing that was
read ever waits at the port.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arrays.shared.delays import delayed

from .loops import Loops
from .scratchpad import READ_CYCLES

__all__ = ["QUEUE", "Reader"]

QUEUE = 8
"""Items that a reader may have asked for before they are taken: enough for one a cycle, of which
each takes ``READ_CYCLES``, two in the queue, and two until its place is free."""


class Reader(wiring.Component):
    """Reads at the addresses of :class:`Loops`, whose members it has, too.

    Parameters
    ----------
    counts, width, chained
        As those of the loops.
    bits : int
        Of an item.
    holds : bool
        An item that is not taken at once goes into one more register, so that nothing in the queue
        depends on ``o.ready`` in its cycle. Items come out in the same cycles either way.

    Members
    -------
    inner : In
        The loops that make a block: the last item of each turn of them is marked.
    request, address, grant : Out, Out, In
        The port; what was read comes ``READ_CYCLES`` after ``grant``, as ``found``.
    o : Out
        Stream of items with the mark ``last``.
    """

    def __init__(
        self,
        counts: Sequence[int],
        width: int,
        bits: int,
        *,
        chained: bool = False,
        holds: bool = False,
    ):
        self._loops = Loops(counts, width, chained=chained)
        self._bits, self._chained, self._holds = bits, chained, holds
        members = self._loops.signature.members
        names = ("start", "base", "counts", "steps") + (("chain",) if chained else ())
        item = data.StructLayout({"data": bits, "last": 1})
        super().__init__(
            {name: members[name] for name in names}
            | {
                **{"inner": In(len(counts)), "request": Out(1), "address": Out(width)},
                **{"grant": In(1), "found": In(bits), "o": Out(stream.Signature(item))},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.loops = loops = self._loops
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=self._bits + 1, depth=QUEUE + 1)
        promised = Signal(range(QUEUE + 1))
        is_last = (loops.ends | ~self.inner).all()
        # A register, as whom the port is given to depends on it in its cycle.
        has_room = Signal(init=1)
        following = Signal.like(promised)
        m.d.comb += [
            loops.start.eq(self.start),
            loops.base.eq(self.base),
            loops.counts.eq(self.counts),
            loops.steps.eq(self.steps),
            self.request.eq(loops.busy & has_room),
            self.address.eq(loops.address),
            loops.step.eq(self.grant),
            queue.w_en.eq(delayed(m, self.grant, READ_CYCLES, "comes", resets=True)),
            queue.w_data[:-1].eq(self.found),
            queue.w_data[-1].eq(delayed(m, is_last, READ_CYCLES, "is_last")),
        ]
        if self._holds:
            kept = Signal(self._bits + 1, reset_less=True)
            waits = Signal()
            m.d.comb += [
                self.o.valid.eq(queue.r_rdy | waits),
                self.o.payload.eq(Mux(waits, kept, queue.r_data)),
                queue.r_en.eq(~waits),
            ]
            m.d.sync += waits.eq(self.o.valid & ~self.o.ready)
            with m.If(~waits):
                m.d.sync += kept.eq(queue.r_data)
        else:
            m.d.comb += [
                self.o.valid.eq(queue.r_rdy),
                self.o.payload.eq(queue.r_data),
                queue.r_en.eq(self.o.ready),
            ]
        if self._chained:
            m.d.comb += loops.chain.eq(self.chain)
        # Whether an item is taken is known late in its cycle.
        taken = delayed(m, self.o.valid & self.o.ready, 1, "taken", resets=True)
        m.d.comb += following.eq(promised + self.grant - taken)
        m.d.sync += [promised.eq(following), has_room.eq(following != QUEUE)]
        return m
