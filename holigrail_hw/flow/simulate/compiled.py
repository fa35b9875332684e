"""A design as a compiled function on NumPy arrays.

The design becomes C++ through CXXRTL (Yosys) or Verilator, together with a run loop in C++; one
call runs millions of cycles. Builds are kept in the user's cache folder under a digest of the
design, the run loop and the tools, so the second run of a design starts at once.

Operands and results are arrays of codes: ``uint64`` up to 64 bits, object arrays above. A run
starts with a reset. Without state, item *t* is independent of all others; with interleaved sums it
belongs to sum *t* mod ``interleave``.
"""

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core.disk import unwritable
from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Items
from holigrail_hw.core.timing import Timing

from ..top import Top
from . import backends, item_words
from .item_words import counted_codes
from .run_loop import Run, Stream, pointer, size

__all__ = ["BACKENDS", "Compiled", "StreamRun", "StreamsRun", "compile_all"]

BACKENDS = backends.NAMES

_VIOLATIONS = {
    1: "valid must stay high until the item is accepted, not be withdrawn",
    2: "the payload must stay the same until it is accepted, not change",
    3: "valid and the payload must not depend on ready",
    4: "there must be one result for each item, not more",
}
_CHUNK = 1 << 18


@dataclass(frozen=True)
class StreamRun:
    """Results of a streamed run; ``received`` is less than the items if ``cycles`` ran out."""

    results: dict[str, Any]
    cycles: int
    sent: int
    received: int


@dataclass(frozen=True)
class StreamsRun:
    """Results of every output stream, the cycles taken, and the items moved on every stream.

    There are fewer results than asked for if the run stopped early.
    """

    results: Items
    cycles: int
    moved: dict[str, int]
    complete: bool


