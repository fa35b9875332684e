# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false, reportAttributeAccessIssue=false

"""Any operator with streams behind the registers of a Wishbone slave.

Wishbone B4 (OpenCores, 2010), classic cycles, a port of 32 bits with byte selects; addresses count
words. Each stream has a register STATUS, whose bit 0 says that an item can be moved now, and as
many registers DATA as its item has words; its fields lie in their order from bit 0 on.

Writing the last word of an item sends it into the hardware; reading the last word of a result takes
it out. Where that is not possible yet the slave answers later, by wait states; a host that must not
wait looks at STATUS first. Every other access is answered too: what cannot be read is 0, what
cannot be written does not change. An answer takes two cycles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .engine import Items, Stream
from .shelled import Shelled
from .shells import EnginePorts
from .spec import OperatorSpec
from .timing import Timing

__all__ = [
    "WORD",
    "Register",
    "Wishbone",
    "WishboneSignature",
    "register_map",
    "registers_of",
]

WORD = 32


@dataclass(frozen=True)
class Register:
    """One register: the address of its word, and what it is; ``word`` is ``None`` for a status."""

    name: str
    address: int
    access: str
    meaning: str
    stream: str
    word: int | None
    is_last: bool = False

    def as_dict(self) -> dict[str, Any]:
        """What a host must know of it."""
        return {
            "name": self.name,
            "address": self.address,
            "access": self.access,
            "bits": self.meaning,
        }


def register_map(streams: Mapping[str, Stream]) -> list[Register]:
    """The registers of all streams, one after the other."""
    found: list[Register] = []
    for name, kind in streams.items():
        is_in = kind.direction == "in"
        can = "takes an item" if is_in else "has an item"
        found.append(
            Register(f"{name} status", len(found), "read", f"bit 0: {can} now", name, None)
        )
        count = max(-(-kind.width // WORD), 1)
        for word in range(count):
            is_last = word == count - 1
            fields = _fields_in(kind, word)
            if is_last:
                fields += "; sends the item" if is_in else "; takes the item out"
            place = Register(
                f"{name} data {word}",
                len(found),
                "write" if is_in else "read",
                fields,
                name,
                word,
                is_last,
            )
            found.append(place)
    return found


def registers_of(spec: OperatorSpec) -> list[dict[str, Any]]:
    """The registers of a specification, as its shell shows it, as plain data; none without a bus.

    ``address`` counts words of 32 bits.
    """
    return [one.as_dict() for one in spec.registers()] if isinstance(spec, Wishbone) else []


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
                "sel": Out(WORD // 8),
                "dat_w": Out(WORD),
                "dat_r": In(WORD),
                "ack": In(1),
            }
        )


@dataclass(frozen=True, kw_only=True)
class Wishbone(Shelled):
    """The Wishbone view of another specification.

    Benches see the streams of the specification: a bus master in front of the slave moves them.
    """

    shell: ClassVar[str] = "wishbone"

    def __post_init__(self) -> None:
        super().__post_init__()
        # A word takes the bus some ten cycles, with polls of all streams in between.
        beats = len(self.registers())
        object.__setattr__(self, "quiet_cycles", self.quiet_cycles + 40 * beats)

    def registers(self) -> list[Register]:
        """What lies at which address."""
        return register_map(self.inner_streams())

    @property
    def signature(self) -> WishboneSignature:
        """The bus."""
        return WishboneSignature((len(self.registers()) - 1).bit_length())

    def streams(self) -> dict[str, Stream]:
        return self.inner_streams()

    def golden(self, **items: Mapping[str, Any]) -> Items:
        return self.inner_golden(items)

    def job(self, rng: np.random.Generator, size: int) -> Items:
        return self.inner_job(rng, size)

    def corner_jobs(self) -> list[Items]:
        return self.inner_corner_jobs()

    def slave(self) -> Any:
        """The hardware that is handed over: a component with the member ``bus``."""
        return Slave(self.inner_component(), self.inner_streams(), self.signature)

    def bus_of(self, part: str) -> Any:
        """The bus as the ``slave`` or the ``master`` has it."""
        return self.signature.flip() if part == "slave" else self.signature

    def ports(self, part: str) -> EnginePorts:
        """The ``slave``, or the ``master`` of its benches, as a module with plain ports."""
        from .wishbone_driver import Driver

        bus = self.bus_of(part)
        if part == "slave":
            return EnginePorts(self.slave(), {}, bus=bus)
        return EnginePorts(Driver(self), self.streams(), bus=bus)

    def architecture(self, timing: Timing) -> Any:
        from .wishbone_driver import Driven

        return Driven(self)


class Slave(wiring.Component):
    """Registers in front of a component with streams.

    Members
    -------
    bus : In, the Wishbone signals
    """

    def __init__(self, inner: Any, streams: Mapping[str, Stream], signature: WishboneSignature):
        self._inner, self._streams = inner, streams
        super().__init__({"bus": In(signature)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.inner = inner = self._inner
        bus, answered = self.bus, Signal()
        value, can, done = Signal(WORD), Signal(init=1), Signal()
        m.d.comb += [
            # The cycle of the answer asks for nothing: the next access begins after it.
            done.eq(bus.cyc & bus.stb & ~answered & can),
            bus.ack.eq(answered & bus.cyc & bus.stb),
        ]
        m.d.sync += answered.eq(done)
        with m.If(done):
            m.d.sync += bus.dat_r.eq(value)
        items, full = {}, {}
        for name, kind in self._streams.items():
            port = getattr(inner, name)
            if kind.direction == "out":
                items[name] = _packed(port, kind)
                continue
            items[name] = Signal(kind.width, name=f"{name}_item", reset_less=True)
            full[name] = Signal(name=f"{name}_full")
            m.d.comb += [port.valid.eq(full[name]), _packed(port, kind).eq(items[name])]
            with m.If(port.ready):
                m.d.sync += full[name].eq(0)
        with m.Switch(bus.adr):
            for register in register_map(self._streams):
                with m.Case(register.address):
                    self._access(m, register, items, full, can, done, value)
        return m

    def _access(
        self,
        m: Module,
        register: Register,
        items: Mapping[str, Any],
        full: Mapping[str, Any],
        can: Any,
        done: Any,
        value: Any,
    ) -> None:
        """What an access to one register does."""
        name, bus = register.stream, self.bus
        is_in = self._streams[name].direction == "in"
        port = getattr(self._inner, name)
        if register.word is None:
            m.d.comb += value.eq(~full[name] if is_in else port.valid)
            return
        low = WORD * register.word
        part = items[name][low : low + WORD]
        if not is_in:
            m.d.comb += [can.eq(port.valid | bus.we), value.eq(part)]
            if register.is_last:
                m.d.comb += port.ready.eq(done & ~bus.we)
            return
        m.d.comb += can.eq(~full[name] | ~bus.we)
        with m.If(done & bus.we):
            for byte, selected in enumerate(bus.sel):
                bits = part[8 * byte : 8 * byte + 8]
                if len(bits):
                    with m.If(selected):
                        m.d.sync += bits.eq(bus.dat_w[8 * byte : 8 * byte + 8])
            if register.is_last:
                m.d.sync += full[name].eq(1)


def _packed(port: Any, kind: Stream) -> Any:
    """The payload of a stream, the first field in the lowest bits."""
    return Cat(Value.cast(port.payload[name]) for name in kind.fields)


def _fields_in(kind: Stream, word: int) -> str:
    """The fields of an item in one of its words, with their bits there."""
    low, found = 0, []
    start, end = WORD * word, WORD * (word + 1)
    for name, format in kind.fields.items():
        high = low + format.width
        if low < end and high > start:
            first, last = max(low, start) - start, min(high, end) - start - 1
            bits = f"{last}:{first}" if last > first else f"{first}"
            found.append(f"{name} [{bits}]")
        low = high
    return ", ".join(found)
