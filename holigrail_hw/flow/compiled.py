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

from ..core.errors import DesignError, RequestError
from ..core.spec import OperatorSpec
from ..core.timing import Timing
from ..formats import Format
from . import backends
from .process import Progress
from .top import Top

__all__ = ["BACKENDS", "Compiled", "StreamRun", "compile_all"]

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


class _Stream(ctypes.Structure):
    _fields_ = [
        ("items", ctypes.c_void_p),
        ("results", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("idle", ctypes.c_void_p),
        ("stall", ctypes.c_void_p),
        ("pattern", ctypes.c_uint64),
        ("cycle_limit", ctypes.c_uint64),
        ("drain", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("sent", ctypes.c_uint64),
        ("received", ctypes.c_uint64),
        ("violation", ctypes.c_uint64),
        ("violation_cycle", ctypes.c_uint64),
    ]


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
        If a tool is missing or fails.
    RequestError
        If the timing request cannot be met, or the cache folder cannot be written.
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
        top = Top(spec, timing)
        library = backends.build([top], backend, trace=trace, progress=progress)
        self._set_up(top, library, 0)

    @classmethod
    def _loaded(cls, top: Top, library: Path, index: int) -> "Compiled":
        self = cls.__new__(cls)
        self._set_up(top, library, index)
        return self

    def _set_up(self, top: Top, library: Path, index: int) -> None:
        self.top, self.latency, self.interleave = top, top.latency, top.interleave
        self.cycles = 0
        self._inputs = top.spec.inputs()
        self._outputs = top.spec.outputs()
        self._library, self._index = ctypes.CDLL(str(library)), index
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
        items = self._pack(codes)
        results = np.empty((len(items), _words(self._outputs)), np.uint64)
        self.reset()
        self._function("plain")(
            self._design, _pointer(items), _size(len(items)), _size(self.latency), _pointer(results)
        )
        self.cycles += len(items) + self.latency
        return self._unpack(results)

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
        if not self.top.stream:
            raise RequestError("simulate: stalls need the stream shell, not plain ports")
        items = self._pack(codes)
        pattern = int(np.lcm(max(len(idle), 1), max(len(stall), 1)))
        idle, stall = (
            np.ascontiguousarray(np.resize(np.asarray(p, np.uint8), pattern)) for p in (idle, stall)
        )
        if idle.all() or stall.all():
            raise RequestError(
                "simulate: a pattern of stalls must leave some cycles free, not none"
            )
        results = np.zeros((len(items), _words(self._outputs)), np.uint64)
        # Every item needs at most one free cycle of each pattern, and its turn among the sums.
        patience = (len(items) + self.latency + 2) * (self.interleave + 1) * (pattern + 1)
        call = _Stream(
            items=items.ctypes.data,
            results=results.ctypes.data,
            count=len(items),
            idle=idle.ctypes.data,
            stall=stall.ctypes.data,
            pattern=pattern,
            cycle_limit=patience if cycles is None else cycles,
            drain=self.latency + 2,
        )
        self.reset()
        self._function("stream")(self._design, ctypes.byref(call))
        self.cycles += call.cycles
        if call.violation:
            raise DesignError(
                f"{self.top.name}: {_VIOLATIONS[call.violation]} (cycle {call.violation_cycle})"
            )
        if cycles is None and call.received < call.count:
            raise DesignError(
                f"{self.top.name}: the stream must deliver {call.count} results,"
                f" not stop at {call.received} (after {call.cycles} cycles)"
            )
        return StreamRun(
            self._unpack(results[: call.received]), call.cycles, call.sent, call.received
        )

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
        widths = {name: format.width for name, format in self._inputs.items()}
        total = sum(widths.values())
        if self.top.spec.stateful or self.top.stream or total > 64:
            raise RequestError(
                f"{self.top.name}: counting all operands needs plain ports, no state"
                f" and at most 64 bits, not {total} bits"
            )
        stop = 1 << total if stop is None else stop
        for first in range(start, stop, chunk):
            count = min(chunk, stop - first)
            results = np.empty((count, _words(self._outputs)), np.uint64)
            self._function("counted")(
                self._design, _size(first), _size(count), _size(self.latency), _pointer(results)
            )
            self.cycles += count + self.latency
            yield counted_codes(widths, first, count), self._unpack(results)

    def reset(self) -> None:
        """Hold the reset for one cycle; the operands are zero meanwhile."""
        self._function("reset")(self._design, _size(1))

    def trace(self, path: Path) -> None:
        """Write the waveform so far as VCD; the design must have been built with ``trace``."""
        function = self._function("trace")
        function.restype = ctypes.c_char_p
        try:
            Path(path).write_bytes(function(self._design))
        except OSError as error:
            raise RequestError(
                f"simulate: the waveform must be writable, not {path} ({error.strerror})"
            ) from None

    def _function(self, name: str) -> Any:
        return self._library[f"{name}_{self._index}"]

    def _pack(self, codes: Mapping[str, Any]) -> np.ndarray:
        if set(codes) != set(self._inputs):
            raise ValueError(f"operands must be {list(self._inputs)}, not {list(codes)}")
        counts = {len(np.atleast_1d(values)) for values in codes.values()}
        if len(counts) != 1:
            raise ValueError(f"operands must have one length, not {sorted(counts)}")
        packed = np.empty((counts.pop(), _words(self._inputs)), np.uint64)
        column = 0
        for name, format in self._inputs.items():
            for word in _split(codes[name], format.width):
                packed[:, column] = word
                column += 1
        return packed

    def _unpack(self, results: np.ndarray) -> dict[str, Any]:
        unpacked, column = {}, 0
        for name, format in self._outputs.items():
            words = -(-format.width // 64)
            part = results[:, column : column + words]
            if words == 1:
                unpacked[name] = np.ascontiguousarray(part[:, 0])
            else:
                value = np.zeros(len(results), dtype=object)
                for index in reversed(range(words)):
                    value = (value << 64) | part[:, index].astype(object)
                unpacked[name] = value
            column += words
        return unpacked


def compile_all(
    requests: Sequence[tuple[OperatorSpec, Timing]],
    *,
    backend: str = "cxxrtl",
    progress: Progress | None = None,
) -> list[Compiled]:
    """Many designs in one compilation, which takes far less time than one by one."""
    tops = [Top(spec, timing) for spec, timing in requests]
    library = backends.build(tops, backend, trace=False, progress=progress)
    return [Compiled._loaded(top, library, index) for index, top in enumerate(tops)]


def counted_codes(widths: Mapping[str, int], start: int, count: int) -> dict[str, np.ndarray]:
    """The operand codes that combinations ``start`` to ``start + count`` stand for."""
    rest = np.arange(count, dtype=np.uint64) + np.uint64(start)
    codes = {}
    for name in reversed(list(widths)):
        width = widths[name]
        codes[name] = rest & np.uint64((1 << width) - 1)
        rest = rest >> np.uint64(width) if width < 64 else np.zeros_like(rest)
    return {name: codes[name] for name in widths}


def _words(formats: Mapping[str, Format]) -> int:
    return sum(-(-format.width // 64) for format in formats.values())


def _split(values: Any, width: int) -> list[np.ndarray]:
    if width <= 64:
        return [np.asarray(values).astype(np.uint64)]
    values = np.asarray(values, dtype=object)
    mask = (1 << 64) - 1
    return [((values >> 64 * i) & mask).astype(np.uint64) for i in range(-(-width // 64))]


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _size(value: int) -> ctypes.c_uint64:
    return ctypes.c_uint64(value)