class Compiled:
    """One design, compiled and loaded.

    Parameters
    ----------
    spec : OperatorSpec
    timing : Timing
    backend : str
        ``cxxrtl`` (from the design itself) or ``verilator`` (from the emitted Verilog).
    trace : bool
        Be able to write a waveform; ``cxxrtl`` only.

    Attributes
    ----------
    top : Top
    latency, interleave : int
    cycles : int
        Clock cycles (or evaluations, without a clock) simulated so far.

    Raises
    ------
    ToolError
        If a tool is missing or fails, or the cache folder cannot be written.
    RequestError
        If the timing request cannot be met.
    """

    def __init__(
        self,
        spec: OperatorSpec,
        timing: Timing | None = None,
        *,
        backend: str = "cxxrtl",
        trace: bool = False,
        progress: Progress | None = None,
    ):
        if backend not in BACKENDS:
            raise RequestError(
                f"simulate: backend must be one of {', '.join(BACKENDS)}, not {backend!r}"
            )
        if trace and backend != "cxxrtl":
            raise RequestError(f"simulate: only cxxrtl writes waveforms, not {backend}")
        top = Top(spec, timing).driven()
        library = backends.build([top], backend, trace=trace, progress=progress)
        self._set_up(top, library, 0)

    @classmethod
    def of(
        cls, top: Top, *, backend: str = "cxxrtl", progress: Progress | None = None
    ) -> "Compiled":
        """A top module as it is."""
        return cls._loaded(top, backends.build([top], backend, trace=False, progress=progress), 0)

    @classmethod
    def _loaded(cls, top: Top, library: ctypes.CDLL, index: int) -> "Compiled":
        self = cls.__new__(cls)
        self._set_up(top, library, index)
        return self

    def _set_up(self, top: Top, library: ctypes.CDLL, index: int) -> None:
        self.top, self.latency, self.interleave = top, top.latency, top.interleave
        self.cycles = 0
        self._inputs = {str(port.operand): port.width for port in top.inputs()}
        self._outputs = {str(port.operand): port.width for port in top.outputs()}
        self._library, self._index = library, index
        self._create, self._destroy = self._function("create"), self._function("destroy")
        self._create.restype = ctypes.c_void_p
        self._design = ctypes.c_void_p(self._create())

    def __del__(self) -> None:
        if getattr(self, "_design", None):
            self._destroy(self._design)
            self._design = None

    def run(self, codes: Mapping[str, Any]) -> dict[str, Any]:
        """Results of a sequence of items, one per cycle, without stalls.

        Parameters
        ----------
        codes : mapping of operand names to arrays of codes, all of one length
        """
        if self.top.stream:
            return self.run_stream(codes).results
        items = item_words.pack(codes, self._inputs)
        results = np.empty((len(items), item_words.words(self._outputs)), np.uint64)
        self.reset()
        self._function("plain")(
            self._design, pointer(items), size(len(items)), size(self.latency), pointer(results)
        )
        self.cycles += len(items) + self.latency
        return item_words.unpack(results, self._outputs)

    def run_stream(
        self,
        codes: Mapping[str, Any],
        *,
        idle: Any = (0,),
        stall: Any = (0,),
        cycles: int | None = None,
    ) -> StreamRun:
        """Send items through the stream shell and receive results.

        Parameters
        ----------
        codes : mapping of operand names to arrays of codes
        idle : sequence of bool
            Cycles in which the source offers nothing new; repeats.
        stall : sequence of bool
            Cycles in which the sink refuses; repeats.
        cycles : int or None
            Stop after so many cycles, with items still on their way.

        Raises
        ------
        DesignError
            If a rule of the handshake is broken, or the stream comes to a standstill.
        """
        if not self.top.stream or self.top.engine:
            raise RequestError("simulate: stalls need the stream shell, not plain ports")
        count = len(next(iter(codes.values())))
        # Every item needs at most one free cycle of each pattern, and its turn among the sums.
        pattern = int(np.lcm(max(len(idle), 1), max(len(stall), 1)))
        quiet = (self.latency + 2) * (self.interleave + 1) * (pattern + 1)
        found = self.run_streams(
            {"i": codes},
            {"o": count},
            pauses={"i": idle, "o": stall},
            cycles=cycles,
            quiet=quiet,
            drain=self.latency + 2,
        )
        results = found.results["o"]
        return StreamRun(results, found.cycles, found.moved["i"], found.moved["o"])

    def run_streams(
        self,
        items: Mapping[str, Mapping[str, Any]],
        counts: Mapping[str, int],
        *,
        pauses: Mapping[str, Any] | None = None,
        cycles: int | None = None,
        quiet: int = 10_000,
        drain: int = 64,
        rules: bool = True,
    ) -> StreamsRun:
        """Send items into every source and receive ``counts`` results from every sink.
        Plain ports are streams ``i`` and ``o`` that never wait.

        Parameters
        ----------
        items : mapping of the names of source streams to mappings of fields to arrays of codes
        counts : mapping of the names of sink streams to the numbers of results wanted
        pauses : mapping of stream names to sequences of bool
            Cycles in which the outside does not offer or accept an item; each repeats.
        cycles : int or None
            Stop after so many cycles, with items still on their way.
        quiet : int
            A standstill is so many cycles without any item moved.
        drain : int
            Cycles after the last result in which there must not be another one.
        rules : bool
            Check the rules of the handshake, which takes twice the time.

        Raises
        ------
        DesignError
            If a rule of the handshake is broken, or the streams come to a standstill.
        """
        if not self.top.stream:
            return self._run_plain(items["i"], pauses, cycles)
        streams, pauses = self.top.handshakes(), pauses or {}
        lengths = [max(len(pauses.get(stream.name, (0,))), 1) for stream in streams]
        pattern = int(np.lcm.reduce(lengths))
        rows, kept = (Stream * len(streams))(), []
        for row, stream in zip(rows, streams, strict=True):
            ports, words = item_words.rows(stream, items, counts)
            given = np.asarray(pauses.get(stream.name, (0,)), np.uint8)
            pause = np.ascontiguousarray(np.resize(given, pattern))
            if pause.all():
                raise RequestError(
                    "simulate: a pattern of stalls must leave some cycles free, not none"
                )
            row.items, row.count, row.pause = words.ctypes.data, len(words), pause.ctypes.data
            row.wanted = len(words)
            kept.append((ports, words, pause))
        call = Run(
            streams=rows,
            pattern=pattern,
            cycle_limit=(1 << 63) if cycles is None else cycles,
            quiet_limit=quiet,
            drain=drain,
            paired=not self.top.engine,
            rules=rules,
        )
        self.reset()
        self._function("streams")(self._design, ctypes.byref(call))
        self.cycles += call.cycles
        if call.violation:
            where = f" of {streams[call.violation_stream].name}" if self.top.engine else ""
            raise DesignError(
                f"{self.top.name}: {_VIOLATIONS[call.violation]}"
                f" (cycle {call.violation_cycle}{where})"
            )
        moved, results = item_words.collected(
            streams, rows, [(ports, words) for ports, words, _ in kept]
        )
        short = [name for name, count in counts.items() if moved[name] < count]
        if cycles is None and short:
            name = short[0]
            what = f"stream {name}" if self.top.engine else "the stream"
            raise DesignError(
                f"{self.top.name}: {what} must deliver {counts[name]} results,"
                f" not stop at {moved[name]} (after {call.cycles} cycles)"
            )
        return StreamsRun(results, int(call.cycles), moved, not short)

    def _run_plain(
        self, codes: Mapping[str, Any], pauses: Mapping[str, Any] | None, cycles: int | None
    ) -> StreamsRun:
        if pauses or cycles is not None:
            raise RequestError("simulate: stalls need the stream shell, not plain ports")
        results, count = self.run(codes), len(next(iter(codes.values())))
        return StreamsRun({"o": results}, count + self.latency, {"i": count, "o": count}, True)

    def pump(
        self,
        items: Mapping[str, Mapping[str, Any]],
        wanted: Mapping[str, int],
        *,
        room: int = 4096,
        quiet: int = 10_000,
    ) -> StreamsRun:
        """Go on from where the last run ended, until every sink has given what is wanted of it.

        There may be fewer results, if nothing moved for ``quiet`` cycles, and more: a sink is
        refused only when it has given ``room`` items beyond those wanted. Sources may keep items
        back: ``moved`` says how many were taken, the others must be offered first next time.
        """
        streams = self.top.handshakes()
        counts = {
            stream.name: wanted.get(stream.name, 0) + room
            for stream in streams
            if stream.direction == "out"
        }
        rows, kept, never = (Stream * len(streams))(), [], np.zeros(1, np.uint8)
        for row, stream in zip(rows, streams, strict=True):
            ports, words = item_words.rows(stream, items, counts)
            row.items, row.count, row.pause = words.ctypes.data, len(words), never.ctypes.data
            row.wanted = wanted.get(stream.name, 0)
            kept.append((ports, words))
        call = Run(streams=rows, pattern=1, cycle_limit=1 << 63, quiet_limit=quiet, open=True)
        self._function("streams")(self._design, ctypes.byref(call))
        self.cycles += call.cycles
        moved, results = item_words.collected(streams, rows, kept)
        complete = all(moved[name] >= count for name, count in wanted.items())
        return StreamsRun(results, int(call.cycles), moved, complete)

    def exhaustive(
        self, start: int = 0, stop: int | None = None, chunk: int = _CHUNK
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """All combinations of operand codes, the operands counted in C++.

        Yields (codes, results) chunk by chunk. Combination *t* is a number whose highest bits are
        the first operand; ``start`` and ``stop`` select a part.

        Raises
        ------
        RequestError
            If the operator has state or a stream shell, or more than 64 bits of operands.
        """
        widths = self._inputs
        total = sum(widths.values())
        if self.top.spec.stateful or self.top.stream or total > 64:
            raise RequestError(
                f"{self.top.name}: counting all operands needs plain ports, no state"
                f" and at most 64 bits, not {total} bits"
            )
        stop = 1 << total if stop is None else stop
        for first in range(start, stop, chunk):
            count = min(chunk, stop - first)
            results = np.empty((count, item_words.words(self._outputs)), np.uint64)
            self._function("counted")(
                self._design, size(first), size(count), size(self.latency), pointer(results)
            )
            self.cycles += count + self.latency
            yield counted_codes(widths, first, count), item_words.unpack(results, self._outputs)

    def reset(self) -> None:
        """Hold the reset for one cycle; the operands are zero meanwhile."""
        self._function("reset")(self._design, size(1))

    def trace(self, path: Path) -> None:
        """Write the waveform so far as VCD; the design must have been built with ``trace``."""
        function = self._function("trace")
        function.restype = ctypes.c_char_p
        try:
            Path(path).write_bytes(function(self._design))
        except OSError as error:
            raise unwritable(
                f"simulate: the waveform must be writable, not {path}",
                error,
                "--vcd with another file",
            ) from None

    def _function(self, name: str) -> Any:
        return self._library[f"{name}_{self._index}"]


def compile_all(
    requests: Sequence[tuple[OperatorSpec, Timing]],
    *,
    backend: str = "cxxrtl",
    short: bool = False,
    progress: Progress | None = None,
) -> list[Compiled]:
    """Many designs in one compilation, which takes far less time than one by one.

    ``short`` leaves the compiler's optimiser out, for runs of some thousand cycles. Requests that
    give the same circuit share its code.
    """
    tops = [Top(spec, timing).driven() for spec, timing in requests]
    distinct: dict[str, Top] = {}
    for top in tops:
        distinct.setdefault(_circuit(top), top)
    library = backends.build(
        list(distinct.values()), backend, trace=False, short=short, progress=progress
    )
    places = {circuit: index for index, circuit in enumerate(distinct)}
    return [Compiled._loaded(top, library, places[_circuit(top)]) for top in tops]


def _circuit(top: Top) -> str:
    """What is made, whatever it is called."""
    return top.rtlil.replace(top.name, "")
