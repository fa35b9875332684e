# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The registers of an accelerator on the bus, as the memory map has them."""

from typing import Any

from amaranth import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.soc.hardware.core import AcceleratorCore
from holigrail_hw.soc.hardware.counters import COUNTERS
from holigrail_hw.soc.hardware.status import status_of
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.registers.memory_map import CONTROL, SHOWN_DESCRIPTORS

from .bus import BUS

__all__ = ["Control"]


class Control(wiring.Component):
    """Registers; an access takes three cycles.

    Members
    -------
    bus : In
    start, first, load, load_first, stop, shown : Out
        As the members of :class:`AcceleratorCore` that they drive.
    interrupt : Out
        The line.
    """

    def __init__(self, machine: Machine, core: AcceleratorCore):
        self._machine, self._core = machine, core
        super().__init__(
            {
                **{"bus": In(BUS), "start": Out(1), "first": Out(32), "stop": Out(1)},
                **{"load": Out(1), "load_first": Out(32)},
                **{"shown": Out(range(SHOWN_DESCRIPTORS)), "interrupt": Out(1)},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        core, bus = self._core, self.bus
        enable = Signal()
        pending = Signal()
        found = Signal(32)
        age = Signal(2)
        place = bus.address[2:8]
        shown = CONTROL.register("descriptor_cycles").offset // 4
        writes = bus.valid & bus.select.any() & (age == 0)
        m.d.comb += [
            self.shown.eq(place - shown),
            self.interrupt.eq(enable & pending),
            bus.ready.eq(bus.valid & (age == 2)),
            bus.read_data.eq(found),
        ]
        # Registers, as all of the accelerator depends on them.
        m.d.sync += [
            *(self.start.eq(0), self.load.eq(0), self.stop.eq(0)),
            *(self.first.eq(bus.write_data), self.load_first.eq(bus.write_data)),
            age.eq(0),
        ]
        with m.If(bus.valid & (age != 2)):
            m.d.sync += age.eq(age + 1)
        with m.Switch(place):
            for name, value in self._readable(enable, pending).items():
                with m.Case(CONTROL.register(name).offset // 4):
                    m.d.sync += found.eq(value)
            with m.Default():
                # The cycles of a descriptor come from a memory, a cycle later.
                m.d.sync += found.eq(core.shown_cycles)
        with m.If(writes):
            with m.Switch(place):
                with m.Case(CONTROL.register("start").offset // 4):
                    m.d.sync += self.start.eq(1)
                with m.Case(CONTROL.register("loader_start").offset // 4):
                    m.d.sync += self.load.eq(1)
                with m.Case(CONTROL.register("stop").offset // 4):
                    m.d.sync += self.stop.eq(bus.write_data[0])
                with m.Case(CONTROL.register("interrupt").offset // 4):
                    m.d.sync += enable.eq(bus.write_data[0])
                    with m.If(bus.write_data[1]):
                        m.d.sync += pending.eq(0)
        with m.If(core.interrupt):
            m.d.sync += pending.eq(1)
        return m

    def _readable(self, enable: Any, pending: Any) -> dict[str, Any]:
        core = self._core
        named = {name: core.counters[name] for name in COUNTERS.members}
        return {
            "status": status_of(core),
            "interrupt": Cat(enable, pending),
            "done_descriptors": core.descriptors,
            "done_loads": core.loads,
            "digest": Const(self._machine.digest, 32),
        } | named
