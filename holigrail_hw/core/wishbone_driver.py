# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false

"""A Wishbone master that moves streams through the registers of a slave; for benches.

It looks at the streams in turn. Where the status says that an item can be moved, and there is one,
or room for one, it moves all words of it. It pauses between transfers, and lets go of the bus,
as a shift register with feedback tells it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.hdl.shapes import shape_of

from .engine import Stream

if TYPE_CHECKING:
    from .wishbone import Wishbone

__all__ = ["Driven", "Driver"]

_WORD = 32


def _members(streams: Mapping[str, Stream]) -> dict[str, Any]:
    return {
        name: (In if kind.direction == "in" else Out)(
            stream.Signature(data.StructLayout({n: shape_of(f) for n, f in kind.fields.items()}))
        )
        for name, kind in streams.items()
    }


class Driven(wiring.Component):
    """A slave and the master that moves its streams: a component with the streams alone."""

    def __init__(self, spec: "Wishbone"):
        self._spec = spec
        super().__init__(_members(spec.streams()))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.slave = slave = self._spec.slave()
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

    def __init__(self, spec: "Wishbone"):
        self._streams, self._registers = spec.streams(), spec.registers()
        super().__init__(_members(self._streams) | {"bus": Out(spec.signature)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = self.bus
        active, chance = Signal(), Signal(16, init=0xACE1)
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
        place = Signal(range(len(self._registers)))
        m.d.comb += bus.adr.eq(place)
        items = {}
        for name, kind in self._streams.items():
            items[name] = Signal(-(-max(kind.width, 1) // _WORD) * _WORD, name=f"{name}_item")
            port = getattr(self, name)
            payload = Cat(Value.cast(port.payload[field]) for field in kind.fields)
            if kind.direction == "in":
                m.d.comb += items[name].eq(payload)
            else:
                m.d.comb += payload.eq(items[name])
                with m.If(port.ready):
                    m.d.sync += port.valid.eq(0)
        starts = [r.address for r in self._registers if r.word is None]
        with m.Switch(place):
            for register in self._registers:
                later = [start for start in starts if start > register.address]
                following = later[0] if later else 0
                port = getattr(self, register.stream)
                is_in = self._streams[register.stream].direction == "in"
                with m.Case(register.address):
                    if register.word is None:
                        there = port.valid if is_in else ~port.valid
                        with m.If(answered & bus.dat_r[0] & there):
                            m.d.sync += place.eq(register.address + 1)
                        with m.Elif(answered):
                            m.d.sync += place.eq(following)
                        continue
                    low = _WORD * register.word
                    word = items[register.stream][low : low + _WORD]
                    ends = answered if register.is_last else 0
                    if is_in:
                        m.d.comb += [bus.we.eq(1), bus.dat_w.eq(word), port.ready.eq(ends)]
                    else:
                        with m.If(answered):
                            m.d.sync += word.eq(bus.dat_r)
                        if register.is_last:
                            with m.If(answered):
                                m.d.sync += port.valid.eq(1)
                    with m.If(answered):
                        goes_to = following if register.is_last else register.address + 1
                        m.d.sync += place.eq(goes_to)
        return m
