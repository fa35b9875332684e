# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A serial port: one start bit, eight data bits with the lowest first, one stop bit.

``divisor`` is the clock frequency divided by the baud rate. The receiver samples in the middle of
each bit, so rates may differ by about 4 % before the last bit is missed.
"""

from typing import Any

from amaranth import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["UartReceiver", "UartTransmitter"]

_FRAME_BITS = 10


class UartReceiver(wiring.Component):
    """Bytes from a serial line.

    A frame without its stop bit is dropped, and the line must rise before the next one counts.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit, 4 or more.

    Members
    -------
    line : In(1), the asynchronous input, high when idle
    o : Out, stream of bytes; each is offered for one cycle
    """

    def __init__(self, divisor: int):
        if divisor < 4:
            raise ValueError(f"uart: divisor must be 4 or more clock cycles per bit, not {divisor}")
        self._divisor = divisor
        super().__init__({"line": In(1), "o": Out(stream.Signature(8, always_ready=True))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.line, line, init=1)
        # State: samples left in the frame (0: none under way), cycles until the next sample, and
        # whether the line has been high since the last frame.
        timer = Signal(range(self._divisor + self._divisor // 2))
        bits_left = Signal(range(_FRAME_BITS))
        idle = Signal(init=1)
        # ``valid`` lasts one cycle: whoever reads the stream is always ready.
        m.d.sync += self.o.valid.eq(0)
        with m.If(bits_left == 0):
            # At the start bit's edge: the first data bit is sampled one and a half bits later.
            with m.If(line):
                m.d.sync += idle.eq(1)
            with m.Elif(idle):
                m.d.sync += [
                    timer.eq(self._divisor + self._divisor // 2 - 1),
                    bits_left.eq(_FRAME_BITS - 1),
                ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            # A sample: a data bit, or, as the last one, the stop bit, which must be high.
            m.d.sync += [timer.eq(self._divisor - 1), bits_left.eq(bits_left - 1)]
            with m.If(bits_left == 1):
                m.d.sync += [self.o.valid.eq(line), idle.eq(line)]
            with m.Else():
                m.d.sync += self.o.payload.eq(Cat(self.o.payload[1:], line))
        return m


class UartTransmitter(wiring.Component):
    """Bytes onto a serial line.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit, 1 or more.

    Members
    -------
    i : In, stream of bytes
    line : Out(1), the output, high when idle
    """

    def __init__(self, divisor: int):
        if divisor < 1:
            raise ValueError(f"uart: divisor must be 1 or more clock cycles per bit, not {divisor}")
        self._divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "line": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # State: the bits of the frame not yet sent, the lowest on the line, then ones; how many of
        # them are left, and cycles until the next. A byte is accepted only between frames.
        frame = Signal(_FRAME_BITS, init=(1 << _FRAME_BITS) - 1)
        timer = Signal(range(max(self._divisor, 2)))
        bits_left = Signal(range(_FRAME_BITS + 1))
        m.d.comb += [self.line.eq(frame[0]), self.i.ready.eq(bits_left == 0)]
        with m.If(self.i.ready):
            with m.If(self.i.valid):
                m.d.sync += [
                    frame.eq(Cat(Const(0, 1), self.i.payload, Const(1, 1))),
                    bits_left.eq(_FRAME_BITS),
                    timer.eq(self._divisor - 1),
                ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [
                timer.eq(self._divisor - 1),
                bits_left.eq(bits_left - 1),
                frame.eq(Cat(frame[1:], Const(1, 1))),
            ]
        return m
