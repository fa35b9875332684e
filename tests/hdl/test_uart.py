"""The serial port against frames written bit by bit."""

import gc
import warnings

import pytest
from amaranth.hdl import Module, UnusedElaboratable
from amaranth.sim import Simulator

from holigrail_hw.hdl.stream.uart import UartReceiver, UartTransmitter

BYTES = (0x00, 0xFF, 0x55, 0xA3, 0x80, 0x01)


def _frame(byte, stop=1):
    return [0, *((byte >> index) & 1 for index in range(8)), stop]


def _simulate(component, *benches):
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    for bench in benches:
        simulator.add_testbench(bench)
    simulator.run()


def _receive(divisor, levels, spacing=None):
    """What the receiver makes of a line that holds each level for ``spacing`` cycles."""
    receiver, got = UartReceiver(divisor), []

    async def bench(ctx):
        ctx.set(receiver.line, 1)
        await ctx.tick().repeat(5)
        for level in [*levels, 1, 1]:
            ctx.set(receiver.line, level)
            for _ in range(spacing or divisor):
                await ctx.tick()
                if ctx.get(receiver.o.valid):
                    got.append(ctx.get(receiver.o.payload))

    _simulate(receiver, bench)
    return tuple(got)


@pytest.mark.parametrize("divisor", [4, 7, 104])
def test_receiver_back_to_back(divisor):
    assert _receive(divisor, [bit for byte in BYTES for bit in _frame(byte)]) == BYTES


@pytest.mark.parametrize("spacing", [97, 100, 103])
def test_receiver_bears_three_percent(spacing):
    levels = [bit for byte in BYTES for bit in [*_frame(byte), 1]]
    assert _receive(100, levels, spacing) == BYTES


def test_receiver_drops_a_frame_without_stop_bit():
    levels = [*_frame(0x41), *_frame(0x42, stop=0), *[1] * 12, *_frame(0x43)]
    assert _receive(16, levels) == (0x41, 0x43)


@pytest.mark.parametrize("divisor", [1, 2, 13])
def test_transmitter_frames(divisor):
    transmitter, levels = UartTransmitter(divisor), []

    async def feed(ctx):
        for byte in BYTES:
            ctx.set(transmitter.i.payload, byte)
            ctx.set(transmitter.i.valid, 1)
            await ctx.tick().until(transmitter.i.ready)
        ctx.set(transmitter.i.valid, 0)

    async def watch(ctx):
        while ctx.get(transmitter.line):
            await ctx.tick()
        for _ in range(len(BYTES) * (10 * divisor + 1)):
            levels.append(ctx.get(transmitter.line))
            await ctx.tick()

    _simulate(transmitter, feed, watch)
    # One idle cycle passes between frames while the next byte is taken.
    expected = []
    for byte in BYTES:
        expected += [bit for bit in _frame(byte) for _ in range(divisor)] + [1]
    assert levels == expected


def test_loop():
    m = Module()
    m.submodules.transmitter = transmitter = UartTransmitter(8)
    m.submodules.receiver = receiver = UartReceiver(8)
    m.d.comb += receiver.line.eq(transmitter.line)
    got = []

    async def feed(ctx):
        for byte in range(0, 256, 5):
            ctx.set(transmitter.i.payload, byte)
            ctx.set(transmitter.i.valid, 1)
            await ctx.tick().until(transmitter.i.ready)
        ctx.set(transmitter.i.valid, 0)

    async def watch(ctx):
        while len(got) < 52:
            got.append(await _next_byte(ctx, receiver))

    _simulate(m, feed, watch)
    assert got == list(range(0, 256, 5))


async def _next_byte(ctx, receiver):
    (payload,) = await ctx.tick().sample(receiver.o.payload).until(receiver.o.valid)
    return payload


@pytest.mark.parametrize("kind, least", [(UartReceiver, 4), (UartTransmitter, 1)])
def test_divisor_too_small(kind, least):
    message = f"uart: divisor must be {least} or more clock cycles per bit, not {least - 1}"
    with warnings.catch_warnings():
        # The component that could not be made is not used either; Amaranth remarks on that.
        warnings.simplefilter("ignore", UnusedElaboratable)
        with pytest.raises(ValueError) as caught:
            kind(least - 1)
        assert str(caught.value) == message
        del caught
        gc.collect()
