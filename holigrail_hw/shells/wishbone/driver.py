# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false

"""A Wishbone master that moves streams through the registers of a slave; for benches.

It polls the streams in turn. If a status says that an item can be moved, and the master has one or
has room for one, it moves all words of it. A linear feedback shift register decides when it pauses
between transfers and releases the bus. It never starts an access that has to wait, so it does not
understand ``err``: a bench behind it then comes to a standstill.
"""

from typing import Any

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from holigrail_hw.core.stream_ports import stream_ports

from .register_map import MOVABLE, WORD, Register

__all__ = ["Driven", "Driver"]


class Driven(wiring.Component):
    """A slave and the master that moves its streams: a component with the streams alone."""

    def __init__(self, spec: Any):
        self._spec = spec
        super().__init__(stream_ports(spec.streams()))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.slave = slave = self._spec.component()
        m.submodules.driver = driver = Driver(self._spec)
        wiring.connect(m, driver.bus, slave.bus)
        for name, kind in self._spec.streams().items():
            inner, outer = getattr(driver, name), wiring.flipped(getattr(self, name))
            wiring.connect(m, *((outer, inner) if kind.direction == "in" else (inner, outer)))
        return m


class Driver(wiring.Component):
    """The master.

    Members
    -------
    bus : Out, the Wishbone signals
    every stream of the specification, with its own direction
    """

    def __init__(self, spec: Any):
        self._streams, self._registers = spec.streams(), spec.registers()
        super().__init__(stream_ports(self._streams) | {"bus": Out(spec.signature)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus, registers = self.bus, self._registers
        # The bus: an access stays ``active`` until its ``ack``; pauses are a matter of chance.
        active = Signal()
        chance = Signal(16, init=0xACE1)
        answered = Signal()
        m.d.sync += chance.eq(Cat(chance[1:], chance[0] ^ chance[2] ^ chance[3] ^ chance[5]))
        m.d.comb += [
            bus.stb.eq(active),
            bus.cyc.eq(active | chance[9]),
            bus.sel.eq(~0),
            answered.eq(active & bus.ack),
        ]
        with m.If(answered | ~active):
            m.d.sync += active.eq(chance[0] | chance[4])
        # State: the register of the present access. An item shown on an output stream stays until
        # it is accepted; the next one is read only after that.
        place = Signal(range(len(registers)))
        m.d.comb += bus.adr.eq(place)
        for name, kind in self._streams.items():
            port = getattr(self, name)
            if kind.direction == "out":
                with m.If(port.ready):
                    m.d.sync += port.valid.eq(0)
        # A status leads to the first word of its item if that can be moved, else to the next
        # stream. The last word of an item accepts it from an input, or shows it on an output.
        starts = [one.address for one in registers if one.word is None]
        with m.Switch(place):
            for register in registers:
                later = [start for start in starts if start > register.address]
                following = later[0] if later else 0
                port = getattr(self, register.stream)
                is_in = register.direction == "in"
                with m.Case(register.address):
                    if register.word is None:
                        there = port.valid if is_in else ~port.valid
                        with m.If(answered & bus.dat_r[MOVABLE] & there):
                            m.d.sync += place.eq(register.address + 1)
                        with m.Elif(answered):
                            m.d.sync += place.eq(following)
                        continue
                    is_last = register.address + 1 in (*starts, len(registers))
                    self._word(m, register, answered)
                    if is_in:
                        m.d.comb += port.ready.eq(answered if is_last else 0)
                    with m.If(answered):
                        m.d.sync += place.eq(following if is_last else register.address + 1)
                        if is_last and not is_in:
                            m.d.sync += port.valid.eq(1)
        return m

    def _word(self, m: Module, register: Register, answered: Any) -> None:
        """Move one word of an item: onto the bus, or into the payload on show."""
        bus, is_in = self.bus, register.direction == "in"
        written = Signal(WORD, name=f"{register.stream}_written_{register.word}")
        for one in register.pieces:
            field = Value.cast(getattr(self, register.stream).payload[one.field])
            bits = field[one.field_low : one.field_low + one.width]
            place = slice(one.low, one.low + one.width)
            if is_in:
                m.d.comb += written[place].eq(bits)
            else:
                with m.If(answered):
                    m.d.sync += bits.eq(bus.dat_r[place])
        if is_in:
            m.d.comb += [bus.we.eq(1), bus.dat_w.eq(written)]
