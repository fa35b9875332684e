"""The far end of a design's serial line, for cocotb benches.

It works on source, netlist and decoded bitstream alike; the environment names the ports:

UART_CLOCK, UART_RX, UART_TX, UART_RESET (may be empty): port names
UART_DIVISOR: clock cycles per serial bit
"""

import os

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, Timer

__all__ = ["CLOCK_NS", "UartLine"]

CLOCK_NS = 10
# Amaranth holds an iCE40 in reset for 15 us: 180 cycles at 12 MHz.
SETTLE_CYCLES = 400


class UartLine:
    """Clock, reset and both directions of the serial line."""

    def __init__(self, dut):
        def port(name):
            return getattr(dut, os.environ[name])

        self.clock, self.rx, self.tx = (port(f"UART_{name}") for name in ("CLOCK", "RX", "TX"))
        self.reset = port("UART_RESET") if os.environ.get("UART_RESET") else None
        self.divisor = int(os.environ["UART_DIVISOR"])

    async def start(self):
        self.rx.value = 1
        cocotb.start_soon(Clock(self.clock, CLOCK_NS, unit="ns").start())
        if self.reset is not None:
            self.reset.value = 1
            await ClockCycles(self.clock, 4)
            self.reset.value = 0
        await ClockCycles(self.clock, SETTLE_CYCLES)

    async def send(self, byte):
        for bit in [0, *((byte >> index) & 1 for index in range(8)), 1]:
            self.rx.value = bit
            await Timer(CLOCK_NS * self.divisor, unit="ns")

    async def receive(self):
        """One byte; checks the stop bit."""
        if self.tx.value != 0:
            await FallingEdge(self.tx)
        await Timer(CLOCK_NS * (self.divisor + self.divisor // 2), unit="ns")
        byte = 0
        for index in range(8):
            byte |= int(self.tx.value) << index
            await Timer(CLOCK_NS * self.divisor, unit="ns")
        assert int(self.tx.value) == 1, "the stop bit must be 1, not 0"
        return byte
