"""Marks of frames, cycle by cycle beside what they should do."""

from collections import deque

import numpy as np
import pytest
from amaranth import Module
from amaranth.sim import Simulator

from holigrail_hw.nn.network.stream.hardware.border import Leaving, Marks


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
