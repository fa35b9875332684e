"""The host's end of an engine: items into its streams and out of them, wherever the engine runs.

One interface for a simulation of the engine, a simulation of the whole board design, and a board at
a serial port. A program that drives an engine only needs a :class:`Link`::

    with SimulationLink(spec) as link:
        results = link.exchange({"a": {"x": codes}}, {"sum": 16})

Nothing here depends on time: an engine is a Kahn process network, so its results are the same
through a fast link and a slow one.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Items, Stream
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.values import whole_codes

from ..top import Top
from .backends import NAMES as BACKENDS
from .compiled import Compiled

__all__ = ["Link", "SimulationLink", "streamed"]


class Link(ABC):
    """A running engine.

    Codes are NumPy integers: ``uint64``, object arrays for fields of more than 64 bits.

    Parameters
    ----------
    spec : OperatorSpec
        An engine, or another operator behind valid and ready: its streams are ``i`` and ``o``.

    Attributes
    ----------
    streams : dict
        Name to :class:`Stream`.
    """

    def __init__(self, spec: OperatorSpec):
        self.spec = spec
        self.streams = spec.streams()
        self._waiting = {n: _Queue(s) for n, s in self.streams.items() if s.direction == "in"}
        self._arrived = {n: _Queue(s) for n, s in self.streams.items() if s.direction == "out"}

    def exchange(self, items: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int]) -> Items:
        """Send ``items`` into the sources, and receive ``counts`` items from the sinks.

        Parameters
        ----------
        items : mapping of source streams to mappings of fields to arrays of codes
        counts : mapping of sink streams to numbers of items

        Raises
        ------
        RequestError
            A stream or field that does not exist, a code that is too wide.
        DesignError
            The items do not come.
        """
        checked = {stream: self._checked(stream, fields) for stream, fields in items.items()}
        for stream, count in counts.items():
            self._check_receive(stream, count)
        for stream, part in checked.items():
            self._waiting[stream].put(part)
        self._move(counts)
        return {stream: self._arrived[stream].take(count) for stream, count in counts.items()}

    def send(self, stream: str, fields: Mapping[str, Any]) -> None:
        """Send items into one source; does not wait until the engine has taken them."""
        part = self._checked(stream, fields)
        self._waiting[stream].put(part)
        self._move({})

    def receive(self, stream: str, count: int) -> dict[str, Any]:
        """The next ``count`` items of one sink; waits for them."""
        return self.exchange({}, {stream: count})[stream]

    def reset(self) -> None:
        """Put the engine into its first state; everything that is on its way is lost."""
        for queue in (*self._waiting.values(), *self._arrived.values()):
            queue.clear()
        self._reset()

    def close(self) -> None:
        """Give back what the link holds."""
        return

    def __enter__(self) -> "Link":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def _move(self, wanted: Mapping[str, int]) -> None:
        """Let items move until the queues ``_arrived`` hold those wanted."""

    @abstractmethod
    def _reset(self) -> None:
        """Reset the engine."""

    def _checked(self, stream: str, fields: Mapping[str, Any]) -> dict[str, np.ndarray]:
        who = f"link: {self.spec.name}"
        if stream not in self._waiting:
            raise RequestError(
                f"{who}: the stream must be one of {', '.join(self._waiting)}, not {stream!r}"
            )
        return _checked(fields, self.streams[stream], f"{who}: stream {stream}")

    def _check_receive(self, stream: str, count: int) -> None:
        who = f"link: {self.spec.name}"
        if stream not in self._arrived:
            raise RequestError(
                f"{who}: the stream must be one of {', '.join(self._arrived)}, not {stream!r}"
            )
        if count < 0:
            raise RequestError(f"{who}: the count must not be negative, not {count}")

    def _missing(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """How many items of each sink have not come yet."""
        missing = {name: count - len(self._arrived[name]) for name, count in wanted.items()}
        return {name: count for name, count in missing.items() if count > 0}

    def _standstill(self, wanted: Mapping[str, int], why: str) -> DesignError:
        name = next(iter(self._missing(wanted)))
        waiting = ", ".join(f"{len(q)} of {n}" for n, q in self._waiting.items() if len(q))
        return DesignError(
            f"link: {self.spec.name}: stream {name} must deliver {wanted[name]} items,"
            f" not {len(self._arrived[name])} {why}",
            hint=f"items not taken yet: {waiting or 'none'}; reset() starts again",
        )


class SimulationLink(Link):
    """The engine itself, compiled: the fastest simulation.

    Parameters
    ----------
    simulator : str
        ``cxxrtl`` compiles the design as Amaranth has it, ``verilator`` its Verilog.

    Attributes
    ----------
    cycles : int
        Clock cycles simulated so far.

    Raises
    ------
    ToolError
        A tool is missing or fails.
    RequestError
        The timing request cannot be met, or there is no such simulator.
    """

    def __init__(
        self,
        spec: OperatorSpec,
        timing: Timing | None = None,
        *,
        simulator: str = "cxxrtl",
        progress: Progress | None = None,
    ):
        super().__init__(spec)
        if simulator not in BACKENDS:
            raise RequestError(
                f"link: simulator must be one of {', '.join(BACKENDS)}, not {simulator!r}"
            )
        top = Top(spec, streamed(spec, timing))
        self._design = Compiled.of(top, backend=simulator, progress=progress)
        self._quiet = spec.quiet_cycles
        self._design.reset()

    @property
    def cycles(self) -> int:
        return self._design.cycles

    def _move(self, wanted: Mapping[str, int]) -> None:
        while missing := self._missing(wanted):
            items = {name: queue.peek() for name, queue in self._waiting.items()}
            run = self._design.pump(items, missing, quiet=self._quiet)
            for name, queue in self._waiting.items():
                queue.take(run.moved[name])
            for name, fields in run.results.items():
                self._arrived[name].put(fields)
            if not any(run.moved.values()):
                raise self._standstill(wanted, f"within {self._quiet} cycles")

    def _reset(self) -> None:
        self._design.reset()


class _Queue:
    """Items of one stream, in order."""

    def __init__(self, stream: Stream):
        self._widths = {name: format.width for name, format in stream.fields.items()}
        self.clear()

    def __len__(self) -> int:
        return sum(self._lengths)

    def clear(self) -> None:
        self._parts: list[dict[str, Any]] = []
        self._lengths: list[int] = []

    def put(self, part: dict[str, Any]) -> None:
        """Append items."""
        self._parts.append(part)
        self._lengths.append(len(next(iter(part.values()))))

    def peek(self) -> dict[str, Any]:
        """All items."""
        if len(self._parts) != 1:
            whole = {
                name: np.concatenate(
                    [np.empty(0, _dtype(width)), *(part[name] for part in self._parts)]
                )
                for name, width in self._widths.items()
            }
            self._parts, self._lengths = [whole], [len(self)]
        return self._parts[0]

    def take(self, count: int) -> dict[str, Any]:
        """The first ``count`` items, which leave the queue."""
        whole = self.peek()
        first = {name: codes[:count] for name, codes in whole.items()}
        self._parts = [{name: codes[count:] for name, codes in whole.items()}]
        self._lengths = [len(self) - count]
        return first


def streamed(spec: OperatorSpec, timing: Timing | None) -> Timing:
    """The timing request with streams at the border."""
    timing = timing or Timing()
    return replace(timing, shell="stream", wait_cycles=None) if spec.planned else timing


def _checked(fields: Mapping[str, Any], stream: Stream, who: str) -> dict[str, np.ndarray]:
    """Items as arrays; raises RequestError if they do not fit the stream."""
    widths = {name: format.width for name, format in stream.fields.items()}
    if set(fields) != set(widths):
        given = ", ".join(fields) or "none"
        raise RequestError(f"{who}: the fields must be {', '.join(widths)}, not {given}")
    part = {
        name: np.atleast_1d(whole_codes(fields[name], width, f"{who}: field {name}"))
        for name, width in widths.items()
    }
    if len({len(codes) for codes in part.values()}) != 1:
        counts = ", ".join(f"{name} has {len(codes)}" for name, codes in part.items())
        raise RequestError(f"{who}: every field must have one length, not {counts}")
    return part


def _dtype(width: int) -> Any:
    return np.uint64 if width <= 64 else object
