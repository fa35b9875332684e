"""Maxima of windows beside NumPy: stalls on both sides, and bounds that cross."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from holigrail_hw.soc.hardware.windows import Windows

WINDOWS = 60


@pytest.mark.parametrize(("lanes", "low", "high"), [(1, -128, 127), (3, -20, 31), (2, 40, -7)])
def test_maxima_are_those_of_numpy(lanes, low, high):
    rng = np.random.default_rng(lanes)
    windows = [rng.integers(-128, 128, (rng.integers(1, 5), lanes)) for _ in range(WINDOWS)]
    vectors = [(row, row is window[-1]) for window in map(list, windows) for row in window]
    expected = [np.maximum(np.minimum(w.max(axis=0), high), low).tolist() for w in windows]
    unit, found = Windows(lanes), []

    async def give(ctx):
        ctx.set(unit.low, low)
        ctx.set(unit.high, high)
        await ctx.tick()
        for row, last in vectors:
            while rng.random() < 0.3:
                await ctx.tick()
            codes = row.astype(np.int8).tobytes()
            ctx.set(unit.i.payload.data, int.from_bytes(codes, "little"))
            ctx.set(unit.i.payload.last, int(last))
            ctx.set(unit.i.valid, 1)
            await ctx.tick().until(unit.i.ready)
            ctx.set(unit.i.valid, 0)

    async def take(ctx):
        while len(found) < WINDOWS:
            while rng.random() < 0.4:
                await ctx.tick()
            ctx.set(unit.o.ready, 1)
            (codes,) = await ctx.tick().sample(unit.o.payload).until(unit.o.valid)
            ctx.set(unit.o.ready, 0)
            given = int(codes).to_bytes(lanes, "little")
            found.append(np.frombuffer(given, np.int8).tolist())

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(give)
    simulator.add_testbench(take)
    simulator.run()
    assert found == expected
