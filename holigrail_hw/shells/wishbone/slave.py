# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false, reportAttributeAccessIssue=false

"""The hardware of a Wishbone slave in front of streams; its rules are those of :mod:`.shell`."""

from collections.abc import Mapping
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.streams import Stream

from .register_map import BYTES, MOVABLE, PARTLY, REFUSED, WORD, Register, register_map

__all__ = ["WAIT_CYCLES", "Slave", "WishboneSignature"]

WAIT_CYCLES = 1024
"""The longest wait of an access, in cycles, unless a timing request says otherwise."""


class WishboneSignature(wiring.Signature):
    """The signals of the bus, from the master's side.

    Parameters
    ----------
    address_width : int
        Bits of an address, which counts words of 32 bits.
    """

    def __init__(self, address_width: int):
        super().__init__(
            {
                "cyc": Out(1),
                "stb": Out(1),
                "we": Out(1),
                "adr": Out(address_width),
                "sel": Out(BYTES),
                "dat_w": Out(WORD),
                "dat_r": In(WORD),
                "ack": In(1),
                "err": In(1),
            }
        )


class Slave(wiring.Component):
    """Registers in front of a component with streams.

    Members
    -------
    bus : In, the Wishbone signals
    """

    def __init__(
        self,
        inner: Any,
        streams: Mapping[str, Stream],
        signature: WishboneSignature,
        wait_cycles: int = WAIT_CYCLES,
    ):
        self._inner, self._streams, self._wait_cycles = inner, streams, wait_cycles
        super().__init__({"bus": In(signature)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.inner = inner = self._inner
        value = Signal(WORD)
        can = Signal(init=1)
        self._answer(m, value, can)
        # One part per stream: between the bytes moved so far and the handshake of the stream.
        parts = [
            _StreamPart(kind, getattr(inner, name), register_map(self._streams, name))
            for name, kind in self._streams.items()
        ]
        for part in parts:
            part.connect(m)
        # The addressed register drives ``value`` and ``can``; an access takes effect with ``ack``.
        # An unused address can always be accessed, and reads as 0.
        with m.Switch(self.bus.adr):
            for part in parts:
                for register in part.registers:
                    with m.Case(register.address):
                        part.access(m, register, self.bus, can, value)
        return m

    def _answer(self, m: Module, value: Any, can: Any) -> None:
        """Answer an access one cycle after it ``can`` be done, or has waited long enough."""
        # State: the answer due in this cycle, ``accepted`` or ``refused``, never both; cycles the
        # present access has ``waited``. An answer lasts one cycle, and ``dat_r`` holds with it.
        bus = self.bus
        asks = Signal()
        accepted = Signal()
        refused = Signal()
        waited = Signal(range(self._wait_cycles + 1))
        m.d.comb += [
            # Nothing is asked for in the cycle of an answer: the next access begins after it.
            asks.eq(bus.cyc & bus.stb & ~accepted & ~refused),
            bus.ack.eq(accepted & bus.cyc & bus.stb),
            bus.err.eq(refused & bus.cyc & bus.stb),
        ]
        m.d.sync += [accepted.eq(asks & can), refused.eq(0), waited.eq(0)]
        with m.If(asks & can):
            m.d.sync += bus.dat_r.eq(value)
        with m.Elif(asks & (waited == self._wait_cycles)):
            m.d.sync += refused.eq(1)
        with m.Elif(asks):
            m.d.sync += waited.eq(waited + 1)


class _StreamPart:
    """The registers of one stream."""

    def __init__(self, kind: Stream, port: Any, registers: list[Register]):
        name = registers[0].stream
        self.registers, self._port, self._is_in = registers, port, kind.direction == "in"
        self._fields = {n: Value.cast(port.payload[n]) for n in kind.fields}
        needed = [
            (register.word, byte)
            for register in registers
            for byte in range(BYTES)
            if register.word is not None and register.needed >> byte & 1
        ]
        self._place = {one: place for place, one in enumerate(needed)}
        self._moved = Signal(len(needed), name=f"{name}_moved")
        self._moves = Signal(len(needed), name=f"{name}_moves")
        self._refused = Signal(name=f"{name}_refused")
        if self._is_in:
            self._full = Signal(name=f"{name}_full")
            self._held = {
                n: Signal(format.width, name=f"{name}_{n}_held", reset_less=True)
                for n, format in kind.fields.items()
            }

    def connect(self, m: Module) -> None:
        """Connect the bytes moved to the stream's handshake."""
        # State: the bytes of an item moved so far; with the last of them the item is complete.
        moved = self._moved | self._moves
        complete = Signal()
        m.d.comb += complete.eq(moved.all())
        m.d.sync += self._moved.eq(Mux(complete, 0, moved))
        # Out: the item on offer is accepted in the cycle in which its last byte is read.
        if not self._is_in:
            m.d.comb += self._port.ready.eq(complete)
            return
        # In: a complete item is ``full``, and valid until the design is ready; no byte can be
        # written meanwhile, so its payload does not change.
        m.d.comb += self._port.valid.eq(self._full)
        m.d.comb += [self._fields[name].eq(held) for name, held in self._held.items()]
        with m.If(complete):
            m.d.sync += self._full.eq(1)
        with m.Elif(self._port.ready):
            m.d.sync += self._full.eq(0)

    def access(self, m: Module, register: Register, bus: Any, can: Any, value: Any) -> None:
        """What an access to one register does."""
        # An access that moves bytes must wait for an item, or room for one; any other need not.
        if register.word is None:
            self._status(m, bus, value)
            return
        writes = bus.we if self._is_in else ~bus.we
        movable = ~self._full if self._is_in else self._port.valid
        m.d.comb += can.eq(movable | ~writes)
        with m.If(bus.err):
            m.d.sync += self._refused.eq(1)
        if not self._is_in:
            m.d.comb += value.eq(self._read(register))
        with m.If(bus.ack & writes):
            for (word, byte), place in self._place.items():
                if word == register.word:
                    m.d.comb += self._moves[place].eq(bus.sel[byte])
            if self._is_in:
                self._write(m, register, bus)

    def _status(self, m: Module, bus: Any, value: Any) -> None:
        """Read the status, or clear the bits in which a 1 is written."""
        now = ~self._full if self._is_in else self._port.valid
        m.d.comb += [
            value[MOVABLE].eq(now),
            value[PARTLY].eq(self._moved.any()),
            value[REFUSED].eq(self._refused),
        ]
        with m.If(bus.ack & bus.we & bus.sel[0]):
            with m.If(bus.dat_w[PARTLY]):
                m.d.sync += self._moved.eq(0)
            with m.If(bus.dat_w[REFUSED]):
                m.d.sync += self._refused.eq(0)

    def _read(self, register: Register) -> Any:
        """The fields of a word in their places, with zeros between them."""
        parts, free = [], 0
        for one in register.pieces:
            bits = self._fields[one.field][one.field_low : one.field_low + one.width]
            parts += [Const(0, one.low - free), bits]
            free = one.low + one.width
        return Cat(*parts)

    def _write(self, m: Module, register: Register, bus: Any) -> None:
        """Store the selected bytes."""
        for byte in range(BYTES):
            for one in register.pieces:
                first = max(one.low, 8 * byte)
                end = min(one.low + one.width, 8 * byte + 8)
                if first < end:
                    start = one.field_low + first - one.low
                    with m.If(bus.sel[byte]):
                        bits = self._held[one.field][start : start + end - first]
                        m.d.sync += bits.eq(bus.dat_w[first:end])
