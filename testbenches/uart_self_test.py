"""cocotb bench: one exchange with the self-test shell over its serial line.

The bench sends the command, receives the answer and compares it byte by byte. It runs on the
source, on a netlist and on a decoded bitstream alike; the environment names the ports:

SELF_TEST_CLOCK, SELF_TEST_RX, SELF_TEST_TX, SELF_TEST_RESET (may be empty): port names
SELF_TEST_DIVISOR: clock cycles per serial bit
SELF_TEST_COMMAND, SELF_TEST_ANSWER: bytes in hexadecimal
SELF_TEST_ITEMS: items of the command, to know how long an answer may take
"""

import os

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge, Timer

CLOCK_NS = 10
# Amaranth holds an iCE40 in reset for 15 us: 180 cycles at 12 MHz.
SETTLE_CYCLES = 400


class Bench:
    """Clock, reset and both directions of the serial line."""

    def __init__(self, dut):
        def port(name):
            return getattr(dut, os.environ[name])

        self.clock, self.rx, self.tx = (
            port(name) for name in ("SELF_TEST_CLOCK", "SELF_TEST_RX", "SELF_TEST_TX")
        )
        self.reset = port("SELF_TEST_RESET") if os.environ.get("SELF_TEST_RESET") else None
        self.divisor = int(os.environ["SELF_TEST_DIVISOR"])

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
        while int(self.tx.value) == 1:
            await RisingEdge(self.clock)
        await Timer(CLOCK_NS * (self.divisor + self.divisor // 2), unit="ns")
        byte = 0
        for index in range(8):
            byte |= int(self.tx.value) << index
            await Timer(CLOCK_NS * self.divisor, unit="ns")
        assert int(self.tx.value) == 1, "the stop bit must be 1, not 0"
        return byte


@cocotb.test()
async def exchange(dut):
    """Command in, the golden answer out."""
    bench = Bench(dut)
    command = bytes.fromhex(os.environ["SELF_TEST_COMMAND"])
    expected = bytes.fromhex(os.environ["SELF_TEST_ANSWER"])
    await bench.start()
    for byte in command:
        await bench.send(byte)

    async def answer():
        return bytes([await bench.receive() for _ in expected])

    frame_cycles = 10 * bench.divisor
    cycles = 2 * int(os.environ["SELF_TEST_ITEMS"]) + (len(expected) + 4) * frame_cycles + 1000
    receiving = cocotb.start_soon(answer())
    limit = Timer(CLOCK_NS * cycles, unit="ns")
    await First(receiving, limit)
    assert receiving.done(), f"an answer must come within {cycles} cycles, not later"
    got = receiving.result()
    assert got == expected, f"the answer must be {expected.hex()}, not {got.hex()}"
