"""An accelerator behind a processor's bus: registers, stop, watchdog, serial line, files."""

import json
import re
import subprocess
from importlib.util import find_spec

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from hardware import make

from holigrail_hw.core import Timing
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit.verilog import companion, verilog
from holigrail_hw.flow.top import Top
from holigrail_hw.soc.accelerator.operator import Accelerator
from holigrail_hw.soc.descriptors.checks import Error
from holigrail_hw.soc.descriptors.kinds import End, Fill
from holigrail_hw.soc.hardware.core import AcceleratorCore
from holigrail_hw.soc.hardware.engine import engine_of
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.registers.memory_map import CONTROL, UART
from holigrail_hw.soc.system import system as system_module
from holigrail_hw.soc.system.bus import BUS
from holigrail_hw.soc.system.control import Control
from holigrail_hw.soc.system.memory import FirmwareMemory
from holigrail_hw.soc.system.serial import Serial

MACHINE = Machine(
    rows=2,
    columns=4,
    activation_depth=4,
    accumulator_depth=2,
    scratchpad=512,
    maximum=False,
    loader=False,
    wide_parameters=False,
)
STATUS = CONTROL.register("status")


class Registers(wiring.Component):
    """An accelerator with its registers on a bus, and the port of its scratchpad."""

    bus: wiring.In(BUS)

    def __init__(self, patience: int):
        self.core = AcceleratorCore(MACHINE, engine_of(MACHINE), Timing(), patience)
        self.control = Control(MACHINE, self.core)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.core, m.submodules.control = core, control = self.core, self.control
        wiring.connect(m, wiring.flipped(self.bus), control.bus)
        for name in ("start", "first", "stop", "shown"):
            m.d.comb += getattr(core, name).eq(getattr(control, name))
        return m


async def access(ctx, bus, address: int, select: int = 0, word: int = 0) -> int:
    """A read, or a write of the bytes in ``select``."""
    for name, value in (("valid", 1), ("address", address), ("select", select)):
        ctx.set(getattr(bus, name), value)
    ctx.set(bus.write_data, word)
    for _ in range(20):
        if ctx.get(bus.ready):
            break
        await ctx.tick()
    else:
        raise AssertionError("no answer")
    found = ctx.get(bus.read_data)
    await ctx.tick()
    ctx.set(bus.valid, 0)
    return found


def simulated(component, process) -> None:
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()


async def put(ctx, core, chain) -> None:
    """Write descriptors from address 0 on."""
    record = b"".join(one.encode() for one in chain)
    ctx.set(core.select, 0b1111)
    for at in range(0, len(record), 4):
        ctx.set(core.address, at)
        ctx.set(core.write_data, int.from_bytes(record[at : at + 4], "little"))
        ctx.set(core.request, 1)
        assert ctx.get(core.grant)
        await ctx.tick()
    ctx.set(core.request, 0)


async def finished(ctx, bus) -> dict[str, int]:
    """The parts of the status register when a chain has ended."""
    for _ in range(200):
        word = await access(ctx, bus, CONTROL.at("status"))
        parts = {part.name: part.get(word) for part in STATUS.parts}
        if parts["done"]:
            return parts
    raise AssertionError("the chain does not end")


LONG = Fill(nx=400, ny=200, y_base=448, y_step_x=0, y_step_y=0, value=5, interrupt=1, last=1)
SHORT = Fill(nx=8, y_base=500, value=-1, interrupt=1)


