"""Streams of a netlist, :class:`.netlist_gates.Machine` for one: sources and sinks for every lane.

As the compiled run loop does: a source keeps an item until it is taken, pauses come from a pattern
for each stream, and a run ends when every sink has what it is to get.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.streams import Items

from ..top import Handshake

__all__ = ["Clocked", "run_streams"]


class Clocked(Protocol):
    """A design that is driven clock by clock, in several lanes."""

    def put(self, port: str, codes: list[int]) -> None:
        """Give an input the code of each lane."""

    def get(self, port: str) -> list[int]:
        """The code of an output in each lane."""
        ...

    def settle(self) -> None:
        """Let the gates follow the inputs."""

    def edge(self) -> None:
        """One clock edge after the gates have settled."""

    def reset(self) -> None:
        """Hold the reset for one cycle."""


class _End:
    """One side of a stream in one lane."""

    def __init__(self, stream: Handshake, words: Sequence[int], wanted: int, pause: np.ndarray):
        self.stream, self.words, self.wanted = stream, words, wanted
        self.pause = pause.tolist()
        self.is_source = stream.direction == "in"
        self.restart()

    def restart(self) -> None:
        self.done, self.offered, self.got = 0, False, []

    def offers(self, cycle: int) -> bool:
        """Whether a source shows an item, or a sink accepts one, in this cycle."""
        free = not self.pause[cycle % len(self.pause)]
        if not self.is_source:
            return free
        self.offered = self.done < len(self.words) and (self.offered or free)
        return self.offered


def run_streams(
    machine: Clocked,
    streams: Sequence[Handshake],
    items: Mapping[str, Mapping[str, Any]] | Sequence[Mapping[str, Mapping[str, Any]]],
    counts: Mapping[str, int] | Sequence[Mapping[str, int]],
    pauses: Sequence[Mapping[str, np.ndarray]],
    *,
    quiet: int,
    cut_off: int = 0,
) -> list[Items]:
    """Results of items in every lane, each with its own pattern of pauses.

    Parameters
    ----------
    items : mapping of the names of sources to mappings of fields to arrays of codes
        Or a sequence of them, one for each lane.
    counts : mapping of the names of sinks to the numbers of results wanted
        Or a sequence of them, one for each lane.
    pauses : for every lane, a mapping of streams to the cycles in which the outside rests
    quiet : int
        A standstill is so many cycles without any item moved in some lane.
    cut_off : int
        Cycles of a run before, which a reset ends.

    Raises
    ------
    DesignError
        If a stream comes to a standstill.
    """
    given = [items] * len(pauses) if isinstance(items, Mapping) else items
    wanted = [counts] * len(pauses) if isinstance(counts, Mapping) else counts
    packed: dict[int, dict[str, list[int]]] = {
        id(one): {
            stream.name: _packed(stream, one[stream.name])
            for stream in streams
            if stream.direction == "in"
        }
        for one in given
    }
    lanes = [
        [
            _End(
                stream,
                packed[id(own)].get(stream.name, ()),
                counted.get(stream.name, 0),
                lane[stream.name],
            )
            for stream in streams
        ]
        for own, counted, lane in zip(given, wanted, pauses, strict=True)
    ]
    for limit in (cut_off, None):
        machine.reset()
        for lane in lanes:
            for end in lane:
                end.restart()
        _run(machine, streams, lanes, limit, quiet)
    return [
        {end.stream.name: _unpacked(end) for end in lane if not end.is_source} for lane in lanes
    ]


def _run(machine, streams, lanes: list[list[_End]], limit: int | None, quiet: int) -> None:
    last = [0] * len(lanes)
    cycle = 0
    while limit is None or cycle < limit:
        waiting = [any(end.done < end.wanted for end in lane) for lane in lanes]
        if limit is None and not any(waiting):
            return
        offers = [[end.offers(cycle) for end in lane] for lane in lanes]
        for place, stream in enumerate(streams):
            flags = [int(lane[place]) for lane in offers]
            if stream.direction == "out":
                machine.put(stream.ready, flags)
                continue
            machine.put(stream.valid, flags)
            words = [
                lane[place].words[lane[place].done] if f else 0
                for lane, f in zip(lanes, flags, strict=True)
            ]
            shift = 0
            for port in stream.payload:
                machine.put(port.name, [word >> shift for word in words])
                shift += port.width
        machine.settle()
        for place, stream in enumerate(streams):
            answers = machine.get(stream.ready if stream.direction == "in" else stream.valid)
            moved = [bool(a) and lane[place] for a, lane in zip(answers, offers, strict=True)]
            if not any(moved):
                continue
            shown = (
                [machine.get(port.name) for port in stream.payload]
                if stream.direction == "out"
                else []
            )
            for index, lane in enumerate(lanes):
                if moved[index]:
                    end, last[index] = lane[place], cycle
                    end.done, end.offered = end.done + 1, False
                    if shown:
                        end.got.append([codes[index] for codes in shown])
        machine.edge()
        cycle += 1
        for index, is_waiting in enumerate(waiting):
            if limit is None and is_waiting and cycle - last[index] > quiet:
                short = next(end for end in lanes[index] if end.done < end.wanted)
                raise DesignError(
                    f"stream {short.stream.name} must deliver {short.wanted} results, not stop at"
                    f" {short.done} (after {cycle} cycles)"
                )


def _packed(stream: Handshake, fields: Mapping[str, Any]) -> list[int]:
    """Items as one number each, the first field in the lowest bits."""
    total, shift = np.zeros(len(next(iter(fields.values()))), object), 0
    for port in stream.payload:
        total = total | (np.asarray(fields[str(port.operand)]).astype(object) << shift)
        shift += port.width
    return total.tolist()


def _unpacked(end: _End) -> dict[str, Any]:
    columns = list(zip(*end.got, strict=True)) or [()] * len(end.stream.payload)
    return {
        str(port.operand): np.array(column, np.uint64 if port.width <= 64 else object)
        for port, column in zip(end.stream.payload, columns, strict=True)
    }
