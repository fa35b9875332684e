"""Streams behind a Wishbone slave: names, registers, rules of the bus, benches on every level."""

import random
import subprocess

import needs
import numpy as np
import pytest
from amaranth import Module
from amaranth.sim import Simulator
from sample_engines import Repeat
from sample_operators import MultiplyAdd

from holigrail_hw.arrays.gemm import Gemm
from holigrail_hw.core import Timing
from holigrail_hw.core.shelled import shelled
from holigrail_hw.core.wishbone import Slave, Wishbone, register_map
from holigrail_hw.flow import emit, manifest, workloads
from holigrail_hw.flow.compiled import compile_all
from holigrail_hw.flow.top import Top

BUS = Timing(shell="wishbone")
ENGINE = shelled(Repeat(width=40), BUS)
REQUESTS = {
    "engine": (Repeat(width=40), BUS),
    "combinational": (MultiplyAdd(), BUS),
    "matrix engine": (Gemm(rows=1, columns=2, activation_depth=4, accumulator_depth=3), BUS),
}


@pytest.fixture(scope="module")
def designs():
    return dict(zip(REQUESTS, compile_all(list(REQUESTS.values()), short=True), strict=True))


def test_ports():
    top = Top(Repeat(width=13), BUS)
    assert (top.name, top.handshakes()) == ("test_repeat_width_13_wishbone", [])
    assert [(port.name, port.direction, port.width) for port in top.ports()] == [
        ("clk", "in", 1),
        ("rst", "in", 1),
        ("wb_cyc", "in", 1),
        ("wb_stb", "in", 1),
        ("wb_we", "in", 1),
        ("wb_adr", "in", 3),
        ("wb_sel", "in", 4),
        ("wb_dat_w", "in", 32),
        ("wb_dat_r", "out", 32),
        ("wb_ack", "out", 1),
    ]


def test_registers():
    rows = [(r.name, r.access, r.meaning) for r in register_map(Repeat(width=40).streams())]
    assert rows == [
        ("value status", "read", "bit 0: takes an item now"),
        ("value data 0", "write", "a [31:0]"),
        ("value data 1", "write", "a [7:0]; sends the item"),
        ("count status", "read", "bit 0: takes an item now"),
        ("count data 0", "write", "n [3:0]; sends the item"),
        ("result status", "read", "bit 0: has an item now"),
        ("result data 0", "read", "a [31:0]"),
        ("result data 1", "read", "a [7:0], last [8]; takes the item out"),
    ]


@pytest.mark.parametrize("name", REQUESTS)
def test_streams_through_the_bus(name, designs):
    """With pauses on the outside of the bus master, and after a reset in the middle."""
    design, rng = designs[name], np.random.default_rng(4)
    spec = design.top.spec
    assert isinstance(spec, Wishbone)
    chosen = workloads.choose(spec, 150, seed=3, largest=40)
    for idle, stall in ((0.0, 0.0), (0.5, 0.5)):
        pauses = {
            stream.name: rng.random(97) < (idle if stream.direction == "in" else stall)
            for stream in design.top.handshakes()
        }
        more = {"pauses": pauses, "quiet": spec.quiet_cycles}
        design.run_streams(chosen.items, chosen.counts, cycles=77, **more)
        run = design.run_streams(chosen.items, chosen.counts, **more)
        assert run.complete and not workloads.differences(chosen, run.results)


class Master:
    """A host on the bus that checks the rules: an answer for each access, and no other."""

    def __init__(self, slave, ctx, rng, quick):
        self.bus, self.ctx, self.rng, self.quick = slave.bus, ctx, rng, quick
        self.patience, self.waited = 200, 0

    async def cycle(self, *, active):
        """One clock cycle; whether the slave answered, and the data it gave."""
        self.ctx.set(self.bus.stb, active)
        self.ctx.set(self.bus.cyc, active or self.rng.random() < 0.5)
        _, _, ack, data = await self.ctx.tick().sample(self.bus.ack, self.bus.dat_r)
        return ack, data

    async def access(self, address, value=None, select=15):
        ctx, bus = self.ctx, self.bus
        for _ in range(0 if self.quick else self.rng.choice((0, 0, 1, 3))):
            # A strobe without a cycle is for somebody else.
            ctx.set(bus.cyc, 0)
            ctx.set(bus.stb, self.rng.random() < 0.5)
            _, _, ack = await ctx.tick().sample(bus.ack)
            assert not ack, "an answer must need a cycle and a strobe"
        ctx.set(bus.adr, address)
        ctx.set(bus.we, value is not None)
        ctx.set(bus.dat_w, self.rng.getrandbits(32) if value is None else value)
        ctx.set(bus.sel, select)
        for waited in range(self.patience):
            ack, data = await self.cycle(active=True)
            if ack:
                self.waited = waited
                break
        else:
            return None
        if not self.quick and self.rng.random() < 0.7:
            ack, _ = await self.cycle(active=False)
            assert not ack, "an access must be answered once"
        return data


