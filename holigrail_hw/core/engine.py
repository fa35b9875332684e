"""Operators with several streams and a pace of their own: arrays, accelerators, codecs.

Each stream is a sequence of items behind valid and ready. What comes out is a function of the
sequences that went in, never of when they went in (a Kahn process network, 1974): so one golden
model over whole sequences serves every bench, with any pauses on any stream.

An engine works on jobs, for example one matrix product. After a job it is as it was after reset,
so the answer to several jobs in a row is the answers in a row.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.formats import Format

from .clock import Clock
from .errors import RequestError
from .shell_registry import find_shell
from .spec import OperatorSpec
from .streams import Items, Stream
from .timing import Timing

__all__ = ["Engine"]


@dataclass(frozen=True, kw_only=True)
class Engine(OperatorSpec):
    """An operator that is wired by several streams.

    ``inputs`` and ``outputs`` are the fields of all streams, as ``STREAM_FIELD``.
    """

    planned: ClassVar[bool] = False
    has_plan: ClassVar[bool] = False
    stateful: ClassVar[bool] = True

    @abstractmethod
    def streams(self) -> dict[str, Stream]:
        """The streams, in the order of the ports."""

    @abstractmethod
    def golden(self, **items: Mapping[str, Any]) -> Items:
        """Items of every output stream for the items of every input stream; integers only.

        A field whose value depends on when things happen (a cycle counter) is ``None``. A field
        with more than one right value is a pair (low, high), with a third member if only the bits
        of a mask count.
        """

    @abstractmethod
    def job(self, rng: np.random.Generator, size: int) -> Items:
        """A random legal job of about ``size`` input items, all of its input streams."""

    @property
    def jobs_stand_alone(self) -> bool:
        """Whether several jobs in a row give their answers in a row."""
        return True

    def answers(self, items: Mapping[str, Any], timing: Timing) -> Items:
        return self.golden(**items)

    @abstractmethod
    def architecture(self, timing: Timing) -> Any:
        """The hardware: a ``wiring.Component`` with one ``lib.stream`` member per stream.

        The payload of each is a structure of the stream's fields.
        """

    @abstractmethod
    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        """As for every operator; an engine has no plan to derive it from."""

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int | None:
        """Cycles from the one after reset to the last item delivered, if nobody ever waits.

        ``None`` if the engine makes no promise.
        """
        return None

    def moments(self, timing: Timing, **items: Mapping[str, Any]) -> Items:
        """What golden leaves open since it depends on time, if nobody ever waits; else nothing."""
        return {}

    def promise_ns(self, timing: Timing | None = None) -> float | None:
        """As for every operator; ``None`` unless the engine has a model of its longest path."""
        return None

    def inputs(self) -> dict[str, Format]:
        return self._fields("in")

    def outputs(self) -> dict[str, Format]:
        return self._fields("out")

    def _fields(self, direction: str) -> dict[str, Format]:
        return {
            f"{name}_{field}": format
            for name, stream in self.streams().items()
            if stream.direction == direction
            for field, format in stream.fields.items()
        }

    def datapath(self, plan: Any, **wires: Any) -> Any:
        raise TypeError(f"{self.name} is an engine and has no single datapath")

    def plan(self, timing: Timing | None = None) -> Any:
        raise RequestError(f"{self.name}: an engine has no fixed latency to plan")

    def planned_figures(self, timing: Timing | None = None) -> Any:
        return self.plan(timing)

    def clock(self, timing: Timing | None = None) -> Clock:
        timing = timing or Timing()
        return Clock(self.name, timing.device, timing.period_ns, self.promise_ns(timing))

    def component(self, timing: Timing | None = None) -> Any:
        """The hardware with its streams, in the shell that was asked for.

        A period sets how deeply it is pipelined.
        """
        timing = timing or Timing()
        if timing.latency is not None:
            raise RequestError(
                f"{self.name}: an engine takes a period, not a latency",
                hint="say --period NS",
            )
        return find_shell(timing.shell).wrapped(self, timing)

    def top_name(self, timing: Timing | None = None) -> str:
        timing = timing or Timing()
        # It has streams in any case: to ask for them changes nothing.
        has_shell = timing.shell != "stream"
        return super().top_name(timing if has_shell else replace(timing, shell=Timing.shell))
