# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Frames from the host to a stream link."""

from typing import Any

from amaranth import Array, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..framing import FrameReceiver
from .protocol import DAMAGED, OVERRUN, QUESTION, RESET, UNFINISHED, UNKNOWN, item_bytes

__all__ = ["Incoming"]


class Incoming(wiring.Component):
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
        header = Signal(8)
        place = Signal(range(max(self._bytes) + 1))
        last = Signal()
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
                self._fail(m, OVERRUN)
        # The end of a frame: it must be intact, end with a whole item, and be of a known kind.
        with m.If(receiver.end):
            with m.If(~receiver.good):
                self._fail(m, DAMAGED)
            with m.Elif(is_items):
                with m.If(place != 0):
                    self._fail(m, UNFINISHED)
            with m.Elif((header == QUESTION) | (header == RESET)):
                m.d.sync += [self.identify.eq(1), self.nonce.eq(word[-8:])]
                with m.If(header == RESET):
                    m.d.sync += [self.reset.eq(1), self.status.eq(0)]
            with m.Else():
                self._fail(m, UNKNOWN)
        return m

    def _fail(self, m: Module, status: int) -> None:
        """Record the first error, and tell the host."""
        with m.If(self.status == 0):
            m.d.sync += [self.status.eq(status), self.identify.eq(1)]
