"""A host on a Wishbone bus, in Amaranth's simulator: one access at a time, the rules checked."""

import random

from amaranth import ResetInserter, Signal
from amaranth.sim import Simulator

from holigrail_hw.shells.wishbone.slave import Slave

__all__ = ["Master", "on_the_bus"]


class Master:
    """A host on the bus that checks the rules: an answer for each access, and no other."""

    def __init__(self, slave, ctx, rng, quick, reset, wait_cycles):
        self.bus, self.ctx, self.rng, self.quick = slave.bus, ctx, rng, quick
        self.reset, self.wait_cycles = reset, wait_cycles
        self.waited = 0

    async def cycle(self, *, active):
        """One clock cycle; how the slave answered, and the data it gave."""
        bus = self.bus
        self.ctx.set(bus.stb, active)
        self.ctx.set(bus.cyc, active or self.rng.random() < 0.5)
        _, _, ack, err, data = await self.ctx.tick().sample(bus.ack, bus.err, bus.dat_r)
        assert not (ack and err), "there must be one answer"
        return ("ack" if ack else "err" if err else None), data

    async def access(self, address, value=None, select=15, give_up_after=None):
        """The word read; ``None`` if the slave refused, or did not answer in time."""
        ctx, bus = self.ctx, self.bus
        for _ in range(0 if self.quick else self.rng.choice((0, 0, 1, 3))):
            # A strobe without a cycle is for somebody else.
            ctx.set(bus.cyc, 0)
            ctx.set(bus.stb, self.rng.random() < 0.5)
            _, _, ack, err = await ctx.tick().sample(bus.ack, bus.err)
            assert not ack and not err, "an answer must need a cycle and a strobe"
        ctx.set(bus.adr, address)
        ctx.set(bus.we, value is not None)
        ctx.set(bus.dat_w, self.rng.getrandbits(32) if value is None else value)
        ctx.set(bus.sel, select)
        longest = self.wait_cycles + 2
        for waited in range(longest if give_up_after is None else give_up_after):
            answer, data = await self.cycle(active=True)
            if answer:
                self.waited = waited
                break
        else:
            assert give_up_after is not None, "an access must be answered in time"
            await self.cycle(active=False)
            return None
        if not self.quick and self.rng.random() < 0.7:
            again, _ = await self.cycle(active=False)
            assert not again, "an access must be answered once"
        return data if answer == "ack" else None


def on_the_bus(play, view, *, slave_class=Slave, quick=False):
    """Run ``play(master, ctx)`` on a slave around an engine."""
    slave = slave_class(
        view.inner_component(), view.inner_streams(), view.signature, view.wait_cycles
    )
    reset = Signal()
    simulator = Simulator(ResetInserter(reset)(slave))
    simulator.add_clock(1e-6)
    done = []

    async def bench(ctx):
        await play(Master(slave, ctx, random.Random(1), quick, reset, view.wait_cycles), ctx)
        done.append(True)

    simulator.add_testbench(bench)
    simulator.run()
    assert done
