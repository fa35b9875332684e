# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""An accelerator with a processor: its memory, its serial line, the scratchpad, the registers.

The upper four bits of an address say who answers. Where nobody does, the access ends with a 0.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arrays.shared.delays import delayed
from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.hardware.core import PATIENCE, AcceleratorCore
from holigrail_hw.soc.hardware.engine import engine_of
from holigrail_hw.soc.hardware.flash import FLASH_PINS, FlashReader
from holigrail_hw.soc.hardware.scratchpad import READ_CYCLES
from holigrail_hw.soc.hardware.style import Style
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.registers.memory_map import REGIONS

from .control import Control
from .memory import FirmwareMemory
from .processors import processor_of
from .serial import Serial

__all__ = ["System"]

_REGION = {one.name: one.base >> 28 for one in REGIONS}


class System(wiring.Component):
    """The whole accelerator with a processor.

    Parameters
    ----------
    preset : str
        A key of :data:`.presets.INSTRUCTIONS`.
    firmware : sequence of int
        Words of the processor's memory.
    lane_count : int or None
        Lanes that the columns of the engine share.
    half_rate : bool
        A clock of the flash memory takes two cycles.
    patience : int
        An error ends a descriptor that moves nothing for 2 to this power of cycles.
    style : Style or None
        What the hardware is made of.

    Members
    -------
    sent, received : Out, In
        Streams of bytes of the serial line.
    flash : Out
        Pins of a flash memory with four data lines, if the machine has a loader.
    ended, code : Out
        What the firmware wrote to the register ``exit``.
    """

    def __init__(
        self,
        machine: Machine,
        firmware: Sequence[int],
        preset: str,
        timing: Timing | None = None,
        lane_count: int | None = None,
        half_rate: bool = False,
        patience: int = PATIENCE,
        style: Style | None = None,
    ):
        self._machine, self._firmware, self._preset = machine, firmware, preset
        self._lane_count, self._half_rate = lane_count, half_rate
        self._patience, self._style = patience, style or Style()
        self._timing = timing or Timing()
        byte: Any = stream.Signature(8)
        super().__init__(
            {"sent": Out(byte), "received": In(byte), "ended": Out(1), "code": Out(32)}
            | ({"flash": Out(FLASH_PINS)} if machine.loader else {})
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.processor = processor = processor_of(self._preset, self._timing)
        m.submodules.memory = memory = FirmwareMemory(self._firmware)
        m.submodules.serial = serial = Serial()
        engine = engine_of(self._machine, self._lane_count, self._style)
        m.submodules.core = core = AcceleratorCore(
            self._machine, engine, self._timing, self._patience, self._style
        )
        m.submodules.control = control = Control(self._machine, core)
        if self._machine.loader:
            m.submodules.flash = reader = FlashReader(half_rate=self._half_rate)
            wiring.connect(m, core.flash, reader.port)
            wiring.connect(m, wiring.flipped(self.flash), reader.pins)
        bus = processor.bus
        region = bus.address[28:]
        wiring.connect(m, wiring.flipped(self.sent), serial.sent)
        wiring.connect(m, wiring.flipped(self.received), serial.received)
        m.d.comb += [
            self.ended.eq(serial.ended),
            self.code.eq(serial.code),
            core.start.eq(control.start),
            core.load.eq(control.load),
            core.load_first.eq(control.load_first),
            core.first.eq(control.first),
            core.stop.eq(control.stop),
            core.shown.eq(control.shown),
        ]
        # What a memory gives is late in its cycle: the processor sees it in the next one, in which
        # the access has ended for everybody else.
        asks = Signal()
        ready = Signal()
        word = Signal(32)
        m.d.comb += [asks.eq(bus.valid & ~bus.ready), ready.eq(asks)]
        m.d.sync += [bus.ready.eq(asks & ready), bus.read_data.eq(word)]
        for name, target in (("memory", memory), ("uart", serial), ("control", control)):
            own = target.bus
            m.d.comb += [
                own.valid.eq(asks & (region == _REGION[name])),
                own.address.eq(bus.address),
                own.select.eq(bus.select),
                own.write_data.eq(bus.write_data),
            ]
            with m.If(region == _REGION[name]):
                m.d.comb += [ready.eq(own.ready), word.eq(own.read_data)]
        chosen = asks & (region == _REGION["scratchpad"])
        self._scratchpad(m, core, bus, chosen, ready, word)
        return m

    def _scratchpad(
        self, m: Module, core: AcceleratorCore, bus: Any, chosen: Any, ready: Any, word: Any
    ) -> None:
        """An access of the scratchpad ends when a word that was read would come."""
        granted = Signal()
        waits = Signal()
        inside = Signal()
        comes = delayed(m, granted, READ_CYCLES, "comes", resets=True)
        m.d.comb += [
            inside.eq(bus.address[:28] < self._machine.scratchpad),
            core.request.eq(chosen & ~waits & inside),
            core.select.eq(bus.select),
            core.address.eq(bus.address),
            core.write_data.eq(bus.write_data),
            granted.eq(core.request & core.grant),
        ]
        with m.If(granted | comes):
            m.d.sync += waits.eq(granted)
        with m.If(chosen):
            m.d.comb += [ready.eq(comes | ~inside), word.eq(Mux(inside, core.found, 0))]
