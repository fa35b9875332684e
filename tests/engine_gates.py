"""Engines as networks of gates: every stream runs without a pause, item by item against golden."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from holigrail_hw.core import Engine, Timing
from holigrail_hw.flow.simulate.gates import Network
from holigrail_hw.flow.top import RESET, Top
from holigrail_hw.flow.verify import workloads

__all__ = ["check_engine"]


def check_engine(spec: Engine, seed: int, count: int = 60, timing: Timing | None = None) -> int:
    """Random jobs through the hardware; returns how many items were compared.

    Raises AssertionError at a wrong item, or if nothing comes for too long.
    """
    top = Top(spec, timing)
    chosen = workloads.choose(spec, count, seed, largest=16)
    found = _Run(top, chosen).results(spec.quiet_cycles)
    wrong = workloads.differences(chosen, found)
    if wrong:
        one = {field: int(v[wrong[0].index]) for field, v in found[wrong[0].stream].items()}
        text = workloads.report(spec, chosen, wrong[0], one)
        raise AssertionError(f"{top.name}: {len(wrong)} wrong, first\n{text}")
    return len(chosen)


class _Run:
    """One lane of the network: bit 0 of every word."""

    def __init__(self, top: Top, chosen: workloads.Workload):
        self.chosen, self.network = chosen, Network.of(top)
        self.streams = top.handshakes()
        self.half = self.network.variables + 1
        self.values = np.zeros((2 * self.half, 1), np.uint64)
        self.values[self.half] = ~np.uint64(0)

    def results(self, patience: int) -> dict[str, dict[str, list[int]]]:
        """Codes of every field of every output stream."""
        network, chosen = self.network, self.chosen
        sent = dict.fromkeys(chosen.items, 0)
        found: dict[str, dict[str, list[int]]] = {
            s.name: {str(p.operand): [] for p in s.payload}
            for s in self.streams
            if s.direction == "out"
        }
        state = np.where(network.latches[:, 2:3] == 1, ~np.uint64(0), np.uint64(0))
        quiet = 0
        while any(self._missing(name, fields) for name, fields in found.items()):
            self._drive(sent, found, state)
            network.evaluate(self.values)
            moved = False
            for stream in self.streams:
                mine, theirs = stream.valid, stream.ready
                given = sent.get(stream.name)
                if stream.direction == "in":
                    if given is not None and given < self._count(stream.name) and self._bit(theirs):
                        sent[stream.name] += 1
                        moved = True
                elif self._missing(stream.name, found[stream.name]) and self._bit(mine):
                    for port in stream.payload:
                        code = sum(self._bit(port.name, i) << i for i in range(port.width))
                        found[stream.name][str(port.operand)].append(code)
                    moved = True
            state = self.values[[self._row(literal) for literal in network.latches[:, 1]]]
            quiet = 0 if moved else quiet + 1
            assert quiet <= patience, f"nothing moved for {patience} cycles"
        return found

    def _drive(self, sent: Mapping[str, int], found: Any, state: np.ndarray) -> None:
        current = self.network.latches[:, 0] >> 1
        self.values[current], self.values[current + self.half] = state, ~state
        self._set(RESET, 0, 0)
        for stream in self.streams:
            if stream.direction == "out":
                self._set(
                    stream.ready, 0, int(bool(self._missing(stream.name, found[stream.name])))
                )
                continue
            index, count = sent.get(stream.name, 0), self._count(stream.name)
            self._set(stream.valid, 0, int(index < count))
            for port in stream.payload:
                code = (
                    int(self.chosen.items[stream.name][str(port.operand)][index])
                    if index < count
                    else 0
                )
                for bit in range(port.width):
                    self._set(port.name, bit, code >> bit & 1)

    def _count(self, stream: str) -> int:
        fields = self.chosen.items.get(stream)
        return len(next(iter(fields.values()))) if fields else 0

    def _missing(self, stream: str, fields: Mapping[str, list[int]]) -> int:
        return self.chosen.counts[stream] - len(next(iter(fields.values())))

    def _row(self, literal: int) -> int:
        return (literal >> 1) + self.half * (literal & 1)

    def _bit(self, port: str, bit: int = 0) -> int:
        return int(self.values[self._row(self.network.outputs[port, bit]), 0]) & 1

    def _set(self, port: str, bit: int, value: int) -> None:
        if (literal := self.network.inputs.get((port, bit))) is not None:
            word = ~np.uint64(0) if value else np.uint64(0)
            self.values[literal >> 1], self.values[(literal >> 1) + self.half] = word, ~word