def test_registers_start_stop_and_show_what_happened():
    top = Registers(patience=20)
    core, bus = top.core, top.bus

    async def bench(ctx):
        assert await access(ctx, bus, CONTROL.at("digest")) == MACHINE.digest
        await put(ctx, core, [SHORT, End(), LONG])
        await access(ctx, bus, CONTROL.at("interrupt"), 0b1111, 1)
        await access(ctx, bus, CONTROL.at("start"), 0b1111, 0)
        parts = await finished(ctx, bus)
        assert (parts["error"], parts["index"], parts["running"]) == (Error.NONE, 1, 0)
        assert await access(ctx, bus, CONTROL.at("done_descriptors")) == 2
        assert await access(ctx, bus, CONTROL.at("result_words")) == 8 // (2 * MACHINE.grain)
        cycles = [await access(ctx, bus, CONTROL.at("descriptor_cycles") + 4 * n) for n in range(2)]
        assert await access(ctx, bus, CONTROL.at("cycles")) == sum(cycles)
        assert ctx.get(top.control.interrupt) == 1
        await access(ctx, bus, CONTROL.at("interrupt"), 0b1111, 0b11)
        assert ctx.get(top.control.interrupt) == 0
        # A chain that would take 80,000 cycles is stopped, and the next one works.
        await access(ctx, bus, CONTROL.at("start"), 0b1111, 128)
        word = await access(ctx, bus, CONTROL.at("status"))
        assert STATUS.part("running").get(word) and not STATUS.part("done").get(word)
        await access(ctx, bus, CONTROL.at("stop"), 0b1111, 1)
        assert (await finished(ctx, bus))["error"] == Error.NONE
        await access(ctx, bus, CONTROL.at("start"), 0b1111, 0)
        assert (await finished(ctx, bus))["index"] == 1

    simulated(top, bench)


def test_a_descriptor_that_moves_nothing_ends_in_an_error_and_the_next_chain_works(monkeypatch):
    """A planted fault: results for byte 448 are never taken; only the watchdog ends the wait."""
    from holigrail_hw.soc.hardware.writer import Writer

    whole = Writer.elaborate

    def stuck(self, platform):
        m = whole(self, platform)
        loops = m.submodules.loops
        with m.If(loops.address == 448):
            m.d.comb += [self.i.ready.eq(0), loops.step.eq(0)]
        return m

    monkeypatch.setattr(Writer, "elaborate", stuck)
    top = Registers(patience=6)

    async def bench(ctx):
        await put(ctx, top.core, [SHORT, LONG, End()])
        await access(ctx, top.bus, CONTROL.at("start"), 0b1111, 0)
        parts = await finished(ctx, top.bus)
        assert (parts["error"], parts["index"]) == (Error.WATCHDOG, 1)
        await access(ctx, top.bus, CONTROL.at("start"), 0b1111, 128)
        assert (await finished(ctx, top.bus))["error"] == Error.NONE

    simulated(top, bench)


def test_the_memory_writes_bytes_and_holds_the_firmware():
    memory = FirmwareMemory([0x11223344, 5])

    async def bench(ctx):
        assert await access(ctx, memory.bus, 0) == 0x11223344
        await access(ctx, memory.bus, 0, 0b0100, 0x00AB0000)
        assert await access(ctx, memory.bus, 0) == 0x11AB3344
        assert await access(ctx, memory.bus, 4) == 5

    simulated(memory, bench)


def test_the_serial_line_moves_bytes_and_tells_when_it_can():
    serial = Serial()
    bus = serial.bus

    async def bench(ctx):
        status = UART.register("uart_status")
        assert await access(ctx, bus, UART.at("uart_status")) == status.part("can_send").put(1)
        await access(ctx, bus, UART.at("data"), 0b1111, 0x41)
        assert await access(ctx, bus, UART.at("uart_status")) == 0
        assert ctx.get(serial.sent.valid) and ctx.get(serial.sent.payload) == 0x41
        ctx.set(serial.sent.ready, 1)
        await ctx.tick()
        ctx.set(serial.sent.ready, 0)
        ctx.set(serial.received.valid, 1)
        ctx.set(serial.received.payload, 0x7F)
        assert await access(ctx, bus, UART.at("uart_status")) == 3
        assert await access(ctx, bus, UART.at("data")) == 0x7F
        first = await access(ctx, bus, UART.at("timer"))
        assert await access(ctx, bus, UART.at("timer")) == first + 2

    simulated(serial, bench)


