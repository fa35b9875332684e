"""The multiplier beside a processor: all four instructions, any number of cycles."""

import itertools

import pytest
from amaranth.sim import Simulator

from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.system.multiplier import Multiplier

EXTREMES = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0x12345678, 0xDEADBEEF)
MUL, MULH, MULHSU, MULHU, DIV = range(5)


def instruction(kind, extension=1, operation=0b0110011):
    return extension << 25 | 3 << 20 | 5 << 15 | kind << 12 | 7 << 7 | operation


def signed(word):
    return word - (1 << 32 if word >> 31 else 0)


def product(kind, first, second):
    """As the manual of RISC-V has it."""
    a = first if kind == MULHU else signed(first)
    b = second if kind in (MULHU, MULHSU) else signed(second)
    return (a * b >> (0 if kind == MUL else 32)) & 0xFFFFFFFF


@pytest.mark.parametrize("period", [None, 20.0, 8.0])
def test_products(period):
    timing = Timing() if period is None else Timing(period_ns=period, device="ecp5")
    dut, counts = Multiplier(timing), set()

    async def bench(ctx):
        for number, (kind, first, second) in enumerate(
            itertools.product((MUL, MULH, MULHSU, MULHU), EXTREMES, EXTREMES)
        ):
            ctx.set(dut.instruction, instruction(kind))
            ctx.set(dut.first, first)
            ctx.set(dut.second, second)
            ctx.set(dut.valid, 1)
            cycles = 0
            while not ctx.get(dut.ready):
                assert ctx.get(dut.wait)
                await ctx.tick()
                cycles += 1
                assert cycles < 30
            assert ctx.get(dut.result) == product(kind, first, second)
            counts.add(cycles)
            await ctx.tick()
            ctx.set(dut.valid, 0)
            # The next one may come at once, or later.
            for _ in range(number % 3):
                await ctx.tick()
                assert not ctx.get(dut.ready)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(counts) == 1


@pytest.mark.parametrize(
    "word", [instruction(DIV), instruction(MUL, extension=0), instruction(MUL, operation=0b0010011)]
)
def test_other_instructions_are_left_to_the_processor(word):
    dut = Multiplier()

    async def bench(ctx):
        ctx.set(dut.instruction, word)
        ctx.set(dut.valid, 1)
        for _ in range(8):
            await ctx.tick()
            assert not ctx.get(dut.wait) and not ctx.get(dut.ready)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
