"""Faults of chains with loads: each ends in its code, and the next chain works."""

from dataclasses import replace
from zlib import crc32

import numpy as np
from amaranth import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from holigrail_hw.core import Timing
from holigrail_hw.soc.descriptors.checks import Error
from holigrail_hw.soc.descriptors.kinds import End, Fill, Load, Matmul
from holigrail_hw.soc.hardware.core import AcceleratorCore
from holigrail_hw.soc.hardware.engine import engine_of
from holigrail_hw.soc.hardware.scratchpad import READ_CYCLES
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.registers.memory_map import CONTROL
from holigrail_hw.soc.system.bus import BUS
from holigrail_hw.soc.system.control import Control

MACHINE = Machine(
    rows=2, columns=4, activation_depth=4, accumulator_depth=2, scratchpad=1024, maximum=False
)
STATUS = CONTROL.register("status")
BLOCK = np.random.default_rng(4).integers(0, 256, 64, dtype=np.uint8).tobytes()
FLASH = BLOCK + crc32(BLOCK).to_bytes(4, "little") + BLOCK + bytes(4)
LOADS, TARGET = 512, 768


class Registers(wiring.Component):
    """An accelerator with its registers on a bus; its flash memory is driven by a test."""

    bus: wiring.In(BUS)

    def __init__(self, patience: int):
        self.core = AcceleratorCore(MACHINE, engine_of(MACHINE), Timing(), patience)
        self.control = Control(MACHINE, self.core)
        self.silent = False
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.core, m.submodules.control = core, control = self.core, self.control
        wiring.connect(m, wiring.flipped(self.bus), control.bus)
        for name in ("start", "first", "load", "load_first", "stop", "shown"):
            m.d.comb += getattr(core, name).eq(getattr(control, name))
        return m

    async def flash(self, ctx):
        """Words of :data:`FLASH`, one every third cycle, until they are stopped."""
        port = self.core.flash
        ctx.set(port.fetch.ready, 1)
        while True:
            *_, valid, address = await ctx.tick().sample(
                port.fetch.valid, port.fetch.payload.address
            )
            if not valid or self.silent:
                continue
            ctx.set(port.fetch.ready, 0)
            at, stop = address, 0
            while not stop:
                word = int.from_bytes(FLASH[at : at + 4].ljust(4, b"\0"), "little")
                ctx.set(port.block.payload, word)
                ctx.set(port.block.valid, 1)
                *_, ready, stop = await ctx.tick().sample(port.block.ready, port.stop)
                at += 4 * ready
                ctx.set(port.block.valid, 0)
                for _ in range(2):
                    if not stop:
                        *_, stop = await ctx.tick().sample(port.stop)
            ctx.set(port.fetch.ready, 1)

    async def access(self, ctx, address, select=0, word=0) -> int:
        bus = self.bus
        for name, value in (("valid", 1), ("address", address), ("select", select)):
            ctx.set(getattr(bus, name), value)
        ctx.set(bus.write_data, word)
        while not ctx.get(bus.ready):
            await ctx.tick()
        found = ctx.get(bus.read_data)
        await ctx.tick()
        ctx.set(bus.valid, 0)
        return found

    async def register(self, ctx, name, word=None) -> int:
        select = 0 if word is None else 0b1111
        return await self.access(ctx, CONTROL.at(name), select, word or 0)

    async def put(self, ctx, at, records):
        """Descriptors or loads into the scratchpad."""
        core, data = self.core, b"".join(records)
        ctx.set(core.select, 0b1111)
        for place in range(0, len(data), 4):
            ctx.set(core.address, at + place)
            ctx.set(core.write_data, int.from_bytes(data[place : place + 4], "little"))
            ctx.set(core.request, 1)
            while not ctx.get(core.grant):
                await ctx.tick()
            await ctx.tick()
        ctx.set(core.request, 0)

    async def bytes_at(self, ctx, at, count) -> bytes:
        core, found = self.core, b""
        ctx.set(core.select, 0)
        for place in range(at, at + count, 4):
            ctx.set(core.address, place)
            ctx.set(core.request, 1)
            await ctx.tick()
            ctx.set(core.request, 0)
            for _ in range(READ_CYCLES - 1):
                await ctx.tick()
            found += ctx.get(core.found).to_bytes(4, "little")
        return found

    async def ended(self, ctx) -> tuple[int, int]:
        """Error and index when both chains have ended."""
        for _ in range(2000):
            word = await self.register(ctx, "status")
            if STATUS.part("done").get(word):
                assert not STATUS.part("loading").get(word) | STATUS.part("running").get(word)
                return STATUS.part("error").get(word), STATUS.part("index").get(word)
        raise AssertionError("the chains do not end")


def simulated(top, process) -> None:
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.add_testbench(top.flash, background=True)
    simulator.run()


GOOD = Load(address=TARGET, length=len(BLOCK), crc=1, last=1)
WAITING = (Fill(y_base=0x3C0, value=1), Fill(y_base=0x3C1, value=2, wait=1, wait_count=1, last=1))
NO_SUM = 1 << 24
FAULTS = [
    (Error.FLASH, WAITING, [replace(GOOD, flash=68, wait=1, wait_count=1)]),
    (Error.SIZE, WAITING, [replace(GOOD, length=6, wait=1, wait_count=1)]),
    (Error.ADDRESS, WAITING, [replace(GOOD, address=1000, wait=1, wait_count=1)]),
    (Error.ADDRESS, WAITING, [replace(GOOD, flash=NO_SUM - 64, wait=1, wait_count=1)]),
    # Descriptor 1 waits for a load that waits for descriptor 1; and for one that never is.
    (Error.DEADLOCK, WAITING, [replace(GOOD, wait=1, wait_count=2)]),
    (Error.DEADLOCK, (WAITING[0], replace(WAITING[1], wait_count=2)), [GOOD]),
    (Error.RECORD, (WAITING[0], Matmul(p_wide=1)), [GOOD]),
    (Error.SIZE, (WAITING[0], Fill(nx=0)), [GOOD]),
    (Error.ADDRESS, (WAITING[0], Fill(y_base=1024)), [GOOD]),
]


