"""Designs with streams as gates: many copies at once, each with its own pauses or planted fault.

Every lane, a bit of the words that :mod:`.gates` computes with, is a copy of the design beside
sources and sinks of its own. They keep the rules of the handshake and judge the design by them:
valid may not be withdrawn, a payload waiting may not change, and no item may be more or wrong.
Runs that a reset ends come first, each lane at a place of its own: a reset that clears too little
shows only where there was something to clear.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..top import CLOCK, RESET, Handshake, Top
from ..verify.workloads import Workload
from .gates import Network

__all__ = ["LANES", "WRONG", "LaneResult", "cuts", "lanes_of", "pauses", "run_lanes"]

LANES = 64
"""Copies of :func:`pauses`."""

WRONG = "a result is wrong"

# Cycles beyond twice those of a lane without a fault.
_LATE = 500
_DENSITIES = (0.0, 0.2, 0.4, 0.7)
# Cycles of the longest of the runs that a reset ends: just begun, amid the first items, later. Some
# registers hold for one cycle what a reset must clear: many short runs find them.
_CUTS = (*(7,) * 16, *(20,) * 8, 40, 40, 160, 160)


@dataclass(frozen=True)
class LaneResult:
    """What became of every lane; arrays of one entry per lane.

    ``reason`` is empty where all was right; ``stream``, ``index``, ``code`` say which item was
    wrong and what was found; ``cycles`` is when the last result came, from the reset on.
    """

    reason: list[str]
    stream: list[str]
    index: np.ndarray
    code: list[int]
    cycles: np.ndarray

    def first(self) -> tuple[int, str]:
        """The first lane that is wrong, and why; lane 0 and no reason if none is."""
        wrong = [lane for lane, reason in enumerate(self.reason) if reason]
        return (wrong[0], self.reason[wrong[0]]) if wrong else (0, "")


def pauses(top: Top, seed: int) -> dict[str, np.ndarray]:
    """Pauses of ``LANES`` lanes: none in the first one, random and of several densities beyond."""
    rng = np.random.default_rng(seed)
    density = np.array([_DENSITIES[lane % len(_DENSITIES)] for lane in range(LANES)])
    found = {}
    for stream in top.handshakes():
        # Sources and sinks are idle in lanes of their own, too.
        turn = int(rng.integers(1, LANES)) if stream.direction == "out" else 0
        rolled = np.roll(density, turn)
        rolled[0] = 0.0
        found[stream.name] = rng.random((251, LANES)) < rolled
    return found


def cuts(lanes: int, seed: int, more: Sequence[int] = ()) -> list[np.ndarray]:
    """Cycles of several runs, one after the other, that a reset ends; some are 0.

    ``more`` are the most cycles of further runs behind the usual ones.
    """
    rng = np.random.default_rng(seed)
    return [rng.integers(0, longest, lanes, endpoint=True) for longest in (*_CUTS, *more)]


def lanes_of(top: Top, workload: Workload) -> "_Sides":
    """Sources and sinks for a workload, to be given to :func:`run_lanes` again and again."""
    return _Sides(top, workload)


class _Sides:
    """Payload bits of every item of every stream: offered, or expected."""

    def __init__(self, top: Top, workload: Workload):
        self.streams = top.handshakes()
        self.offered: dict[str, np.ndarray] = {}
        self.expected: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        for stream in self.streams:
            if stream.direction == "in":
                fields = workload.items[stream.name]
                columns = [_bits(fields[str(p.operand)], p.width) for p in stream.payload]
                self.offered[stream.name] = np.concatenate(columns)
            else:
                self.expected[stream.name] = _expected(stream, workload)

    def count(self, stream: Handshake) -> int:
        """Items of a stream."""
        found = self.offered if stream.direction == "in" else self.expected
        bits = found[stream.name]
        return (bits if isinstance(bits, np.ndarray) else bits[0]).shape[1]


def run_lanes(
    network: Network,
    sides: _Sides,
    lanes: int,
    pauses: Mapping[str, np.ndarray],
    *,
    most: int,
    cuts: Sequence[np.ndarray] = (),
    begun: Sequence[_Sides] = (),
    drain: int = 64,
    right: Sequence[int] = (),
    ties: Mapping[str, np.ndarray] | None = None,
) -> LaneResult:
    """Run all lanes until each is judged.

    Parameters
    ----------
    pauses : mapping of stream names to arrays of bool
        Of shape (period, lanes) or (period, 1): cycles without an offer or without ready.
    most : int
        Cycles after which a lane that is not complete stands still.
    cuts : sequence of arrays of int, one entry per lane
        Cycles of runs before that a reset ends; what comes out of them is judged, too. In every
        second one the sinks rest in the last half: the reset finds all places filled. In half of
        the resets sources go on offering.
    begun : sequence of sides
        Work of these runs, taken in turn; ``sides`` if there is none.
    drain : int
        Cycles after the last result in which there must not be another one.
    right : sequence of int
        Lanes without a fault: the others have twice as long as these take, and some more.
    ties : mapping of further input ports to a code for each lane
    """
    run = _Run(network, sides, lanes, pauses, ties or {})
    for number, lengths in enumerate(cuts):
        run.begin(begun[number % len(begun)] if begun else sides)
        # Shorter runs start later: one reset ends them all.
        for left in range(int(lengths.max()), 0, -1):
            run.step(
                int(lengths.max()) - left,
                awake=lengths >= left,
                taking=number % 2 == 0 or lengths < 2 * left,
            )
        run.reset(offering=number % 4 < 2)
    run.begin(sides)
    for cycle in range(most):
        run.step(cycle)
        if run.settled(cycle, drain) or (right and run.overdue(cycle, right)):
            break
    return run.result()


class _Run:
    def __init__(self, network, sides, lanes, pauses, ties):
        self.network, self.sides, self.lanes, self.pauses = network, sides, lanes, pauses
        self.words = -(-lanes // 64)
        self.values, self.state = network.fresh(self.words), network.start(self.words)
        for port, codes in ties.items():
            for bit, lane_bits in enumerate(_bits(codes, 64)):
                self._assign(port, bit, lane_bits)
        self.reason = np.full(lanes, "", dtype=object)
        self.stream, self.code = np.full(lanes, "", dtype=object), np.zeros(lanes, object)
        self.index = np.zeros(lanes, np.int64)

    def begin(self, sides: _Sides) -> None:
        """Sources and sinks before their first item."""
        self.sides = sides
        lanes, streams = self.lanes, self.sides.streams
        self.place = {s.name: np.zeros(lanes, np.int64) for s in streams}
        self.offering = {s.name: np.zeros(lanes, bool) for s in streams}
        self.waiting = {s.name: np.zeros(lanes, bool) for s in streams}
        self.payload: dict[str, np.ndarray] = {}
        self.last = np.zeros(lanes, np.int64)

    def reset(self, offering: bool) -> None:
        """One cycle of reset, in which sources go on offering or do not."""
        if offering:
            self._drive(0, True, True)
        for stream in self.sides.streams:
            if stream.direction == "out" or not offering:
                port = stream.valid if stream.direction == "in" else stream.ready
                self._assign(port, 0, np.zeros(self.lanes, bool))
        self._clock(True)

    def step(
        self, cycle: int, awake: np.ndarray | bool = True, taking: np.ndarray | bool = True
    ) -> None:
        """One clock cycle; sources and sinks of other lanes, and sinks not taking, rest."""
        self._drive(cycle, awake, taking)
        self._clock(False)
        for stream in self.sides.streams:
            (self._sent if stream.direction == "in" else self._received)(stream, cycle)

    def _drive(self, cycle: int, awake: np.ndarray | bool, taking: np.ndarray | bool) -> None:
        for stream in self.sides.streams:
            paused = self.pauses[stream.name]
            paused = np.broadcast_to(paused[cycle % len(paused)] | ~np.asarray(awake), self.lanes)
            name, total = stream.name, self.sides.count(stream)
            if stream.direction == "out":
                self.offering[name] = ~paused & taking
                self._assign(stream.ready, 0, self.offering[name])
                continue
            left = self.place[name] < total
            self.offering[name] = left & (self.offering[name] | ~paused)
            self._assign(stream.valid, 0, self.offering[name])
            if total:
                bits = self.sides.offered[name][:, np.minimum(self.place[name], total - 1)]
                start = 0
                for port in stream.payload:
                    for bit in range(port.width):
                        self._assign(port.name, bit, bits[start + bit])
                    start += port.width

    def settled(self, cycle: int, drain: int) -> bool:
        """Whether nothing more can come of any lane."""
        complete = self._complete()
        wrong = self.reason != ""
        return bool((wrong | (complete & (self.last + drain <= cycle))).all())

    def overdue(self, cycle: int, right: Sequence[int]) -> bool:
        """Whether these lanes were complete long ago."""
        late = 2 * int(self.last[list(right)].max()) + _LATE
        return cycle >= late and bool(self._complete()[list(right)].all())

    def _complete(self) -> np.ndarray:
        complete = np.ones(self.lanes, bool)
        for stream in self.sides.streams:
            if stream.direction == "out":
                complete &= self.place[stream.name] >= self.sides.count(stream)
        return complete

    def result(self) -> LaneResult:
        for stream in self.sides.streams:
            if stream.direction == "out":
                short = (self.place[stream.name] < self.sides.count(stream)) & (self.reason == "")
                self._blame(short, stream, "it stands still before this result")
        return LaneResult(
            self.reason.tolist(), self.stream.tolist(), self.index, self.code.tolist(), self.last
        )

    def _sent(self, stream: Handshake, cycle: int) -> None:
        moved = self.offering[stream.name] & self._read(stream.ready, 0)
        self.place[stream.name] += moved
        self.offering[stream.name] &= ~moved

    def _received(self, stream: Handshake, cycle: int) -> None:
        name, place = stream.name, self.place[stream.name]
        valid = self._read(stream.valid, 0)
        bits = np.stack(
            [self._read(port.name, bit) for port in stream.payload for bit in range(port.width)]
        )
        waited = self.waiting[name]
        self._blame(waited & ~valid, stream, "valid is withdrawn")
        if name in self.payload:
            changed = (bits != self.payload[name]).any(axis=0)
            self._blame(waited & valid & changed, stream, "a payload that waits changes")
        moved = valid & self.offering[name]
        total = self.sides.count(stream)
        self._blame(moved & (place >= total), stream, "there is one result too many")
        if total:
            low, high, mask = self.sides.expected[name]
            at = np.minimum(place, total - 1)
            right = ((bits == low[:, at]) | ~mask).all(axis=0)
            right |= ((bits == high[:, at]) | ~mask).all(axis=0)
            self._blame(moved & (place < total) & ~right, stream, WRONG, bits)
        place += moved
        self.last[moved] = cycle
        self.waiting[name], self.payload[name] = valid & ~moved, bits

    def _blame(self, lanes: np.ndarray, stream: Handshake, reason: str, bits: Any = None) -> None:
        for lane in np.flatnonzero(lanes & (self.reason == "")).tolist():
            self.reason[lane], self.stream[lane] = reason, stream.name
            self.index[lane] = self.place[stream.name][lane]
            if bits is not None:
                self.code[lane] = sum(int(b) << k for k, b in enumerate(bits[:, lane]))

    def _clock(self, reset: bool) -> None:
        self._assign(RESET, 0, np.full(self.lanes, reset))
        self._assign(CLOCK, 0, np.zeros(self.lanes, bool))
        self.network.load(self.values, self.state)
        self.network.evaluate(self.values)
        self.state = self.network.next_state(self.values)

    def _assign(self, port: str, bit: int, lanes: np.ndarray) -> None:
        if (literal := self.network.inputs.get((port, bit))) is None:
            return
        padded = np.zeros(64 * self.words, bool)
        padded[: self.lanes] = lanes
        word = np.packbits(padded, bitorder="little").view(np.uint64)
        place = literal >> 1
        self.values[place], self.values[place + self.network.variables + 1] = word, ~word

    def _read(self, port: str, bit: int) -> np.ndarray:
        word = self.values[self.network.row(self.network.outputs[port, bit])]
        return np.unpackbits(word.view(np.uint8), bitorder="little")[: self.lanes].astype(bool)


def _expected(stream: Handshake, workload: Workload) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bits of the low and the high answer of every item, and which bits count."""
    sides, parts = workload.expected[stream.name], ([], [], [])
    count = workload.counts[stream.name]
    for port in stream.payload:
        answer = sides[str(port.operand)] or (np.zeros(count, object), np.zeros(count, object), 0)
        for part, codes in zip(parts, answer[:2], strict=False):
            part.append(_bits(codes, port.width))
        mask = [bool(answer[2] >> bit & 1) for bit in range(port.width)]
        parts[2].append(np.array(mask, bool).reshape(-1, 1))
    low, high, mask = (np.concatenate(part) for part in parts)
    return low, high, mask


def _bits(codes: Any, width: int) -> np.ndarray:
    """Codes as bits, one row for each."""
    array = np.asarray(codes)
    if array.dtype != object:
        array = array.astype(np.uint64)
        return np.stack([array >> np.uint64(k) & np.uint64(1) != 0 for k in range(width)])
    return np.stack([np.asarray(array >> k & 1, dtype=object) != 0 for k in range(width)]).astype(
        bool
    )
