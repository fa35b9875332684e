# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Many streams of items over one line of bytes in each direction.

The far end is a host with plenty of memory; this end has a queue for each stream that feeds the
design. Both directions carry frames (:mod:`..framing`) with the headers of :mod:`.protocol`.

Flow control is by credit (Kung and Morris, "Credit-based flow control for ATM networks", 1995):
the host may send at most ``depth`` items of a source ahead of credit, so the line never waits for a
queue, and a stalled stream does not block the others. Credit is returned once half a queue has been
taken: until then the design still has the other half, so neither side waits for credit that does
not come. Sinks need no queue, as the host always listens.
"""

from collections.abc import Mapping
from typing import Any

from amaranth import Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from ..framing import FrameSender
from ..skid_buffer import SkidBuffer
from .incoming import Incoming
from .outgoing import Outgoing
from .protocol import CREDIT_BYTES, DIGEST_BYTES, STREAMS

__all__ = ["StreamLink"]


class StreamLink(wiring.Component):
    """Streams of a design over a line of bytes.

    Every byte of the line is taken at once; an item enters its queue the cycle after its last byte.

    Parameters
    ----------
    sources, sinks : mapping
        Widths in bits of the streams into the design and out of it, by name.
    digest : bytes
        Identifies the design, 8 bytes.
    depth : int
        Items that each source's queue holds, 2 to 65535.
    registered : bool
        Whether items go through registers between the queues' memories and the design, between
        the design and the frames, and between these and the line: for fast clocks.

    Members
    -------
    i, o : In and Out, streams of bytes of the line
    to_NAME : Out, stream of the items of a source, as plain bits
    from_NAME : In, stream of the items of a sink, as plain bits
    reset : Out(1), for one cycle: reset the design
    """

    def __init__(
        self,
        sources: Mapping[str, int],
        sinks: Mapping[str, int],
        *,
        digest: bytes,
        depth: int = 256,
        registered: bool = False,
    ):
        for count in (len(sources), len(sinks)):
            if not 1 <= count <= STREAMS:
                raise ValueError(
                    f"stream link: there must be 1 to {STREAMS} streams each way, not {count}"
                )
        if not 2 <= depth < 1 << 8 * CREDIT_BYTES:
            raise ValueError(f"stream link: depth must be 2 to 65535 items, not {depth}")
        if len(digest) != DIGEST_BYTES:
            raise ValueError(f"stream link: digest must be {DIGEST_BYTES} bytes, not {len(digest)}")
        self._sources, self._sinks = dict(sources), dict(sinks)
        self._digest, self._depth, self._registered = digest, depth, registered
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "o": Out(stream.Signature(8)),
                "reset": Out(1),
            }
            | {f"to_{name}": Out(stream.Signature(width)) for name, width in sources.items()}
            | {f"from_{name}": In(stream.Signature(width)) for name, width in sinks.items()}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        incoming = Incoming(list(self._sources.values()))
        outgoing = Outgoing(
            list(self._sinks.values()), len(self._sources), self._depth, self._digest
        )
        # A reset clears everything but the receiver, which goes on listening. The frame being sent
        # is dropped; the byte on offer stays until ``ready``.
        m.submodules.incoming = incoming
        m.submodules.outgoing = outgoing = ResetInserter(self.reset)(outgoing)
        m.submodules.sender = sender = FrameSender()
        self._pass_on(m, "frames", outgoing.o, sender.i)
        m.d.comb += [
            incoming.i.valid.eq(self.i.valid),
            incoming.i.payload.eq(self.i.payload),
            self.o.valid.eq(sender.o.valid),
            self.o.payload.eq(sender.o.payload),
            sender.o.ready.eq(self.o.ready),
            sender.abort.eq(self.reset),
            self.reset.eq(incoming.reset),
            outgoing.identify.eq(incoming.identify),
            outgoing.nonce.eq(incoming.nonce),
            outgoing.status.eq(incoming.status),
        ]
        for number, name in enumerate(self._sources):
            self._feed(m, number, name, incoming, outgoing)
        # Sinks: an item is accepted in the cycle in which it is copied into the frame being sent,
        # or into registers in front of that.
        for number, (name, width) in enumerate(self._sinks.items()):
            entering = stream.Signature(width).create()
            self._pass_on(m, f"entry_{name}", getattr(self, f"from_{name}"), entering)
            m.d.comb += [
                outgoing.items[number].eq(entering.payload),
                outgoing.valid[number].eq(entering.valid),
                entering.ready.eq(outgoing.item_taken[number]),
            ]
        return m

    def _feed(self, m: Module, number: int, name: str, incoming: Any, outgoing: Any) -> None:
        """A source: a queue, and the number of items the design has taken since credit was last
        sent. By credit there is always room; an item without it is an overrun.
        """
        width = self._sources[name]
        # One more than promised, so that the memory inside has a power of two of rows.
        queue = ResetInserter(self.reset)(SyncFIFOBuffered(width=width, depth=self._depth + 1))
        m.submodules[f"queue_{name}"] = queue
        items, freed = getattr(self, f"to_{name}"), outgoing.freed[number]
        leaving = stream.Signature(width).create()
        m.d.comb += [
            queue.w_data.eq(incoming.item(width)),
            queue.w_en.eq(incoming.push[number]),
            incoming.room[number].eq(queue.w_rdy),
            leaving.payload.eq(queue.r_data),
            leaving.valid.eq(queue.r_rdy),
            queue.r_en.eq(leaving.ready),
        ]
        self._pass_on(m, f"exit_{name}", leaving, items, late=True)
        gained = items.valid & items.ready
        given = outgoing.credit_taken[number]
        count = Signal(range(self._depth + 1), name=f"freed_{name}")
        with m.If(given):
            m.d.sync += count.eq(gained)
        with m.Else():
            m.d.sync += count.eq(count + gained)
        with m.If(self.reset):
            m.d.sync += count.eq(0)
        m.d.comb += [
            freed.eq(count),
            outgoing.credit_due[number].eq(count >= self._depth // 2),
        ]

    def _pass_on(self, m: Module, name: str, source: Any, sink: Any, *, late: bool = False) -> None:
        """From one stream to another, through registers if there are any."""
        pairs = [(source, sink)]
        if self._registered:
            registers = ResetInserter(self.reset)(SkidBuffer(source.payload.shape(), late=late))
            m.submodules[name] = registers
            pairs = [(source, registers.i), (registers.o, sink)]
        for one, other in pairs:
            m.d.comb += [
                other.payload.eq(one.payload),
                other.valid.eq(one.valid),
                one.ready.eq(other.ready),
            ]
