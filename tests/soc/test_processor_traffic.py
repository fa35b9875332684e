"""A processor that reads and writes the scratchpad beside a chain changes no result of it."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from holigrail_hw.core import Timing
from holigrail_hw.soc.descriptors.checks import Error
from holigrail_hw.soc.descriptors.kinds import Copy, End, Fill, Matmul
from holigrail_hw.soc.executor.execute import run
from holigrail_hw.soc.hardware.core import AcceleratorCore
from holigrail_hw.soc.hardware.datapath import Datapath
from holigrail_hw.soc.hardware.engine import engine_of
from holigrail_hw.soc.hardware.scratchpad import READ_CYCLES
from holigrail_hw.soc.machine import Machine

MACHINE = Machine(
    rows=2,
    columns=4,
    activation_depth=16,
    accumulator_depth=4,
    scratchpad=1024,
    maximum=False,
    loader=False,
)
OWN = range(960, 1024, 4)
# Each step reads what the one before has written last; bytes take longer than the next one's fetch.
CHAIN = (
    Fill(nx=101, y_base=640, value=37),
    Copy(nx=101, a_base=640, y_base=750),
    Matmul(
        nx=3,
        nc=2,
        column_tiles=2,
        a_base=844,
        a_step_x=2,
        a_step_c=2,
        w_base=384,
        w_step_k=8,
        w_step_n=16,
        p_base=448,
        y_base=544,
        y_step_x=4,
        y_step_column=12,
    ),
    Copy(nx=12, a_base=556, y_base=600),
    End(),
)


def image(rng: np.random.Generator) -> np.ndarray:
    memory = rng.integers(0, 256, MACHINE.scratchpad, dtype=np.uint8)
    chain = b"".join(one.encode() for one in CHAIN)
    memory[: len(chain)] = np.frombuffer(chain, np.uint8)
    return memory


def left(memory: np.ndarray, traffic: float, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The scratchpad after the chain, what the processor has in its own part, and the cycles."""
    core = AcceleratorCore(MACHINE, engine_of(MACHINE), Timing())
    rng, own, found = np.random.default_rng(seed), {}, np.zeros_like(memory)

    async def word(ctx, at: int, value: int | None = None) -> int:
        ctx.set(core.address, at)
        ctx.set(core.select, 0 if value is None else 0b1111)
        ctx.set(core.write_data, value or 0)
        ctx.set(core.request, 1)
        while not ctx.get(core.grant):
            await ctx.tick()
        await ctx.tick()
        ctx.set(core.request, 0)
        if value is None:
            for _ in range(READ_CYCLES - 1):
                await ctx.tick()
        return ctx.get(core.found)

    async def bench(ctx):
        for at, value in enumerate(memory.view("<u4").tolist()):
            await word(ctx, 4 * at, value)
        ctx.set(core.start, 1)
        await ctx.tick()
        ctx.set(core.start, 0)
        while ctx.get(core.running):
            if rng.random() >= traffic:
                await ctx.tick()
            elif rng.random() < 0.5:
                at, value = int(rng.choice(OWN)), int(rng.integers(1 << 32))
                own[at] = value
                await word(ctx, at, value)
            else:
                at = int(rng.choice(OWN))
                wanted = own.get(at, int(memory.view("<u4")[at // 4]))
                assert await word(ctx, at) == wanted
        assert ctx.get(core.error) == Error.NONE, "the chain must not end in an error"
        for at in range(0, len(memory), 4):
            found.view("<u4")[at // 4] = await word(ctx, at)

    cycles = []

    async def counted(ctx):
        await bench(ctx)
        cycles.append(ctx.get(core.counters.cycles))

    simulator = Simulator(core)
    simulator.add_clock(1e-6)
    simulator.add_testbench(counted)
    simulator.run()
    expected = memory.copy()
    outcome = run(MACHINE, expected, 0)
    assert outcome.error is Error.NONE
    for at, value in own.items():
        expected.view("<u4")[at // 4] = value
    return found, expected, cycles[0]


def test_traffic_changes_no_result():
    memory = image(np.random.default_rng(1))
    found, expected, quiet = left(memory, 0.0, 1)
    assert (found == expected).all()
    found, expected, busy = left(memory, 0.9, 2)
    assert (found == expected).all()
    assert busy >= quiet


@pytest.mark.parametrize("fault", ["writer", "barrier"])
def test_dropped_barriers_are_noticed(fault, monkeypatch):
    """Done counts what products have left without what is written, or nothing at all."""
    whole = Datapath.elaborate

    def early(self, platform):
        m = whole(self, platform)
        products = m.submodules.products
        m.d.comb += self.done.eq(~products.busy if fault == "writer" else 1)
        return m

    monkeypatch.setattr(Datapath, "elaborate", early)
    memory = image(np.random.default_rng(1))
    try:
        found, expected, _ = left(memory, 0.0, 1)
    except AssertionError as error:
        assert "the chain must not end in an error" in str(error)
    else:
        assert (found != expected).any()
