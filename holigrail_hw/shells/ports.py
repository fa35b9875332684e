# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false, reportAttributeAccessIssue=false

"""Streams as ports of a top module, the form in which Verilog is handed over."""

from collections.abc import Mapping
from typing import Any

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.streams import Stream
from holigrail_hw.hdl.shapes import shape_of

__all__ = ["BUS", "EnginePorts"]

BUS = "wb"
"""Prefix of the names of bus ports."""


class EnginePorts(wiring.Component):
    """An engine with one port per field of its streams, as it is handed over in Verilog.

    ``bus`` is the signature of a member of that name, if any. ``unused`` names more one-bit inputs,
    which nothing reads.

    Members
    -------
    STREAM_valid, STREAM_ready and STREAM_FIELD for every stream and every field of it
    wb_NAME for every signal of the bus
    """

    def __init__(
        self,
        engine: Any,
        streams: Mapping[str, Stream],
        handshake: tuple[str, str] = ("valid", "ready"),
        bus: Any = None,
        unused: tuple[str, ...] = (),
    ):
        self._engine, self._streams, self._handshake = engine, streams, handshake
        self._bus = dict(bus.members) if bus else {}
        ports = {}
        for name, kind in self._streams.items():
            along, against = (In, Out) if kind.direction == "in" else (Out, In)
            ports |= {f"{name}_{handshake[0]}": along(1), f"{name}_{handshake[1]}": against(1)}
            ports |= {f"{name}_{n}": along(shape_of(f)) for n, f in kind.fields.items()}
        ports |= {f"{BUS}_{n}": member.flow(member.shape) for n, member in self._bus.items()}
        ports |= {name: In(1) for name in unused}
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.engine = engine = self._engine
        for name, kind in self._streams.items():
            inner = getattr(engine, name)
            pairs = [(getattr(self, f"{name}_{self._handshake[0]}"), inner.valid)]
            pairs += [(getattr(self, f"{name}_{n}"), inner.payload[n]) for n in kind.fields]
            ready = getattr(self, f"{name}_{self._handshake[1]}")
            if kind.direction == "in":
                m.d.comb += [inside.eq(outside) for outside, inside in pairs]
                m.d.comb += ready.eq(inner.ready)
            else:
                m.d.comb += [outside.eq(inside) for outside, inside in pairs]
                m.d.comb += inner.ready.eq(ready)
        for name, member in self._bus.items():
            inside, outside = getattr(engine.bus, name), getattr(self, f"{BUS}_{name}")
            m.d.comb += inside.eq(outside) if member.flow is In else outside.eq(inside)
        return m
