"""Changes of every net of a netlist for a stream of items, with every result compared.

Items follow one another as they would in hardware: a change of a net is one between the cycles of
two items that do follow one another. Where nothing is kept but what is in the pipeline, the stream
is cut into pieces that are run side by side, each with the items before it to fill the pipeline; so
the counts are those of the whole stream. A sum depends on everything before it and is run in one
piece, or on streams of its own in every lane.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.streams import Items

from ...simulate.gate_streams import run_streams
from ...simulate.gates import codes_of_lanes, words_of_bits
from ...top import RESET, Top
from ...verify import workloads
from .circuit import Circuit

__all__ = ["Activity", "plain_activity", "stream_activity"]

_LANES = 256
_ONES = ~np.uint64(0)


@dataclass(frozen=True)
class Activity:
    """``changes`` of each net per item, ``cycles`` per item, items counted, results compared."""

    changes: np.ndarray
    cycles: float
    items: int
    compared: int


def plain_activity(
    top: Top, circuit: Circuit, codes: Mapping[str, Any], *, lanes: bool = False
) -> Activity:
    """Of an operator with plain ports, one item a cycle.

    Parameters
    ----------
    codes : mapping of operands to arrays of codes
    lanes : bool
        Whether the items of an operator with a sum may be dealt out to sums that do not meet.

    Raises
    ------
    DesignError
        A result differs from the golden model.
    """
    arrays = {name: np.asarray(values) for name, values in codes.items()}
    count = len(next(iter(arrays.values())))
    warm = top.latency
    if top.spec.stateful:
        many = min(_LANES, max(1, count // (4 * (warm + 2)))) if lanes else 1
        steps = count // many
        index = np.arange(steps * many).reshape(many, steps).T
        index = np.concatenate([index, np.repeat(index[-1:], warm, axis=0)])
        counted = slice(warm + 1, steps)
    else:
        many = min(_LANES, max(1, (count - 1) // 2))
        steps = -(-(count - 1) // many)
        start = steps * np.arange(many) - warm
        index = np.clip(start + np.arange(steps + 2 * warm + 1)[:, None], 0, count - 1)
        counted = slice(warm + 1, warm + 1 + steps)
    given = {name: values[index] for name, values in arrays.items()}
    totals, results = _run(top, circuit, given, counted)
    _compare(top, arrays, index, results, steps if top.spec.stateful else None)
    items = (counted.stop - counted.start) * many
    if not top.spec.stateful:
        items = min(items, count - 1)
    return Activity(totals / max(items, 1), 1.0, items, min(count, index.size))


def _run(
    top: Top, circuit: Circuit, given: Mapping[str, np.ndarray], counted: slice
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Changes summed over the counted cycles and all lanes, and the results of every cycle."""
    cycles, lanes = next(iter(given.values())).shape
    words = -(-lanes // 64)
    values = circuit.fresh(words)
    mask = np.zeros(64 * words, bool)
    mask[:lanes] = True
    mask = np.packbits(mask, bitorder="little").view(np.uint64)
    totals = np.zeros(circuit.nets, np.int64)
    formats = {port.name: port for port in top.outputs()}
    results = {
        name: np.zeros((cycles, lanes), np.uint64 if port.width <= 64 else object)
        for name, port in formats.items()
    }
    if RESET in circuit.ports:
        values[circuit.ports[RESET]] = _ONES
        circuit.settle(values)
        circuit.edge(values)
        values[circuit.ports[RESET]] = 0
    previous = values.copy()
    for cycle in range(cycles):
        for name, codes in given.items():
            nets = circuit.ports.get(name, ())
            own = codes[cycle] if codes.dtype == object else codes[cycle].astype(np.uint64)
            for net, word in zip(nets, words_of_bits(own, len(nets), words), strict=True):
                values[net] = word
        circuit.settle(values)
        if counted.start <= cycle < counted.stop:
            totals += np.bitwise_count((values ^ previous) & mask).sum(axis=1, dtype=np.int64)
        previous[:] = values
        for name in formats:
            results[name][cycle] = codes_of_lanes(values[circuit.ports[name]], lanes)
        circuit.edge(values)
    return totals, results


def _compare(
    top: Top,
    arrays: Mapping[str, np.ndarray],
    index: np.ndarray,
    results: Mapping[str, np.ndarray],
    steps: int | None,
) -> None:
    """Raise DesignError unless every result is that of the golden model."""
    spec, warm = top.spec, top.latency
    if steps is None:
        expected = spec.reference(arrays)
        expected = {
            name: _sides(sides, index[: len(index) - warm]) for name, sides in expected.items()
        }
    else:
        given = {name: values[index[:steps]] for name, values in arrays.items()}
        expected = {n: _sides(s, ...) for n, s in spec.reference(given, top.interleave).items()}
    wrong = np.zeros(np.shape(index[: len(index) - warm]), bool)
    for name, (low, high) in expected.items():
        found = results[name][warm:]
        wrong |= np.asarray((found != low) & (found != high), bool)
    if wrong.any():
        where = np.argwhere(wrong)[0]
        item = {name: hex(int(values[index[tuple(where)]])) for name, values in arrays.items()}
        found = {
            name: hex(int(values[warm + where[0], where[1]])) for name, values in results.items()
        }
        raise DesignError(
            f"asic: {top.spec.name} in cells must equal the golden model, not give {found} for"
            f" {item} ({int(wrong.sum())} results differ)"
        )


def _sides(sides: Any, index: Any) -> tuple[Any, Any]:
    low, high = sides[:2] if isinstance(sides, tuple) else (sides, sides)
    return np.asarray(low)[index], np.asarray(high)[index]


class _Lanes:
    """The circuit as streams drive it, clock by clock; counts changes while it runs."""

    def __init__(self, circuit: Circuit, lanes: int):
        self._circuit, self.lanes = circuit, lanes
        self._values = circuit.fresh(1)
        self._previous = self._values.copy()
        self._mask = np.uint64((1 << lanes) - 1)
        self.totals, self.cycles = np.zeros(circuit.nets, np.int64), 0
        self._counts = False

    def put(self, port: str, codes: Sequence[int]) -> None:
        nets = self._circuit.ports.get(port, ())
        own = np.array([int(code) & ((1 << len(nets)) - 1) for code in codes], object)
        if len(nets) <= 64:
            own = own.astype(np.uint64)
        for net, word in zip(nets, words_of_bits(own, len(nets), 1), strict=True):
            self._values[net] = word

    def get(self, port: str) -> list[int]:
        rows = self._values[self._circuit.ports[port]]
        return [int(code) for code in codes_of_lanes(rows, self.lanes)]

    def settle(self) -> None:
        self._circuit.settle(self._values)
        if self._counts:
            changed = (self._values ^ self._previous) & self._mask
            self.totals += np.bitwise_count(changed).sum(axis=1, dtype=np.int64)
            self.cycles += 1
        self._previous[:] = self._values

    def edge(self) -> None:
        self._circuit.edge(self._values)

    def reset(self) -> None:
        self._counts = False
        for name in self._circuit.inputs:
            self.put(name, [name == RESET] * self.lanes)
        self.settle()
        self.edge()
        self.put(RESET, [0] * self.lanes)
        self._counts = True


def stream_activity(top: Top, circuit: Circuit, jobs: Sequence[Items]) -> Activity:
    """Of a design with streams: each job in a lane of its own, without pauses; 64 of them at most.

    Items are results of all streams together; cycles run until the last lane is done.

    Raises
    ------
    DesignError
        A result differs from the golden model, or a stream comes to a standstill.
    """
    chosen = [workloads.given(top.spec, job, top.timing) for job in jobs]
    machine = _Lanes(circuit, len(jobs))
    never = np.zeros(1, bool)
    pauses = [{stream.name: never for stream in top.handshakes()} for _ in jobs]
    found = run_streams(
        machine,
        top.handshakes(),
        [one.items for one in chosen],
        [one.counts for one in chosen],
        pauses,
        quiet=top.spec.quiet_cycles,
    )
    for one, results in zip(chosen, found, strict=True):
        if wrong := workloads.differences(one, results):
            raise DesignError(
                f"asic: {top.spec.name} in cells must equal the golden model, not differ at"
                f" {workloads.where(top.spec, one, wrong[0])} ({len(wrong)} results differ)"
            )
    items = sum(map(len, chosen))
    cycles = machine.cycles * len(jobs) / items
    return Activity(machine.totals / items, cycles, items, items)