def test_nobody_answers_who_is_not_asked(monkeypatch):
    """A processor may leave any address on its bus between accesses."""

    class Bus(wiring.Component):
        bus: wiring.Out(BUS)

        def elaborate(self, platform):
            return Module()

    processor = Bus()
    monkeypatch.setattr(system_module, "processor_of", lambda form, timing: processor)
    system = system_module.System(MACHINE, [0] * 4, "fast")

    async def bench(ctx):
        for region in range(16):
            for address in (0, 4, 0x0FFF_FFFC):
                ctx.set(processor.bus.address, region << 28 | address)
                await ctx.tick()
                assert not ctx.get(processor.bus.ready), hex(region)
        ctx.set(processor.bus.valid, 1)
        await ctx.tick()
        assert ctx.get(processor.bus.ready)

    simulated(system, bench)


def test_a_system_comes_as_files():
    if find_spec("pythondata_cpu_picorv32") is None:
        pytest.skip("the extra soc is not installed")
    spec = make(Accelerator, scratchpad=512, activation_depth=4, processor="picorv32")
    files = spec.companions()
    assert b"Permission to use, copy, modify" in files["_picorv32.v"]
    assert files["_firmware.bin"][:4] != bytes(4)
    assert json.loads(files["_registers.json"])
    # The sources lie in a folder of their own, under the names by which they ask for each other.
    sources = {name.split("/")[1]: text for name, text in files.items() if "/" in name}
    asked = {found for text in sources.values() for found in re.findall(rb'#include "(.*)"', text)}
    assert asked and {name.decode() for name in asked} < {*sources}
    assert re.search(rb"LENGTH = 8192\b", sources["link.ld"])
    assert files == spec.companions()
    assert make(Accelerator).companions() == make(Accelerator).companion_designs() == {}


def test_a_system_is_made_as_it_was_asked_for():
    """Its watchdog waits as long, and its sums are planned for the clock, as those of the top."""
    clocked = Timing(period_ns=8.0, device="ecp5")
    spec = make(Accelerator, scratchpad=512, activation_depth=4, patience=9, processor="picorv32")
    (system,) = spec.companion_designs(clocked).values()
    board = spec.whole_system().component(Timing())
    slow = make(Accelerator, scratchpad=512, activation_depth=4, processor="picorv32")
    (other,) = slow.companion_designs().values()
    text, plain, onboard = (companion(one, "top") for one in (system, other, board))
    quiet = re.compile(r"reg (\[\d+:0\]) quiet")
    assert quiet.findall(text) == quiet.findall(onboard) == ["[9:0]"]
    assert quiet.findall(plain) == ["[20:0]"]
    assert len(re.findall(r"^  reg ", text, re.M)) > len(re.findall(r"^  reg ", plain, re.M))


def test_verilator_has_nothing_to_say_of_an_accelerator(tmp_path):
    """With a unit for depthwise layers and loads; nothing stops a chain behind streams."""
    verilator = tools.find("verilator")
    if verilator is None:
        pytest.skip("Verilator is not there")
    given = {"loader": True, "line_buffer": 5, "wide_parameters": True, "lane_count": 2}
    spec = make(Accelerator, rows=2, scratchpad=512, activation_depth=4, **given)
    (tmp_path / "chains.v").write_text(verilog(Top(spec, Timing(name="chains"))))
    command = [*verilator.command, "--lint-only", "-Wall", "chains.v"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, re.findall(r"%\w+.*", done.stderr)) == (0, [])


def test_a_system_is_readable_verilog():
    spec = make(Accelerator, rows=2, scratchpad=512, accumulator_depth=2, processor="picorv32")
    ((ending, system),) = spec.companion_designs().items()
    text = companion(system, f"some{ending}")
    # No escaped identifiers, whose modules all are of this system; the processor has its own file.
    assert "\\" not in text
    names = re.findall(r"^module (\w+)", text, re.M)
    assert names[0] == "some_system" and {name[:12] for name in names} == {
        "some_system_",
        "some_system",
    }
    assert re.search(r"^  picorv32 #\($", text, re.M)
    # What SystemVerilog would not wake at the beginning is woken.
    assert "initial at_time_zero <= 1'h0;" in text and not re.search(r"^  reg .*=", text, re.M)
    assert ".irq(32'd0)" in text
