# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A reader of serial flash memories with four data lines, in bursts of any length.

After reset the memory is woken from power-down (ABh). A burst is the command Fast Read Quad I/O
(EBh): 8 clocks of command on one line, then address and mode (FFh: no continuous reading) in 8
clocks on four lines, 4 clocks of silence, and a nibble a clock. The clock stops while nobody takes
a word. So read memories like Winbond's W25Q series (data sheet W25Q128JV, 2018), whose bit QE must
be set.
"""

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .flash_port import FLASH_PORT

__all__ = ["FLASH_PINS", "FlashReader", "clock_cycles"]

_WAKE, _READ, _MODE = 0xAB, 0xEB, 0xFF
_COMMAND_CLOCKS, _LINES_CLOCKS, _ALL_CLOCKS = 8, 16, 20
_NIBBLES = 8
# Devices whose pin of the memory's clock changes once a cycle.
_CLOCKED_ONCE = ("ecp5",)

FLASH_PINS = wiring.Signature(
    {
        **{"chip_select": Out(1), "clock": Out(2)},
        **{"output": Out(4), "enable": Out(4), "input": In(4)},
    }
)
"""From the reader's side. ``chip_select`` is 1 while the memory listens: its pin is 0 then.
``clock`` are its levels in the first and the second half of a cycle, ``enable`` the data lines that
are driven. ``input`` is sampled at the end of a cycle."""


def clock_cycles(device: str) -> int:
    """Cycles of a clock of the memory on a device: two for a reader with ``half_rate``."""
    return 2 if device in _CLOCKED_ONCE else 1


class FlashReader(wiring.Component):
    """Words of a flash memory.

    Parameters
    ----------
    half_rate : bool
        A clock of the memory takes two cycles, so that both levels of ``clock`` are the same: for
        pins without registers for both edges.
    rest : int
        Cycles from waking the memory to the first burst; 3 microseconds are needed.

    Members
    -------
    port : In
        What is asked for; as many words come as are taken until ``stop``.
    pins : Out
    """

    def __init__(self, *, half_rate: bool = False, rest: int = 256):
        self._half_rate, self._rest = half_rate, rest
        super().__init__({"port": In(FLASH_PORT), "pins": Out(FLASH_PINS)})

    def elaborate(self, platform: Any) -> Module:
        """State: the clock of a burst's beginning, what is still to be sent, whether nibbles come.

        ``gate`` is the clock of the memory in this cycle, or in this pair of cycles, whose last one
        is marked by ``tick``.
        """
        m = Module()
        port, pins = self.port, self.pins
        tick = Signal(init=1)
        self._gate = Signal()
        reads = Signal()
        gate = self._gate
        if self._half_rate:
            m.d.sync += tick.eq(~tick)
            m.d.comb += pins.clock.eq((gate & tick).replicate(2))
        else:
            m.d.comb += pins.clock.eq(Cat(0, gate))
        place = Signal(range(max(self._rest, _ALL_CLOCKS) + 1))
        shift = Signal(32)
        is_waking = Signal(init=1)
        free = self._words(m, gate & reads & tick)
        with m.If(tick):
            m.d.sync += gate.eq(0)
        with m.FSM():
            with m.State("WAKE"):
                m.d.sync += pins.chip_select.eq(1)
                m.next = "COMMAND"
            with m.State("COMMAND"):
                with m.If(tick):
                    m.d.sync += [place.eq(place + 1), gate.eq(1)]
                    self._send(m, place, shift, is_waking)
                    with m.If(is_waking & (place == _COMMAND_CLOCKS)):
                        m.d.sync += [gate.eq(0), place.eq(0)]
                        m.next = "REST"
                    with m.If(place == _ALL_CLOCKS - 1):
                        m.next = "READ"
                with m.If(port.stop & ~is_waking):
                    m.next = self._released(m)
            with m.State("REST"):
                self._released(m)
                m.d.sync += [place.eq(place + 1), is_waking.eq(0)]
                with m.If(place == self._rest):
                    m.next = "IDLE"
            with m.State("IDLE"):
                m.d.comb += port.fetch.ready.eq(~port.stop)
                m.d.sync += [
                    *(place.eq(0), reads.eq(0)),
                    shift.eq(Cat(Const(_MODE, 8), port.fetch.payload.address)),
                ]
                with m.If(port.fetch.valid & ~port.stop):
                    m.d.sync += pins.chip_select.eq(1)
                    m.next = "COMMAND"
            with m.State("READ"):
                with m.If(tick):
                    m.d.sync += [reads.eq(1), gate.eq(free)]
                with m.If(port.stop):
                    m.next = self._released(m)
        return m

    def _released(self, m: Module) -> str:
        """The memory is left alone."""
        m.d.sync += [self._gate.eq(0), self.pins.chip_select.eq(0), self.pins.enable.eq(0)]
        return "IDLE"

    def _send(self, m: Module, place: Any, shift: Any, is_waking: Any) -> None:
        """What stands at the data lines for one clock of the beginning of a burst."""
        pins = self.pins
        command = Signal(_COMMAND_CLOCKS)
        m.d.comb += command.eq(Mux(is_waking, _WAKE, _READ))
        with m.If(place < _COMMAND_CLOCKS):
            bit = command[::-1].bit_select(place[:3], 1)
            m.d.sync += [pins.enable.eq(0b0001), pins.output.eq(bit)]
        with m.Elif(place < _LINES_CLOCKS):
            m.d.sync += [
                pins.enable.eq(0b1111),
                pins.output.eq(shift[-4:]),
                shift.eq(shift << 4),
            ]
        with m.Else():
            m.d.sync += pins.enable.eq(0)

    def _words(self, m: Module, takes: Any) -> Any:
        """Nibbles become words; returned is whether one more nibble has a place."""
        port, nibble = self.port, self.pins.input
        kept = Signal(32 - 4)
        count = Signal(range(_NIBBLES))
        following = Signal(range(_NIBBLES))
        block = port.block
        m.d.comb += following.eq(count + takes)
        with m.If(block.ready):
            m.d.sync += block.valid.eq(0)
        with m.If(takes):
            m.d.sync += [count.eq(following), kept.eq(Cat(nibble, kept))]
            with m.If(count == _NIBBLES - 1):
                word = Cat(kept[20:28], kept[12:20], kept[4:12], nibble, kept[:4])
                m.d.sync += [block.valid.eq(1), block.payload.eq(word)]
        with m.If(port.stop):
            m.d.sync += [count.eq(0), block.valid.eq(0)]
        return (following != _NIBBLES - 1) | ~block.valid | block.ready
