"""A memory beside flags: the words are right, and none that is zero is ever read."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from holigrail_hw.hdl.memory.guarded import GuardedMemory


def run(width: int, depth: int, density: float, both: bool = True) -> dict[str, int]:
    """Random writes and reads; returns what was counted."""
    rng = np.random.default_rng(6)
    dut = GuardedMemory(width, depth)
    model, expected = [0] * depth, []
    counted = {"asked": 0, "zero": 0, "not needed": 0, "reading": 0, "toggles": 0}

    async def bench(ctx):
        last = 0
        for cycle in range(400):
            address, old = (int(rng.integers(depth)) for _ in range(2))
            word = int(rng.integers(1, 1 << width)) if rng.random() < density else 0
            read, needed = rng.random() < 0.8, both or rng.random() < 0.5
            # What is being read is not written.
            write = rng.random() < 0.5 and address not in (old, *(e[2] for e in expected[-2:]))
            ctx.set(dut.write_address, address)
            ctx.set(dut.write_data, word)
            ctx.set(dut.write_enable, write)
            ctx.set(dut.read_address, old)
            ctx.set(dut.read_enable, read)
            ctx.set(dut.needed, needed)
            expected.append((read, model[old] if needed else 0, old))
            counted["asked"] += read
            counted["zero"] += read and not model[old]
            counted["not needed"] += read and bool(model[old]) and not needed
            if write:
                model[address] = word
            _, _, valid, present, data, reading = await ctx.tick().sample(
                dut.valid, dut.present, dut.data, dut.reading
            )
            counted["reading"] += reading
            counted["toggles"] += data != last
            if cycle >= 2:
                wanted, value, _ = expected[cycle - 2]
                assert valid == wanted
                if valid:
                    assert (data if present else 0) == value
            assert present or data == last
            last = data

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return counted


@pytest.mark.parametrize(("width", "depth"), [(1, 2), (8, 16), (13, 7)])
@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_zeros_are_not_read(width, depth, density):
    counted = run(width, depth, density)
    # Reads that begin in the last cycle do not get to the words.
    assert abs(counted["asked"] - counted["zero"] - counted["reading"]) <= 1
    assert counted["toggles"] <= counted["reading"]
    assert (counted["reading"] > 20) == (density > 0)


def test_what_is_not_needed_is_not_read():
    counted = run(8, 16, 0.5, both=False)
    assert counted["not needed"] > 30
    assert abs(counted["asked"] - counted["zero"] - counted["not needed"] - counted["reading"]) <= 1
