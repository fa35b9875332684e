"""cocotb bench: one exchange with the self-test shell over its serial line.

The bench sends the command, receives the answer and compares it byte by byte. The environment
gives, besides what ``uart_line`` needs:

SELF_TEST_COMMAND, SELF_TEST_ANSWER: bytes in hexadecimal
SELF_TEST_ITEMS: items of the command, which determine how long an answer may take
"""

import os

import cocotb
from cocotb.triggers import First, Timer
from uart_line import CLOCK_NS, UartLine


@cocotb.test()
async def exchange(dut):
    """Command in, the golden answer out."""
    bench = UartLine(dut)
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
