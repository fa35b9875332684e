"""A shell from outside the package, in one file: ports named as in a request-and-grant protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from amaranth import Module
from amaranth.lib import wiring

from holigrail_hw.core import OperatorSpec, Stream, Timing
from holigrail_hw.core.shell_registry import shell
from holigrail_hw.core.shelled import Shelled
from holigrail_hw.core.stream_ports import stream_ports
from holigrail_hw.shells.base import Shell

PREFIXES = {"in": "to_", "out": "from_"}


def outer(name: str, kind: Stream) -> str:
    return PREFIXES[kind.direction] + name


@dataclass(frozen=True, kw_only=True)
class Granted(Shelled):
    """Stream NAME is ``to_NAME`` or ``from_NAME``, with ``request`` and ``grant``."""

    handshake: ClassVar[tuple[str, str]] = ("request", "grant")

    def streams(self) -> dict[str, Stream]:
        return {outer(name, kind): kind for name, kind in self.inner_streams().items()}

    def packed(self, items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        kinds = self.inner_streams()
        return {outer(name, kinds[name]): dict(fields) for name, fields in items.items()}

    def golden(self, **items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        within = {
            name: items[outer(name, kind)]
            for name, kind in self.inner_streams().items()
            if kind.direction == "in"
        }
        return self.packed(self.inner_golden(within))

    def job(self, rng: Any, size: int) -> dict[str, dict[str, Any]]:
        return self.packed(self.inner_job(rng, size))

    def corner_jobs(self) -> list[dict[str, dict[str, Any]]]:
        return [self.packed(job) for job in self.inner_corner_jobs()]

    def architecture(self, timing: Timing) -> Any:
        return Renamed(self.inner_component(), self.inner_streams())


class Renamed(wiring.Component):
    def __init__(self, inner: Any, streams: Mapping[str, Stream]):
        self.inner, self.streams = inner, streams
        super().__init__(stream_ports({outer(name, kind): kind for name, kind in streams.items()}))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.inner = self.inner
        for name, kind in self.streams.items():
            inside = getattr(self.inner, name)
            outside = wiring.flipped(getattr(self, outer(name, kind)))
            wiring.connect(m, *((outside, inside) if kind.direction == "in" else (inside, outside)))
        return m


@shell
class RequestGrant(Shell):
    """Requests and grants."""

    name: ClassVar[str] = "request-grant"

    def view(self, spec: OperatorSpec, timing: Timing) -> Granted:
        return Granted(inner=spec, timing=timing)
