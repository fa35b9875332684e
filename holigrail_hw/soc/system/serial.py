# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The serial line's registers: bytes in and out as streams, a timer, the end of a simulation."""

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.soc.registers.memory_map import UART

from .bus import BUS

__all__ = ["Serial"]


class Serial(wiring.Component):
    """Registers; an access takes two cycles.

    A byte that is written while ``can_send`` is 0 is lost, a byte that is read while ``has_byte``
    is 0 is no byte.

    Members
    -------
    sent, received : Out, In
        Streams of bytes.
    ended, code : Out
        What was written to ``exit``, for one cycle.
    """

    def __init__(self):
        byte: Any = stream.Signature(8)
        super().__init__(
            {
                **{"bus": In(BUS), "sent": Out(byte), "received": In(byte)},
                **{"ended": Out(1), "code": Out(32)},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = self.bus
        answers = Signal()
        found = Signal(32)
        timer = Signal(32)
        place, writes = bus.address[2:4], bus.select.any()
        places = {one.name: one.offset // 4 for one in UART.registers}
        begins = bus.valid & ~answers
        m.d.sync += [answers.eq(begins), timer.eq(timer + 1)]
        m.d.comb += [bus.ready.eq(answers), bus.read_data.eq(found)]
        with m.If(self.sent.ready):
            m.d.sync += self.sent.valid.eq(0)
        with m.If(begins):
            with m.Switch(place):
                with m.Case(places["data"]):
                    m.d.sync += found.eq(self.received.payload)
                    m.d.comb += self.received.ready.eq(~writes)
                    with m.If(writes & ~self.sent.valid):
                        m.d.sync += [
                            self.sent.valid.eq(1),
                            self.sent.payload.eq(bus.write_data),
                        ]
                with m.Case(places["uart_status"]):
                    m.d.sync += found.eq(Cat(~self.sent.valid, self.received.valid))
                with m.Case(places["timer"]):
                    m.d.sync += found.eq(timer)
                with m.Case(places["exit"]):
                    m.d.comb += [self.ended.eq(writes), self.code.eq(bus.write_data)]
        return m
