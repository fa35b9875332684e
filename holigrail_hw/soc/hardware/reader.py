# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A stream of what stands at the addresses of nested loops, through a port that others share.

An address is asked for only when the queue has a place for what comes back, so nothing that was
read ever waits at the port.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from .loops import Loops

__all__ = ["QUEUE", "Reader"]

QUEUE = 4
"""Items that a reader may have asked for before they are taken: enough for one a cycle."""


class Reader(wiring.Component):
    """Reads at the addresses of :class:`Loops`, whose members it has, too.

    Parameters
    ----------
    counts, width, chained
        As those of the loops.
    bits : int
        Of an item.

    Members
    -------
    inner : In
        The loops that make a block: the last item of each turn of them is marked.
    request, address, grant : Out, Out, In
        The port; what was read comes in the cycle after ``grant``, as ``found``.
    o : Out
        Stream of items with the mark ``last``.
    """

    def __init__(self, counts: Sequence[int], width: int, bits: int, *, chained: bool = False):
        self._loops = Loops(counts, width, chained=chained)
        self._bits, self._chained = bits, chained
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
        m.submodules.queue = queue = fifo.SyncFIFO(width=self._bits + 1, depth=QUEUE)
        promised, comes, is_last = Signal(range(QUEUE + 1)), Signal(), Signal()
        m.d.comb += [
            loops.start.eq(self.start),
            loops.base.eq(self.base),
            loops.counts.eq(self.counts),
            loops.steps.eq(self.steps),
            self.request.eq(loops.busy & (promised != QUEUE)),
            self.address.eq(loops.address),
            loops.step.eq(self.grant),
            queue.w_en.eq(comes),
            queue.w_data[:-1].eq(self.found),
            queue.w_data[-1].eq(is_last),
            self.o.valid.eq(queue.r_rdy),
            self.o.payload.eq(queue.r_data),
            queue.r_en.eq(self.o.ready),
        ]
        if self._chained:
            m.d.comb += loops.chain.eq(self.chain)
        m.d.sync += [
            comes.eq(self.grant),
            is_last.eq((loops.ends | ~self.inner).all()),
            promised.eq(promised + self.grant - (self.o.valid & self.o.ready)),
        ]
        return m
