# Amaranth is untyped: its shapes look wrong to a type checker.
# pyright: reportArgumentType=false

"""Any operator with streams behind AXI4-Stream ports.

Stream NAME of an engine becomes ``s_axis_NAME`` (into the hardware) or ``m_axis_NAME`` (out of
it); an operator with fixed latency has ``s_axis_i`` and ``m_axis_o``. ``tdata`` holds the fields in
order from bit 0, padded to whole bytes; a field ``last`` becomes ``tlast`` instead. ``tvalid`` and
``tready`` are the handshake, whose rules (Arm IHI 0051, AMBA AXI-Stream Protocol Specification,
2.2.1) are those of every stream here. The clock is ``clk``, the active-high reset ``rst``; both are
present even if nothing needs them. A design of latency 0 passes ``tvalid`` and ``tready`` through
without a register.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from amaranth import Cat, Module, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.packing import Bits, code_bits, padding
from holigrail_hw.core.shell_registry import shell
from holigrail_hw.core.shelled import Shelled
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Items, Stream
from holigrail_hw.core.timing import Timing
from holigrail_hw.formats import FixedFormat, Format, parse

from ..base import Shell
from .wrapper import name_of, wrapper

__all__ = ["AxiStream", "AxiStreams"]


@shell
class AxiStreams(Shell):
    """Streams ``s_axis_NAME`` and ``m_axis_NAME``."""

    name: ClassVar[str] = "axi-stream"
    always_clocked: ClassVar[bool] = True

    def view(self, spec: OperatorSpec, timing: Timing) -> "AxiStream":
        return AxiStream(inner=spec, timing=timing)

    def layout(self, view: "AxiStream") -> list[Bits]:
        return view.layout()

    def framed_streams(self, view: "AxiStream") -> list[str]:
        return [name for name, kind in view.streams().items() if "tlast" in kind.fields]

    def sources(self, view: "AxiStream", top: str) -> dict[str, str]:
        return {f"{name_of(top)}.v": wrapper(top, view.streams())}


@dataclass(frozen=True, kw_only=True)
class AxiStream(Shelled):
    """The AXI4-Stream view of another specification."""

    handshake: ClassVar[tuple[str, str]] = ("tvalid", "tready")

    def streams(self) -> dict[str, Stream]:
        return {
            _outer(name, kind): Stream(kind.direction, _packed_fields(kind))
            for name, kind in self.inner_streams().items()
        }

    def layout(self) -> list[Bits]:
        """What the bits of every ``tdata`` and ``tlast`` hold."""
        found: list[Bits] = []
        for name, kind in self.inner_streams().items():
            port, low = f"{_outer(name, kind)}_tdata", 0
            for field, format in kind.fields.items():
                if field != "last":
                    found.append(code_bits(port, field, format, low))
                    low += format.width
            width = _packed_fields(kind)["tdata"].width
            found += padding(port, kind.direction, low, width)
            if "last" in kind.fields:
                what = "1 with the last item of a frame"
                found.append(Bits(f"{_outer(name, kind)}_tlast", 0, 0, "last", "", what))
        return found

    def golden(self, **items: Mapping[str, Any]) -> Items:
        return self.packed(self.inner_golden(self._inside(items)))

    def job(self, rng: np.random.Generator, size: int) -> Items:
        return self.packed(self.inner_job(rng, size))

    def corner_jobs(self) -> list[Items]:
        return [self.packed(job) for job in self.inner_corner_jobs()]

    def packed(self, items: Mapping[str, Any]) -> Items:
        streams = self.inner_streams()
        return {_outer(n, streams[n]): _pack(streams[n], fields) for n, fields in items.items()}

    def unpacked(self, items: Mapping[str, Any]) -> Items:
        streams = {_outer(name, kind): kind for name, kind in self.inner_streams().items()}
        return {name: _unpack(streams[name], fields) for name, fields in items.items()}

    def _inside(self, items: Mapping[str, Any]) -> Items:
        return {
            name: _unpack(kind, items[_outer(name, kind)])
            for name, kind in self.inner_streams().items()
            if kind.direction == "in"
        }

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int | None:
        return self.inner.cycles(self._timing, **self._inside(items))

    def architecture(self, timing: Timing) -> Any:
        return _Packed(self.inner_component(), self.inner_streams(), self.streams())


class _Packed(wiring.Component):
    """The streams of a component with their fields packed."""

    def __init__(self, inner: Any, streams: dict[str, Stream], packed: dict[str, Stream]):
        self._inner, self._streams = inner, streams
        members = {}
        for name, kind in packed.items():
            layout = data.StructLayout({n: f.width for n, f in kind.fields.items()})
            way = In if kind.direction == "in" else Out
            members[name] = way(stream.Signature(layout))
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.inner = inner = self._inner
        # Wires only: the handshake is that of the inner streams. Padding bits of ``tdata`` are
        # ignored on the way in, and 0 on the way out.
        for name, kind in self._streams.items():
            within, outside = getattr(inner, name), getattr(self, _outer(name, kind))
            fields = Cat(Value.cast(within.payload[n]) for n in kind.fields if n != "last")
            pairs = [(fields, outside.payload.tdata[: len(fields)])]
            if "last" in kind.fields:
                pairs.append((Value.cast(within.payload["last"]), outside.payload.tlast))
            pairs.append((within.valid, outside.valid))
            for inside, across in pairs:
                m.d.comb += inside.eq(across) if kind.direction == "in" else across.eq(inside)
            if kind.direction == "in":
                m.d.comb += outside.ready.eq(within.ready)
            else:
                m.d.comb += within.ready.eq(outside.ready)
        return m


def _outer(name: str, kind: Stream) -> str:
    return f"{'s' if kind.direction == 'in' else 'm'}_axis_{name}"


def _packed_fields(kind: Stream) -> dict[str, Format]:
    width = sum(format.width for name, format in kind.fields.items() if name != "last")
    fields: dict[str, Format] = {"tdata": FixedFormat(max(-(-width // 8), 1) * 8, signed=False)}
    return fields | ({"tlast": parse("uint1")} if "last" in kind.fields else {})


def _pack(kind: Stream, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Codes field by field as ``tdata`` and ``tlast``; triples (low, high, mask) where needed."""
    sides: list[Any] = [0, 0, 0]
    shift = 0
    for name, format in kind.fields.items():
        if name == "last":
            continue
        value, ones = fields[name], (1 << format.width) - 1
        low, high = value if isinstance(value, tuple) else (value, value)
        if value is not None:
            sides[0] = sides[0] + (np.asarray(low).astype(object) << shift)
            sides[1] = sides[1] + (np.asarray(high).astype(object) << shift)
            sides[2] |= ones << shift
        shift += format.width
    packed = _packed_fields(kind)
    whole = (1 << packed["tdata"].width) - 1
    dtype = np.uint64 if packed["tdata"].width <= 64 else object
    low, high = (np.asarray(side).astype(dtype) for side in sides[:2])
    judged = sides[2] | whole ^ ((1 << shift) - 1)
    plain = judged == whole and not any(isinstance(v, tuple) for v in fields.values())
    result: dict[str, Any] = {"tdata": low if plain else (low, high, judged)}
    return result | ({"tlast": fields["last"]} if "last" in kind.fields else {})


def _unpack(kind: Stream, packed: Mapping[str, Any]) -> dict[str, Any]:
    fields, rest = {}, np.asarray(packed["tdata"]).astype(object)
    for name, format in kind.fields.items():
        if name == "last":
            fields[name] = packed["tlast"]
            continue
        dtype = np.uint64 if format.width <= 64 else object
        fields[name] = (rest & ((1 << format.width) - 1)).astype(dtype)
        rest = rest >> format.width
    return fields
