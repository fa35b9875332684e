"""Frames on a line: what is sent is received, and what is damaged is noticed."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from holigrail_hw.flow.simulate.link_protocol import Deframer, frame
from holigrail_hw.hdl.stream.framing import FrameReceiver, FrameSender

CONTENTS = [b"\x00", b"\x7e\x7d", b"\x7d\x5e" * 3, bytes(range(256)), b"\x7e" * 9]


def received(data: bytes) -> list[tuple[bytes, bool]]:
    """Frames of the hardware receiver, and whether each came whole."""
    receiver, frames, current = FrameReceiver(), [], bytearray()

    async def bench(ctx):
        for byte in data:
            ctx.set(receiver.i.payload, byte)
            ctx.set(receiver.i.valid, 1)
            if ctx.get(receiver.o.valid):
                assert ctx.get(receiver.first) == (not current)
                current.append(ctx.get(receiver.o.payload))
            if ctx.get(receiver.end):
                frames.append((bytes(current), bool(ctx.get(receiver.good))))
                current.clear()
            await ctx.tick()

    simulator = Simulator(receiver)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return frames


def test_receiver_takes_what_the_host_frames():
    data = b"noise" + b"".join(frame(c[0], c[1:]) for c in CONTENTS)
    # What stands before the first flag belongs to no frame.
    assert received(data) == [(c, True) for c in CONTENTS]


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_host_takes_what_the_sender_frames(share):
    sender, line = FrameSender(), bytearray()
    rng = np.random.default_rng(1)

    async def feed(ctx):
        for content in CONTENTS:
            for place, byte in enumerate(content):
                ctx.set(sender.i.payload, {"data": byte, "last": place == len(content) - 1})
                ctx.set(sender.i.valid, 1)
                await ctx.tick().until(sender.i.ready)
                ctx.set(sender.i.valid, 0)
                if rng.random() > share:
                    await ctx.tick()

    async def drain(ctx):
        for _ in range(2500):
            ctx.set(sender.o.ready, bool(rng.random() <= share))
            if ctx.get(sender.o.valid) and ctx.get(sender.o.ready):
                line.append(ctx.get(sender.o.payload))
            await ctx.tick()

    simulator = Simulator(sender)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.add_testbench(drain)
    simulator.run()
    assert [bytes([h]) + c for h, c in Deframer().feed(bytes(line))] == CONTENTS


def _damages(data: bytes) -> list[bytes]:
    """Every lost byte, every pair of unequal neighbours swapped, every flipped bit."""
    lost = [data[:i] + data[i + 1 :] for i in range(1, len(data) - 1)]
    swapped = [
        data[:i] + data[i + 1 : i + 2] + data[i : i + 1] + data[i + 2 :]
        for i in range(1, len(data) - 2)
        if data[i] != data[i + 1]
    ]
    flipped = [
        data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :]
        for i in range(1, len(data) - 1)
        for bit in range(8)
    ]
    return lost + swapped + flipped


def test_every_small_damage_is_noticed():
    """By the hardware and by the host; a frame after the damage is whole again."""
    data = frame(3, b"\x00\x7e\x11\x22\x7d")
    damaged = _damages(data)
    assert len(damaged) > 90
    after = frame(9, b"ok")
    for text in damaged:
        *wrong, last = Deframer().feed(text + after)
        assert last == (9, b"ok") and wrong and all(found is None for found in wrong)
    frames = received(b"".join(text + after for text in damaged))
    good = [content for content, whole in frames if whole]
    assert good == [b"\x09ok"] * len(damaged)
    assert len(frames) >= 2 * len(damaged)
