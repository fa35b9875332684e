"""The streams of an engine as ports of a component."""

from collections.abc import Mapping
from typing import Any

from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from holigrail_hw.hdl.shapes import shape_of

from .streams import Stream

__all__ = ["stream_ports"]


def stream_ports(streams: Mapping[str, Stream], shape: Any = shape_of) -> dict[str, Any]:
    """Members of a signature, one per stream; ``shape`` makes the shape of a field's format."""
    found: dict[str, Any] = {}
    for name, one in streams.items():
        layout: Any = data.StructLayout({n: shape(f) for n, f in one.fields.items()})
        found[name] = (In if one.direction == "in" else Out)(stream.Signature(layout))
    return found
