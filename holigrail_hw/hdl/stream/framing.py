# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false
# pyright: reportOptionalMemberAccess=false

"""Frames of bytes on a byte-oriented line: where they begin and end, and whether they are intact.

A frame is a flag, its bytes, a two-byte checksum and a flag. A byte that looks like a flag or an
escape is sent as an escape and the byte with bit 5 inverted; so a flag is always a boundary, and a
receiver that has lost synchronisation regains it at the next one (the framing of PPP, RFC 1662,
1994). The checksum is CRC-16/IBM-3740, high byte first: it detects every burst of up to 16 bits, a
lost byte, and two bytes swapped.
"""

from typing import Any

from amaranth import Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC16_IBM_3740
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

__all__ = ["ESCAPE", "FLAG", "FRAME_BYTES", "TURNED", "FrameReceiver", "FrameSender"]

FLAG, ESCAPE, TURNED = 0x7E, 0x7D, 0x20
# A stream of the bytes of frames; the last byte of each frame is marked.
FRAME_BYTES = stream.Signature(StructLayout({"data": 8, "last": 1}))


class FrameReceiver(wiring.Component):
    """Extracts frames from the bytes of a line; never makes the line wait.

    Members
    -------
    i : In, stream of bytes of the line
    o : Out, stream of bytes of a frame, without its checksum; each is offered for one cycle
    first : Out(1), the byte on offer is the first of its frame
    end : Out(1), for one cycle: a frame has ended
    good : Out(1), with ``end``: the frame is intact
    """

    def __init__(self):
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "o": Out(stream.Signature(8, always_ready=True)),
                "first": Out(1),
                "end": Out(1),
                "good": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.check = crc = CRC16_IBM_3740().create()
        # State: whether there was a flag, whether the last byte was an escape, whether a byte of
        # the frame has been given.
        flag = Signal()
        escape = Signal()
        inside = Signal()
        turned = Signal()
        begun = Signal()
        # The two latest bytes are held back: they may be the checksum.
        kept = Signal(16)
        kept_count = Signal(2)
        value = Signal(8)
        taken = Signal()
        # Nothing waits: a byte comes and goes in one cycle, and a byte of the frame leaves with the
        # one that comes two bytes later. Two flags in a row are no frame and raise no ``end``.
        m.d.comb += [
            flag.eq(self.i.valid & (self.i.payload == FLAG)),
            escape.eq(self.i.valid & (self.i.payload == ESCAPE)),
            value.eq(self.i.payload ^ (turned << 5)),
            taken.eq(self.i.valid & inside & ~flag & ~escape),
            crc.start.eq(flag),
            crc.data.eq(value),
            crc.valid.eq(taken),
            self.o.payload.eq(kept[:8]),
            self.o.valid.eq(taken & (kept_count == 2)),
            self.first.eq(~begun),
            self.end.eq(flag & inside & (kept_count != 0)),
            self.good.eq(begun & crc.match_detected & ~turned),
        ]
        with m.If(flag):
            m.d.sync += [inside.eq(1), turned.eq(0), begun.eq(0), kept_count.eq(0)]
        with m.Elif(escape):
            m.d.sync += turned.eq(1)
        with m.Elif(taken):
            m.d.sync += [turned.eq(0), kept[:8].eq(kept[8:]), kept[8:].eq(value)]
            with m.If(kept_count == 2):
                m.d.sync += begun.eq(1)
            with m.Else():
                m.d.sync += kept_count.eq(kept_count + 1)
        return m


class FrameSender(wiring.Component):
    """Puts frames onto a line.

    Members
    -------
    i : In, stream of ``data`` and ``last``, which marks the last byte of a frame
    o : Out, stream of bytes of the line
    abort : In(1), drop the frame being sent; the byte on offer stays
    """

    def __init__(self):
        super().__init__(
            {
                "i": In(FRAME_BYTES),
                "o": Out(stream.Signature(8)),
                "abort": In(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # A register behind the stuffing, which an abort does not reset: a byte on offer stays until
        # ``ready``, even when its frame is dropped.
        m.submodules.stuffing = stuffing = ResetInserter(self.abort)(_Stuffing())
        m.d.comb += [
            stuffing.i.valid.eq(self.i.valid),
            stuffing.i.payload.eq(self.i.payload),
            self.i.ready.eq(stuffing.i.ready),
            stuffing.o.ready.eq(~self.o.valid | self.o.ready),
        ]
        with m.If(stuffing.o.ready):
            m.d.sync += [self.o.valid.eq(stuffing.o.valid), self.o.payload.eq(stuffing.o.payload)]
        return m


class _Stuffing(wiring.Component):
    """Adds flags, escapes and the checksum."""

    def __init__(self):
        super().__init__(
            {
                "i": In(FRAME_BYTES),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.check = crc = CRC16_IBM_3740().create()
        value = Signal(8)
        offered = Signal()
        taken = Signal()
        turned = Signal()
        special = (value == FLAG) | (value == ESCAPE)
        m.d.comb += crc.data.eq(value)

        def offer(byte: Any, valid: Any = 1) -> None:
            m.d.comb += [value.eq(byte), offered.eq(valid)]

        # A byte that needs it is preceded by an escape (``turned`` once that is sent), and is taken
        # only when it is accepted itself.
        with m.If(special & ~turned):
            m.d.comb += self.o.payload.eq(ESCAPE)
            with m.If(offered & self.o.ready):
                m.d.sync += turned.eq(1)
        with m.Else():
            m.d.comb += [
                self.o.payload.eq(value ^ (turned << 5)),
                taken.eq(offered & self.o.ready),
            ]
            with m.If(taken):
                m.d.sync += turned.eq(0)
        m.d.comb += self.o.valid.eq(offered)
        with m.FSM():
            # The opening flag, once there is a byte to send; the checksum starts anew.
            with m.State("BEGIN"):
                m.d.comb += [
                    crc.start.eq(1),
                    self.o.valid.eq(self.i.valid),
                    self.o.payload.eq(FLAG),
                ]
                with m.If(self.i.valid & self.o.ready):
                    m.next = "DATA"
            # The bytes of the frame, each of which is accepted from ``i`` when it is sent.
            with m.State("DATA"):
                offer(self.i.payload.data, self.i.valid)
                m.d.comb += [crc.valid.eq(taken), self.i.ready.eq(taken)]
                with m.If(taken & self.i.payload.last):
                    m.next = "HIGH"
            # The two bytes of the checksum, which does not change any more.
            with m.State("HIGH"):
                offer(crc.crc[8:])
                with m.If(taken):
                    m.next = "LOW"
            with m.State("LOW"):
                offer(crc.crc[:8])
                with m.If(taken):
                    m.next = "END"
            # The closing flag.
            with m.State("END"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(FLAG)]
                with m.If(self.o.ready):
                    m.next = "BEGIN"
        return m
