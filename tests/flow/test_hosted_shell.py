"""The shell of a system on a board: its reset, and bytes on its serial line."""

from amaranth import ClockDomain, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from holigrail_hw.flow.board.hosted_shell import HostedShell

DIVISOR = 4


class Starts(wiring.Component):
    """Gives back every byte, one more; needs a domain with a reset, as processors do."""

    sent: Out(stream.Signature(8))
    received: In(stream.Signature(8))

    def __init__(self):
        self.in_reset = Signal()
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.in_reset.eq(ResetSignal("sync"))
        m.d.comb += [
            self.sent.valid.eq(self.received.valid & ~self.in_reset),
            self.sent.payload.eq(self.received.payload + 1),
            self.received.ready.eq(self.sent.ready & ~self.in_reset),
        ]
        return m


class OnBoard(wiring.Component):
    """A clock without a reset, as Amaranth's ECP5 boards have it."""

    def __init__(self):
        self.starts = Starts()
        self.shell = HostedShell(self.starts, DIVISOR)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain("sync", reset_less=True)
        m.submodules.shell = self.shell
        return m


def test_a_system_begins_with_a_reset_where_the_board_has_none():
    top, resets, bits = OnBoard(), [], []

    async def bench(ctx):
        ctx.set(top.shell.rx, 1)
        for _ in range(40):
            resets.append(ctx.get(top.starts.in_reset))
            await ctx.tick()
        byte = 0x41
        for bit in [0, *(byte >> place & 1 for place in range(8)), 1]:
            ctx.set(top.shell.rx, bit)
            for _ in range(DIVISOR):
                bits.append(ctx.get(top.shell.tx))
                await ctx.tick()
        for _ in range(20 * DIVISOR):
            bits.append(ctx.get(top.shell.tx))
            await ctx.tick()

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    count = sum(resets)
    assert 0 < count < 40 and resets == [1] * count + [0] * (40 - count)
    first = bits.index(0)
    sampled = bits[first + DIVISOR // 2 :: DIVISOR][:10]
    assert sampled == [0, *(0x42 >> place & 1 for place in range(8)), 1]
