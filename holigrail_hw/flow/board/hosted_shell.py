# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A system behind a serial port, with a queue for what comes while its programme is busy."""

from typing import Any

from amaranth import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import fifo, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.hdl.stream.uart import UartReceiver, UartTransmitter

__all__ = ["DEPTH", "HostedShell"]

DEPTH = 512
"""Bytes that wait for the programme: a memory block of most devices."""
_RESET_CYCLES = 15


class HostedShell(wiring.Component):
    """A component with streams of bytes ``sent`` and ``received``, on a serial line.

    The system is in reset for the first cycles, also on boards whose clock comes without a reset:
    processors begin with one. A byte that comes while the queue is full is lost: the programme must
    take bytes faster than the line brings them, whenever it expects some.

    Members
    -------
    rx : In(1), serial line from the host
    tx : Out(1), serial line to the host
    flash : Out, pins of a flash memory, if the component has them
    """

    latency, interleave = None, 1

    def __init__(self, system: Any, divisor: int):
        self._system, self._divisor = system, divisor
        members = system.signature.members
        flash = {"flash": members["flash"]} if "flash" in members else {}
        super().__init__({"rx": In(1), "tx": Out(1)} | flash)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=8, depth=DEPTH)
        # `awake` counts the cycles of the reset, and then stands still. The reset is a register,
        # as it goes to most of the others.
        awake = Signal(range(_RESET_CYCLES + 1))
        system = self._system
        is_asleep = Signal(init=1)
        m.domains += ClockDomain("system", local=True)
        m.submodules.system = DomainRenamer("system")(system)
        with m.If(awake != _RESET_CYCLES):
            m.d.sync += awake.eq(awake + 1)
        m.d.sync += is_asleep.eq(awake != _RESET_CYCLES)
        m.d.comb += [
            ClockSignal("system").eq(ClockSignal("sync")),
            ResetSignal("system").eq(is_asleep),
            receiver.line.eq(self.rx),
            self.tx.eq(transmitter.line),
            queue.w_data.eq(receiver.o.payload),
            queue.w_en.eq(receiver.o.valid),
            system.received.payload.eq(queue.r_data),
            system.received.valid.eq(queue.r_rdy),
            queue.r_en.eq(system.received.ready),
        ]
        wiring.connect(m, system.sent, transmitter.i)
        if "flash" in self.signature.members:
            wiring.connect(m, wiring.flipped(self.flash), system.flash)
        return m
