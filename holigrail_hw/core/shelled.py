"""A specification as its shell shows it to the outside, and what all such views share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .clock import Clock
from .engine import Engine
from .shell_registry import find_shell
from .spec import OperatorSpec
from .streams import Items, Stream
from .timing import Timing

__all__ = ["Paced", "Shelled", "shelled"]


def shelled(spec: OperatorSpec, timing: Timing) -> OperatorSpec:
    """The specification as its shell shows it: itself, or a :class:`Shelled` around it."""
    return find_shell(timing.shell).view(spec, timing)


@dataclass(frozen=True, kw_only=True)
class Shelled(Engine):
    """Another specification behind other ports; it has its name and its parameters.

    An operator with fixed latency is an engine with the streams ``i`` and ``o``. A shell that packs
    streams into others overrides what is said of them.
    """

    inner: OperatorSpec
    timing: Timing

    def __post_init__(self) -> None:
        kind = type(self.inner)
        for name in ("name", "summary", "references", "maturity"):
            object.__setattr__(self, name, getattr(kind, name))
        object.__setattr__(self, "quiet_cycles", self.inner.quiet_cycles)

    def parameters(self) -> dict[str, str]:
        return self.inner.parameters()

    def top_name(self, timing: Timing | None = None) -> str:
        return self.inner.top_name(self.timing)

    @property
    def jobs_stand_alone(self) -> bool:
        return self.inner.jobs_stand_alone

    @property
    def _timing(self) -> Timing:
        """The request to the inner specification."""
        return replace(self.timing, shell="plain", wait_cycles=None)

    def streams(self) -> dict[str, Stream]:
        return self.inner_streams()

    def golden(self, **items: Mapping[str, Any]) -> Items:
        return self.inner_golden(items)

    def job(self, rng: np.random.Generator, size: int) -> Items:
        return self.inner_job(rng, size)

    def corner_jobs(self) -> list[Items]:
        return self.inner_corner_jobs()

    def inner_streams(self) -> dict[str, Stream]:
        """The streams inside."""
        return self.inner.streams()

    def packed(self, items: Mapping[str, Mapping[str, Any]]) -> Items:
        """Items of the streams inside as those of the streams outside."""
        return {name: dict(fields) for name, fields in items.items()}

    def unpacked(self, items: Mapping[str, Mapping[str, Any]]) -> Items:
        """The codes of the fields inside, for items outside, under the names of streams outside."""
        return {name: dict(fields) for name, fields in items.items()}

    def inner_golden(self, items: Mapping[str, Mapping[str, Any]]) -> Items:
        """The answer inside."""
        return self.inner.answers(items, self._timing)

    def inner_job(self, rng: np.random.Generator, size: int) -> Items:
        """A random job inside."""
        return self.inner.job(rng, size)

    def inner_corner_jobs(self) -> list[Items]:
        """Corner jobs inside."""
        return self.inner.corner_jobs()

    def inner_component(self) -> Any:
        """The hardware inside, with its streams."""
        return self.inner.component(replace(self._timing, shell="stream"))

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return self.inner.cost(self._timing)

    def promise_ns(self, timing: Timing | None = None) -> float | None:
        return self.inner.promise_ns(self._timing)

    def estimate_ns(self, timing: Timing | None = None) -> float | None:
        return self.inner.estimate_ns(self._timing)

    def remarks(self) -> list[str]:
        return self.inner.remarks()

    def clock(self, timing: Timing | None = None) -> Clock:
        return self.inner.clock(self._timing)

    def component(self, timing: Timing | None = None) -> Any:
        return self.architecture(self.timing)


@dataclass(frozen=True, kw_only=True)
class Paced(Shelled):
    """An operator with a datapath that takes some cycles for each item, as an engine."""

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int | None:
        return self.inner.cycles(self._timing, **items)

    def architecture(self, timing: Timing) -> Any:
        return self.inner_component()