def on_the_bus(play, slave_class=Slave, quick=False, view=ENGINE):
    """Run ``play(master, ctx)`` on a slave around an engine."""
    slave = slave_class(view.inner_component(), view.inner_streams(), view.signature)
    simulator = Simulator(slave)
    simulator.add_clock(1e-6)
    done = []

    async def bench(ctx):
        await play(Master(slave, ctx, random.Random(1), quick), ctx)
        done.append(True)

    simulator.add_testbench(bench)
    simulator.run()
    assert done


async def copies(master, count):
    """Results of the engine as a host takes them out."""
    found = []
    for _ in range(count):
        low = await master.access(6)
        high = await master.access(7)
        found.append(low | (high & 255) << 32)
        assert (high >> 8) == (len(found) == count)
    return found


def test_a_host_that_waits():
    """Writes and reads of items that the engine is not ready for are answered later."""

    async def play(master, ctx):
        assert [await master.access(place) for place in (0, 3, 5)] == [1, 1, 0]
        for value, count in ((0x5A_1234_5678, 3), (7, 1), ((1 << 40) - 1, 15)):
            await master.access(1, value & 0xFFFFFFFF)
            await master.access(2, value >> 32)
            await master.access(4, count)
            assert await copies(master, count) == [value] * count
        await master.access(4, 9)
        await master.access(4, 2)
        assert await master.access(3) == 0
        # The third count has no place until a value comes; no value ever does.
        assert await master.access(4, 1) is None

    on_the_bus(play)


def test_waiting_ends_when_the_engine_moves_on():
    async def play(master, ctx):
        await master.access(1, 5)
        assert master.waited == 1
        await master.access(2, 0)
        master.patience = 4
        assert await master.access(1, 6) is None
        master.patience = 200
        await master.access(4, 2)
        await master.access(1, 6)
        await master.access(2, 0)
        assert await copies(master, 2) == [5, 5]
        master.patience = 4
        assert await master.access(7) is None
        master.patience = 200
        await master.access(4, 1)
        assert await copies(master, 1) == [6]

    on_the_bus(play, quick=True)


def test_waiting_ends_by_itself():
    """A result is read while it is still on its way through the pipeline."""
    spec = MultiplyAdd(a_width=4, b_width=5, c_width=6)
    view = shelled(spec, Timing(shell="wishbone", latency=9))
    widths = [format.width for format in spec.inputs().values()]
    assert [one.name for one in view.registers()] == [
        "i status",
        "i data 0",
        "o status",
        "o data 0",
    ]

    async def play(master, ctx):
        for a, b, c in ((3, 5, 7), (1, 1, 1), (0, 9, 2)):
            await master.access(1, a | b << widths[0] | c << sum(widths[:2]))
            assert await master.access(3) == a * b + c
            assert master.waited >= 7

    on_the_bus(play, view=view, quick=True)


def test_byte_selects_and_what_is_not_there():
    async def play(master, ctx):
        for place in (1, 2, 4):
            assert await master.access(place) == 0
        for place in (0, 3, 5, 6, 7):
            await master.access(place, 0xFFFFFFFF)
        assert [await master.access(place) for place in (0, 3, 5)] == [1, 1, 0]
        await master.access(1, 0x11223344)
        await master.access(1, 0xAABBCCDD, select=0b0101)
        await master.access(2, 0xEE)
        await master.access(4, 1)
        assert await copies(master, 1) == [0xEE_11BB_33DD]

    on_the_bus(play)


def test_a_broken_rule_is_noticed():
    class Eager(Slave):
        """Answers whoever strobes."""

        def elaborate(self, platform):
            m = Module()
            m.submodules.inner = self._inner
            m.d.comb += self.bus.ack.eq(self.bus.stb)
            m.d.sync += self.bus.dat_r.eq(self.bus.dat_w)
            return m

    async def play(master, ctx):
        for _ in range(20):
            await master.access(0)

    with pytest.raises(AssertionError, match="an answer must need"):
        on_the_bus(play, slave_class=Eager)


@needs.iverilog
@pytest.mark.icarus
def test_the_folder_has_a_bench_that_passes(tmp_path):
    made = emit.generate(Repeat(width=40), BUS, tmp_path, vectors=30)
    top = made.manifest["top"]
    assert [one["address"] for one in made.manifest["registers"]] == list(range(8))
    assert manifest.load(made.files[-1]) == (Repeat(width=40), BUS)
    words = ["iverilog", "-g2012", "-o", "bench", f"{top}.v", f"{top}_bench.v"]
    subprocess.run(words, cwd=tmp_path, check=True)
    found = subprocess.run(["vvp", "-n", "bench"], cwd=tmp_path, capture_output=True, text=True)
    assert "PASS: " in found.stdout
    text, place = (tmp_path / f"{top}.v").read_text(), "assign result__payload[39:0] = held;"
    assert text.count(place) == 1
    (tmp_path / f"{top}.v").write_text(text.replace("= held;", "= ~held;"))
    subprocess.run(words, cwd=tmp_path, check=True)
    found = subprocess.run(["vvp", "-n", "bench"], cwd=tmp_path, capture_output=True, text=True)
    assert "FAIL: " in found.stdout
