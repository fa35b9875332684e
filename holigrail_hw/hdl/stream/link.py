# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Many streams of items over one line of bytes in each direction.

The far end is a host with plenty of memory; this end has a queue for each stream that feeds the
design. Both directions carry frames (:mod:`.framing`), which begin with a header: a kind in the
two highest bits and the number of a stream in the others. Sources, which feed the design, and
sinks are numbered separately, from 0. An item takes as many bytes as it needs, lowest first.

======  ================  =================================================================
header  from the host     content
======  ================  =================================================================
0 + n   items             any number of items of source n
0x40    question          a byte of the host's choice; answered by an identity
0x80    reset             like a question; the design and the link are reset before the answer
======  ================  =================================================================

======  ================  =================================================================
header  to the host       content
======  ================  =================================================================
0 + n   items             one or more items of sink n
0x40    identity          ``HG``, version, the host's byte, status, depth (2), digest (8)
0x80+n  credit            how many items the design has taken from queue n (2 bytes)
======  ================  =================================================================

Flow control is by credit (Kung and Morris, "Credit-based flow control for ATM networks", 1995):
the host may send at most ``depth`` items of a source ahead of credit, so the line never waits for a
queue, and a stalled stream does not block the others. Credit is returned once half a queue has been
taken: until then the design still has the other half, so neither side waits for credit that does
not come. Sinks need no queue, as the host always listens.