def test_every_fault_ends_in_its_code_and_the_next_chain_works():
    top = Registers(patience=9)

    async def good(ctx):
        """Both queues, the loads first, as the firmware starts them."""
        await top.put(ctx, TARGET, [bytes(len(BLOCK))])
        await top.put(ctx, 0, [one.encode() for one in WAITING])
        await top.put(ctx, LOADS, [GOOD.encode()])
        await top.register(ctx, "loader_start", LOADS)
        await top.register(ctx, "start", 0)
        assert await top.ended(ctx) == (Error.NONE, 1)
        assert await top.bytes_at(ctx, TARGET, len(BLOCK)) == BLOCK
        assert await top.register(ctx, "done_loads") == 1
        assert await top.register(ctx, "done_descriptors") == 2
        assert await top.register(ctx, "flash_wait") > 20

    async def bench(ctx):
        await good(ctx)
        for error, chain, loads in FAULTS:
            await top.put(ctx, 0, [one.encode() for one in (*chain, End())])
            await top.put(ctx, LOADS, [one.encode() for one in loads])
            await top.register(ctx, "loader_start", LOADS)
            await top.register(ctx, "start", 0)
            assert await top.ended(ctx) == (error, 1), (error, loads)
            await good(ctx)
        # A spoilt record, and a chain of loads at a wrong place, before the descriptors begin.
        for at, record in ((LOADS, bytes([1, *bytes(15)])), (LOADS + 8, GOOD.encode())):
            await top.put(ctx, LOADS, [record])
            await top.register(ctx, "loader_start", at)
            await top.register(ctx, "start", 0)
            assert (await top.ended(ctx))[0] == (Error.RECORD if at == LOADS else Error.ADDRESS)
            await good(ctx)
        # Without loads of its own a chain waits in vain: none is counted from the one before.
        await top.register(ctx, "start", 0)
        assert await top.ended(ctx) == (Error.DEADLOCK, 1)
        # The flash memory says nothing: only the watchdog ends the wait.
        top.silent = True
        await top.register(ctx, "loader_start", LOADS)
        await top.register(ctx, "start", 0)
        assert await top.ended(ctx) == (Error.WATCHDOG, 1)
        top.silent = False
        await good(ctx)
        # Loads that outlast their chain end it with the index behind its last descriptor.
        await top.put(ctx, 0, [replace(WAITING[0], last=1).encode()])
        await top.put(ctx, LOADS, [replace(GOOD, wait=1, wait_count=5).encode()])
        await top.register(ctx, "loader_start", LOADS)
        await top.register(ctx, "start", 0)
        assert await top.ended(ctx) == (Error.DEADLOCK, 1)
        await good(ctx)

    simulated(top, bench)


def test_loads_can_be_stopped():
    top = Registers(patience=20)

    async def bench(ctx):
        top.silent = True
        await top.put(ctx, 0, [one.encode() for one in WAITING])
        await top.put(ctx, LOADS, [GOOD.encode()])
        await top.register(ctx, "loader_start", LOADS)
        word = await top.register(ctx, "status")
        assert STATUS.part("loading").get(word) and not STATUS.part("done").get(word)
        await top.register(ctx, "stop", 1)
        word = await top.register(ctx, "status")
        assert not STATUS.part("loading").get(word)
        await top.register(ctx, "loader_start", LOADS)
        await top.register(ctx, "start", 0)
        for _ in range(40):
            await ctx.tick()
        await top.register(ctx, "stop", 1)
        assert (await top.ended(ctx))[0] == Error.NONE
        top.silent = False
        await top.register(ctx, "loader_start", LOADS)
        await top.register(ctx, "start", 0)
        assert await top.ended(ctx) == (Error.NONE, 1)
        assert await top.bytes_at(ctx, TARGET, len(BLOCK)) == BLOCK

    simulated(top, bench)


def test_an_error_of_the_engine_is_shown_and_the_next_chain_works(monkeypatch):
    """A planted fault: every row of weights says that it is the last one."""
    from holigrail_hw.soc.hardware.operands import WeightRows

    whole = WeightRows.elaborate

    def hasty(self, platform):
        m = whole(self, platform)
        m.d.comb += self.o.payload.last.eq(1)
        return m

    monkeypatch.setattr(WeightRows, "elaborate", hasty)
    top = Registers(patience=9)
    product = Matmul(w_base=256, p_base=320, y_base=384, a_base=192, w_step_k=8, w_step_n=8)

    async def bench(ctx):
        await top.put(ctx, 0, [product.encode(), End().encode()])
        await top.register(ctx, "start", 0)
        assert await top.ended(ctx) == (Error.ENGINE, 0)
        word = await top.register(ctx, "status")
        assert STATUS.part("engine_code").get(word) != 0
        await top.put(ctx, 0, [Fill(y_base=384, nx=4, value=7, last=1).encode()])
        await top.register(ctx, "start", 0)
        assert await top.ended(ctx) == (Error.NONE, 0)
        assert await top.bytes_at(ctx, 384, 4) == bytes([7] * 4)

    simulated(top, bench)
