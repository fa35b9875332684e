"""Queues and marks of frames, cycle by cycle beside what they should do."""

from collections import deque

import numpy as np
import pytest
from amaranth import Module
from amaranth.sim import Simulator

from holigrail_hw.nn.network.stream.hardware.border import Leaving, Marks
from holigrail_hw.nn.network.stream.hardware.queue import Queue
from holigrail_hw.nn.network.stream.queues import kind_of, queue_cost

CASES = [
    (2, "registers"),
    (3, "distributed"),
    (8, "distributed"),
    (13, "distributed"),
    (3, "block"),
    (8, "block"),
    (13, "block"),
]


@pytest.mark.parametrize(("depth", "kind"), CASES)
def test_a_queue(depth, kind):
    rng = np.random.default_rng(depth)
    queue = Queue(7, depth, kind)
    # Now mostly written, now mostly read: full and empty both occur.
    writes = np.concatenate([rng.random(120) < p for p in (0.9, 0.2, 0.6, 1.0)])
    reads = np.concatenate([rng.random(120) < p for p in (0.2, 0.9, 0.6, 1.0)])
    values = rng.integers(0, 128, len(writes))
    seen = []

    async def bench(ctx):
        kept: deque[int] = deque()
        offered = None
        for write, read, value in zip(writes, reads, values, strict=True):
            offered = int(value) if offered is None and write else offered
            ctx.set(queue.i.valid, offered is not None)
            ctx.set(queue.i.payload, offered or 0)
            ctx.set(queue.o.ready, bool(read))
            assert ctx.get(queue.i.ready) == (len(kept) < depth)
            assert ctx.get(queue.o.valid) == bool(kept)
            if kept:
                assert ctx.get(queue.o.payload) == kept[0]
            takes, gives = offered is not None and len(kept) < depth, bool(read) and bool(kept)
            if gives:
                kept.popleft()
            if takes:
                kept.append(offered)
                offered = None
            seen.append(len(kept))
            await ctx.tick()

    simulator = Simulator(queue)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert max(seen) == depth and 0 in seen[120:]


def test_kinds_of_queues():
    assert kind_of(2, "ecp5") == "registers" and kind_of(2, "ice40up5k") == "registers"
    assert kind_of(64, "ecp5") == "distributed" and kind_of(3, "ice40up5k") == "block"
    assert kind_of(65, "generic") == "block"
    assert queue_cost(100, 9, "ecp5")["memory_bits"] == 900
    assert queue_cost(16, 9, "ecp5")["memory_bits"] == 0


@pytest.mark.parametrize(("beats", "results", "frames"), [(4, 3, 3), (2, 1, 1), (5, 4, 4)])
def test_marks(beats, results, frames):
    """Wrong marks go with the results of their frames; frames wait for their turn."""
    rng = np.random.default_rng(beats)
    marks, leaving = Marks(beats), Leaving(results, frames)
    waiting: deque[int] = deque()
    place = at = wrong = delivered = 0

    async def bench(ctx):
        nonlocal place, at, wrong, delivered
        for _ in range(800):
            there = bool(waiting)
            assert ctx.get(leaving.there) == there
            if there:
                assert ctx.get(leaving.error) == waiting[0]
            assert ctx.get(leaving.last) == (at == results - 1)
            whole = place == beats - 1
            taken = bool(rng.random() < 0.7) and (len(waiting) < frames or not whole)
            last = whole != (rng.random() < 0.1)
            gone = there and bool(rng.random() < 0.6)
            ctx.set(marks.taken, taken)
            ctx.set(marks.last, last)
            assert ctx.get(marks.whole) == whole
            mark = wrong or last != whole
            assert ctx.get(marks.wrong) == mark
            ctx.set(leaving.entered, taken and whole)
            ctx.set(leaving.wrong, mark)
            ctx.set(leaving.taken, gone)
            if gone:
                at = (at + 1) % results
                if at == 0:
                    waiting.popleft()
                    delivered += 1
            if taken:
                wrong = mark and not whole
                place = (place + 1) % beats
                if whole:
                    waiting.append(int(mark))
            await ctx.tick()

    m = Module()
    m.submodules += [marks, leaving]
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert delivered > 60
