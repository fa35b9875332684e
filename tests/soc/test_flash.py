"""The reader of flash memories at its pins, and the check sum of blocks."""

from zlib import crc32

import numpy as np
import pytest
from amaranth import Module, Signal
from amaranth.sim import Simulator
from flash_model import Flash

from holigrail_hw.soc.hardware.check_sum import FIRST, RESIDUE, after_byte
from holigrail_hw.soc.hardware.flash import FlashReader

DATA = np.random.default_rng(1).integers(0, 256, 4096, dtype=np.uint8).tobytes()
REST = 20


def simulated(component, process) -> None:
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()


async def burst(ctx, reader, flash, address, count, pauses):
    """The words of a burst, and the cycles from the request to the first one, and in all."""
    port, words, first, cycle, last = reader.port, [], None, 0, 0
    ctx.set(port.fetch.payload.address, address)
    ctx.set(port.fetch.valid, 1)
    while len(words) < count:
        cycle += 1
        assert cycle < 100 * (count + REST), "no word comes"
        flash.cycle(ctx, reader.pins)
        ctx.set(port.block.ready, int(pauses() == 0))
        taken = ctx.get(port.fetch.valid) and ctx.get(port.fetch.ready)
        if ctx.get(port.block.valid) and ctx.get(port.block.ready):
            words.append(ctx.get(port.block.payload))
            first, last = first or cycle, cycle
        await ctx.tick()
        if taken:
            ctx.set(port.fetch.valid, 0)
            cycle = 0
    ctx.set(port.block.ready, 0)
    ctx.set(port.stop, 1)
    flash.cycle(ctx, reader.pins)
    await ctx.tick()
    ctx.set(port.stop, 0)
    flash.cycle(ctx, reader.pins)
    assert not ctx.get(reader.pins.chip_select) and not ctx.get(reader.pins.enable)
    return words, first, last


@pytest.mark.parametrize("half_rate", [False, True])
def test_bursts_are_what_stands_in_the_memory(half_rate):
    """From any address, with pauses of whoever takes words; eight clocks a word without."""
    reader, flash = FlashReader(half_rate=half_rate, rest=REST), Flash(DATA)
    rng, clock = np.random.default_rng(2), 1 + half_rate

    async def bench(ctx):
        for address, pause in ((0, 0), (3, 3), (1021, 12), (64, 0), (2048, 1)):
            count = 30
            words, first, last = await burst(
                ctx, reader, flash, address, count, lambda p=pause: rng.integers(p + 1)
            )
            wanted = np.frombuffer(DATA[address : address + 4 * count], "<u4").tolist()
            assert words == wanted
            if not pause:
                assert last - first == 8 * clock * (count - 1)
                assert first in range(29 * clock, 30 * clock + 3)

    simulated(reader, bench)
    assert flash.commands == [0xAB] + 5 * [0xEB]


def test_a_burst_can_be_stopped_at_any_clock():
    reader, flash = FlashReader(rest=REST), Flash(DATA)

    async def bench(ctx):
        port = reader.port
        await burst(ctx, reader, flash, 0, 1, lambda: 0)
        for clocks in range(0, 50, 3):
            ctx.set(port.fetch.payload.address, 5)
            ctx.set(port.fetch.valid, 1)
            flash.cycle(ctx, reader.pins)
            await ctx.tick()
            ctx.set(port.fetch.valid, 0)
            for _ in range(clocks):
                flash.cycle(ctx, reader.pins)
                await ctx.tick()
            words, *_ = await stopped(ctx, reader, flash)
            assert words == [int.from_bytes(DATA[100:104], "little")]

    async def stopped(ctx, reader, flash):
        ctx.set(reader.port.stop, 1)
        flash.cycle(ctx, reader.pins)
        await ctx.tick()
        ctx.set(reader.port.stop, 0)
        return await burst(ctx, reader, flash, 100, 1, lambda: 0)

    simulated(reader, bench)


def test_the_check_sum_is_that_of_zlib():
    m = Module()
    register, byte, following = Signal(32), Signal(8), Signal(32)
    m.d.comb += following.eq(after_byte(register, byte))

    async def bench(ctx):
        def fed(data, start=FIRST):
            for one in data:
                ctx.set(register, start)
                ctx.set(byte, one)
                start = ctx.get(following)
            return start

        for size in (1, 4, 50):
            block = DATA[size : 2 * size]
            kept = fed(block)
            assert kept ^ FIRST == crc32(block)
            assert fed(crc32(block).to_bytes(4, "little"), kept) == RESIDUE

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
