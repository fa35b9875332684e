# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Frames from a stream link to the host."""

from collections.abc import Callable
from typing import Any

from amaranth import Array, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..framing import FRAME_BYTES
from .protocol import (
    CREDIT,
    CREDIT_BYTES,
    IDENTITY,
    IDENTITY_BYTES,
    ITEMS,
    MAGIC,
    VERSION,
    item_bytes,
)

__all__ = ["Outgoing"]

# Frames to the host end after this many bytes, so that credit never waits long.
_FRAME_BYTES = 64


class Outgoing(wiring.Component):
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
                "freed": In(8 * CREDIT_BYTES).array(sources),
                "credit_due": In(1).array(sources),
                "credit_taken": Out(1).array(sources),
                "items": In(max(widths)).array(sinks),
                "valid": In(1).array(sinks),
                "item_taken": Out(1).array(sinks),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        turns = 1 + self._sources + len(self._widths)
        turn = Signal(range(turns))
        offer = _Offer(max([CREDIT_BYTES, *self._item_bytes]))
        with m.If(self.identify):
            m.d.sync += offer.asked.eq(1)
        with m.Switch(turn):
            with m.Case(0):
                self._offer_identity(m, offer)
            for number in range(self._sources):
                with m.Case(1 + number):
                    self._offer_credit(m, offer, number)
            for number in range(len(self._widths)):
                with m.Case(1 + self._sources + number):
                    self._offer_items(m, offer, number)

        def next_turn() -> None:
            m.d.sync += turn.eq(turn + 1)
            with m.If(turn == turns - 1):
                m.d.sync += turn.eq(0)

        self._send(m, offer, next_turn)
        return m

    def _offer_identity(self, m: Module, offer: "_Offer") -> None:
        place = Signal(range(IDENTITY_BYTES))
        begin = [Const(byte, 8) for byte in (*MAGIC, VERSION)]
        end = [Const(byte, 8) for byte in (*self._depth.to_bytes(2, "little"), *self._digest)]
        identity = Array([*begin, self.nonce, self.status, *end])
        m.d.comb += [
            offer.header.eq(IDENTITY),
            offer.offered.eq(offer.asked | (place != 0)),
            offer.next_word.eq(identity[place]),
            offer.limit.eq(IDENTITY_BYTES - 1),
        ]
        with m.If(offer.taking):
            m.d.sync += place.eq(place + 1)
            with m.If(place == 0):
                m.d.sync += offer.asked.eq(self.identify)
            with m.If(place == IDENTITY_BYTES - 1):
                m.d.sync += place.eq(0)

    def _offer_credit(self, m: Module, offer: "_Offer", number: int) -> None:
        m.d.comb += [
            offer.header.eq(CREDIT + number),
            offer.offered.eq(self.credit_due[number]),
            offer.next_word.eq(self.freed[number]),
            offer.next_bytes.eq(CREDIT_BYTES - 1),
            self.credit_taken[number].eq(offer.taking),
        ]

    def _offer_items(self, m: Module, offer: "_Offer", number: int) -> None:
        count = self._item_bytes[number]
        m.d.comb += [
            offer.header.eq(ITEMS + number),
            offer.offered.eq(self.valid[number]),
            offer.next_word.eq(self.items[number][: self._widths[number]]),
            offer.next_bytes.eq(count - 1),
            offer.limit.eq(max(_FRAME_BYTES // count, 1) - 1),
            self.item_taken[number].eq(offer.taking),
        ]

    def _send(self, m: Module, offer: "_Offer", next_turn: Callable[[], None]) -> None:
        """Frame by frame."""
        word, bytes_left, items_left = offer.word, offer.bytes_left, offer.items_left
        with m.FSM():
            # Ask one after another, a turn per cycle, until one has something to send. It keeps
            # that until taken: streams by their handshake, credit as it only grows.
            with m.State("LOOK"):
                m.d.sync += items_left.eq(offer.limit)
                with m.If(offer.offered):
                    m.next = "HEADER"
                with m.Else():
                    next_turn()
            # The header, which the turn determines, so it stays until ``ready``.
            with m.State("HEADER"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.data.eq(offer.header)]
                with m.If(self.o.ready):
                    m.next = "ITEM"
            # Copy the item: one cycle.
            with m.State("ITEM"):
                m.d.comb += offer.taking.eq(1)
                m.d.sync += [word.eq(offer.next_word), bytes_left.eq(offer.next_bytes)]
                m.next = "BYTES"
            # Its bytes, lowest first. The frame ends with it if the frame is full or no other item
            # is on offer when its last byte is accepted: ``last`` may change until then.
            with m.State("BYTES"):
                is_last = (bytes_left == 0) & ((items_left == 0) | ~offer.offered)
                m.d.comb += [
                    self.o.valid.eq(1),
                    self.o.payload.data.eq(word[:8]),
                    self.o.payload.last.eq(is_last),
                ]
                with m.If(self.o.ready):
                    m.d.sync += [word.eq(word >> 8), bytes_left.eq(bytes_left - 1)]
                    with m.If(self.o.payload.last):
                        next_turn()
                        m.next = "LOOK"
                    with m.Elif(bytes_left == 0):
                        m.d.sync += items_left.eq(items_left - 1)
                        m.next = "ITEM"


class _Offer:
    """What the present turn has to send, and what is being sent.

    Of the turn: its ``header``, whether it has an item (``offered``), the item with its bytes but
    one, and how many more a frame may hold (``limit``); ``taking`` copies the item. State: the item
    being sent and its bytes left, how many more items may follow in this frame, and whether the
    host has ``asked``.
    """

    def __init__(self, longest: int):
        self.word = Signal(8 * longest)
        self.bytes_left = Signal(range(longest))
        self.next_word = Signal(8 * longest)
        self.next_bytes = Signal(range(longest))
        # A question must survive the reset that comes with it.
        self.asked = Signal(reset_less=True)
        self.items_left = Signal(range(_FRAME_BYTES))
        self.limit = Signal(range(_FRAME_BYTES))
        self.header = Signal(8)
        self.offered = Signal()
        self.taking = Signal()