Damaged frames are not repeated. The status of the link becomes non-zero, an identity reports it,
and everything but questions and a reset is dropped: the host starts its job again.
"""

from collections.abc import Mapping
from typing import Any

from amaranth import Array, Const, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from .framing import FRAME_BYTES, FrameReceiver, FrameSender
from .skid_buffer import SkidBuffer

__all__ = [
    "CREDIT",
    "DIGEST_BYTES",
    "IDENTITY",
    "IDENTITY_BYTES",
    "ITEMS",
    "MAGIC",
    "QUESTION",
    "RESET",
    "STREAMS",
    "VERSION",
    "StreamLink",
    "item_bytes",
]

ITEMS, QUESTION, RESET, IDENTITY, CREDIT = 0x00, 0x40, 0x80, 0x40, 0x80
MAGIC, VERSION = b"HG", 1
DIGEST_BYTES = 8
IDENTITY_BYTES = len(MAGIC) + 5 + DIGEST_BYTES
STREAMS = 64
_CREDIT_BYTES = 2
# Frames to the host end after this many bytes, so that credit never waits long.
_FRAME_BYTES = 64
_DAMAGED, _OVERRUN, _UNKNOWN, _UNFINISHED = 1, 2, 3, 4


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
        if not 2 <= depth < 1 << 8 * _CREDIT_BYTES:
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
        incoming = _Incoming(list(self._sources.values()))
        outgoing = _Outgoing(
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
        # Sources: a queue each, and the number of items the design has taken since credit was last
        # sent. By credit there is always room; an item without it is an overrun.
        for number, (name, width) in enumerate(self._sources.items()):
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


class _Incoming(wiring.Component):
    """Frames from the host: items, questions, resets; and the errors in them."""

    def __init__(self, widths: list[int]):
        self._bytes = [item_bytes(width) for width in widths]
        self._word = Signal(8 * max(self._bytes))
        count = len(widths)
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "push": Out(1).array(count),
                "room": In(1).array(count),
                "identify": Out(1),
                "nonce": Out(8),
                "status": Out(3),
                "reset": Out(1),
            }
        )

    def item(self, width: int) -> Any:
        """The item that ``push`` announces: it is in the latest bytes."""
        low = len(self._word) - 8 * item_bytes(width)
        return self._word[low : low + width]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.receiver = receiver = FrameReceiver()
        wiring.connect(m, wiring.flipped(self.i), receiver.i)
        # State: the header of the frame, the bytes of the present item so far, and the latest bytes
        # of all. Items are passed on before their frame is known to be intact.
        header, place, last = Signal(8), Signal(range(max(self._bytes) + 1)), Signal()
        word, byte = self._word, receiver.o.payload
        is_items = Signal()
        m.d.comb += is_items.eq(header < len(self._bytes))
        m.d.comb += last.eq(place == Array(n - 1 for n in self._bytes)[header[:6]])
        pushing = Signal()
        m.d.sync += [pushing.eq(0), self.identify.eq(0), self.reset.eq(0)]
        with m.If(receiver.o.valid & receiver.first):
            m.d.sync += [header.eq(byte), place.eq(0)]
        with m.Elif(receiver.o.valid):
            m.d.sync += [word.eq((word >> 8) | (byte << (len(word) - 8))), place.eq(place + 1)]
            with m.If(last):
                m.d.sync += [place.eq(0), pushing.eq(is_items)]
        # One cycle after the last byte of an item it enters its queue, unless an error came before.
        for number in range(len(self._bytes)):
            here = pushing & (header == number) & (self.status == 0)
            m.d.comb += self.push[number].eq(here)
            with m.If(here & ~self.room[number]):
                self._fail(m, _OVERRUN)
        # The end of a frame: it must be intact, end with a whole item, and be of a known kind.
        with m.If(receiver.end):
            with m.If(~receiver.good):
                self._fail(m, _DAMAGED)
            with m.Elif(is_items):
                with m.If(place != 0):
                    self._fail(m, _UNFINISHED)
            with m.Elif((header == QUESTION) | (header == RESET)):
                m.d.sync += [self.identify.eq(1), self.nonce.eq(word[-8:])]
                with m.If(header == RESET):
                    m.d.sync += [self.reset.eq(1), self.status.eq(0)]
            with m.Else():
                self._fail(m, _UNKNOWN)
        return m

    def _fail(self, m: Module, status: int) -> None:
        """Record the first error, and tell the host."""
        with m.If(self.status == 0):
            m.d.sync += [self.status.eq(status), self.identify.eq(1)]


class _Outgoing(wiring.Component):
    """Frames to the host, in turn: the identity, credit of every source, items of every sink."""

    def __init__(self, widths: list[int], sources: int, depth: int, digest: bytes):
        self._widths, self._sources, self._depth, self._digest = widths, sources, depth, digest
        self._item_bytes = [item_bytes(width) for width in widths]
        sinks = len(widths)
        super().__init__(
            {
                "o": Out(FRAME_BYTES),
                "identify": In(1),
                "nonce": In(8),
                "status": In(3),
                "freed": In(8 * _CREDIT_BYTES).array(sources),
                "credit_due": In(1).array(sources),
                "credit_taken": Out(1).array(sources),
                "items": In(max(widths)).array(sinks),
                "valid": In(1).array(sinks),
                "item_taken": Out(1).array(sinks),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # State: whose ``turn`` it is; the item being sent and its bytes left; more items that may
        # follow in this frame.
        longest = max([_CREDIT_BYTES, *self._item_bytes])
        word, next_word = Signal(8 * longest), Signal(8 * longest)
        bytes_left, next_bytes = Signal(range(longest)), Signal(range(longest))
        items_left, limit = Signal(range(_FRAME_BYTES)), Signal(range(_FRAME_BYTES))
        header, offered, taking = Signal(8), Signal(), Signal()
        turns = 1 + self._sources + len(self._widths)
        turn = Signal(range(turns))

        # What the present turn has to send: its header, whether it has an item, the item, and how
        # many more a frame may hold. ``taking`` copies the item, in state ITEM only.
        # A question must survive the reset that comes with it.
        asked, place = Signal(reset_less=True), Signal(range(IDENTITY_BYTES))
        begin = [Const(byte, 8) for byte in (*MAGIC, VERSION)]
        end = [Const(byte, 8) for byte in (*self._depth.to_bytes(2, "little"), *self._digest)]
        identity = Array([*begin, self.nonce, self.status, *end])
        with m.If(self.identify):
            m.d.sync += asked.eq(1)
        with m.Switch(turn):
            with m.Case(0):
                m.d.comb += [
                    header.eq(IDENTITY),
                    offered.eq(asked | (place != 0)),
                    next_word.eq(identity[place]),
                    limit.eq(IDENTITY_BYTES - 1),
                ]
                with m.If(taking):
                    m.d.sync += place.eq(place + 1)
                    with m.If(place == 0):
                        m.d.sync += asked.eq(self.identify)
                    with m.If(place == IDENTITY_BYTES - 1):
                        m.d.sync += place.eq(0)
            for number in range(self._sources):
                with m.Case(1 + number):
                    m.d.comb += [
                        header.eq(CREDIT + number),
                        offered.eq(self.credit_due[number]),
                        next_word.eq(self.freed[number]),
                        next_bytes.eq(_CREDIT_BYTES - 1),
                        self.credit_taken[number].eq(taking),
                    ]
            for number, count in enumerate(self._item_bytes):
                with m.Case(1 + self._sources + number):
                    m.d.comb += [
                        header.eq(ITEMS + number),
                        offered.eq(self.valid[number]),
                        next_word.eq(self.items[number][: self._widths[number]]),
                        next_bytes.eq(count - 1),
                        limit.eq(max(_FRAME_BYTES // count, 1) - 1),
                        self.item_taken[number].eq(taking),
                    ]

        def next_turn() -> None:
            m.d.sync += turn.eq(turn + 1)
            with m.If(turn == turns - 1):
                m.d.sync += turn.eq(0)

        with m.FSM():
            # Ask one after another, a turn per cycle, until one has something to send. It keeps
            # that until taken: streams by their handshake, credit as it only grows.
            with m.State("LOOK"):
                m.d.sync += items_left.eq(limit)
                with m.If(offered):
                    m.next = "HEADER"
                with m.Else():
                    next_turn()
            # The header, which the turn determines, so it stays until ``ready``.
            with m.State("HEADER"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.data.eq(header)]
                with m.If(self.o.ready):
                    m.next = "ITEM"
            # Copy the item: one cycle.
            with m.State("ITEM"):
                m.d.comb += taking.eq(1)
                m.d.sync += [word.eq(next_word), bytes_left.eq(next_bytes)]
                m.next = "BYTES"
            # Its bytes, lowest first. The frame ends with it if the frame is full or no other item
            # is on offer when its last byte is accepted: ``last`` may change until then.
            with m.State("BYTES"):
                m.d.comb += [
                    self.o.valid.eq(1),
                    self.o.payload.data.eq(word[:8]),
                    self.o.payload.last.eq((bytes_left == 0) & ((items_left == 0) | ~offered)),
                ]
                with m.If(self.o.ready):
                    m.d.sync += [word.eq(word >> 8), bytes_left.eq(bytes_left - 1)]
                    with m.If(self.o.payload.last):
                        next_turn()
                        m.next = "LOOK"
                    with m.Elif(bytes_left == 0):
                        m.d.sync += items_left.eq(items_left - 1)
                        m.next = "ITEM"
        return m


def item_bytes(width: int) -> int:
    """Bytes that an item of ``width`` bits takes on the line."""
    return -(-width // 8)
