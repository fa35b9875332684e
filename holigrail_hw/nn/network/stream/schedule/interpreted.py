"""The cycles of a network of units, one after the other, in Python: the twin of ``run.cc``.

In every cycle: who cannot start an output, as there is no room for it, is held, seen from the end
of the network to its beginning; then, from its beginning to its end, beats are emitted and
accepted, and outputs started. What queues hold, and what a unit has room for, is that of the end of
the cycle before.
"""

from collections import deque
from collections.abc import Sequence

from ..flow import Flow
from .dataflow import OUTSIDE, UNBOUNDED, WIRE, Dataflow, Run

__all__ = ["interpreted"]


class _Unit:
    """A unit at work: beats accepted and released, outputs started, outputs on their way."""

    def __init__(self, flow: Flow, feeds: list[int], readers: list[int]):
        self.flow, self.feeds, self.readers = flow, feeds, readers
        self.need = [side.need.tolist() for side in flow.inputs]
        self.free = [side.free.tolist() for side in flow.inputs]
        count = len(flow.inputs)
        self.accepted, self.released, self.released_before = [0] * count, [0] * count, [0] * count
        self.next_acceptance = [0] * count
        self.started = self.emitted = self.held_cycles = self.next_start = 0
        # When what is on its way is due: outputs, and beats that only add to one, which vanish
        # before the last stage.
        self.due: deque[int] = deque()
        self.adding: deque[bool] = deque()
        self.held = self.leaves = False
        self.emissions: list[int] = []

    def wanted(self, side: int) -> int:
        """Beats that the next output needs, counted from the first frame."""
        frame, at = divmod(self.started, self.flow.outputs)
        return frame * self.flow.inputs[side].tokens + self.need[side][at]

    def add(self, cycle: int) -> None:
        """A beat enters that completes nothing."""
        if self.flow.latency > 1:
            self.due.append(cycle + self.flow.latency - 1)
            self.adding.append(True)

    def vanish(self, cycle: int) -> None:
        """Beats that have been added are gone."""
        while self.due and self.adding[0] and self.due[0] <= cycle:
            self.due.popleft()
            self.adding.popleft()

    def completes(self, side: int) -> bool:
        """Whether the next beat of an input that stores nothing can only come with an output."""
        if self.flow.inputs[side].capacity:
            return False
        return self.accepted[side] + 1 >= self.wanted(side)

    def start(self, cycle: int) -> None:
        frame, at = divmod(self.started, self.flow.outputs)
        for side, given in enumerate(self.flow.inputs):
            self.released[side] = frame * given.tokens + self.free[side][at]
        self.due.append(cycle + self.flow.latency)
        self.adding.append(False)
        self.next_start = cycle + self.flow.gap
        self.started += 1


class _Network:
    def __init__(self, dataflow: Dataflow, depths: Sequence[int], traced: bool):
        self.dataflow, self.depths, self.traced = dataflow, depths, traced
        self.units = [
            _Unit(flow, dataflow.feeds(unit), dataflow.readers(unit))
            for unit, flow in enumerate(dataflow.flows)
        ]
        count = len(dataflow.edges)
        self.level, self.change, self.most, self.full = ([0] * count for _ in range(4))
        self.arriving, self.room = [False] * count, [False] * count
        self.acceptances: list[list[int]] = [[] for _ in range(count)]
        self.sources = dataflow.readers(OUTSIDE)
        self.moved = False

    def open(self, edge: int) -> bool:
        """Whether a beat can be written to an edge."""
        depth = self.depths[edge]
        if depth == WIRE:
            return self.room[edge]
        return depth == UNBOUNDED or self.level[edge] < depth

    def write(self, edges: Sequence[int], cycle: int) -> None:
        self.moved = True
        for edge in edges:
            if self.depths[edge] == WIRE:
                self.arriving[edge] = True
                continue
            self.change[edge] += 1
            if self.level[edge] >= self.most[edge]:
                self.most[edge], self.full[edge] = self.level[edge] + 1, cycle

    def look(self, unit: _Unit, cycle: int) -> None:
        """Whether a unit is held, and what its wires may bring."""
        unit.vanish(cycle)
        due = bool(unit.due) and unit.due[0] <= cycle
        unit.leaves = due and all(map(self.open, unit.readers))
        unit.held = len(unit.due) == unit.flow.latency and not unit.leaves
        for side, edge in enumerate(unit.feeds):
            if self.depths[edge] != WIRE:
                continue
            kept = unit.flow.inputs[side].capacity > 0
            self.room[edge] = self._room(unit, side, cycle) and (kept or not unit.held)
            if unit.completes(side):
                able = not unit.held and cycle >= unit.next_start
                self.room[edge] &= able and self._others_ready(unit, side)

    def _others_ready(self, unit: _Unit, own: int) -> bool:
        return all(
            unit.accepted[side] >= unit.wanted(side)
            or (unit.completes(side) and self.level[edge] > 0)
            for side, edge in enumerate(unit.feeds)
            if side != own
        )

    def _room(self, unit: _Unit, side: int, cycle: int) -> bool:
        given = unit.flow.inputs[side]
        if cycle < unit.next_acceptance[side]:
            return False
        stored = unit.accepted[side] - unit.released_before[side]
        return not given.capacity or stored < given.capacity

    def _take(self, unit: _Unit, side: int, edge: int, cycle: int) -> None:
        self.moved = True
        unit.accepted[side] += 1
        unit.next_acceptance[side] = cycle + unit.flow.inputs[side].pace
        if not self.arriving[edge]:
            self.change[edge] -= 1
        if self.traced:
            self.acceptances[edge].append(cycle)

    def step(self, unit: _Unit, cycle: int) -> None:
        unit.held_cycles += unit.held
        if unit.leaves:
            unit.due.popleft()
            unit.adding.popleft()
            unit.emitted += 1
            self.write(unit.readers, cycle)
            if self.traced:
                unit.emissions.append(cycle)
        ready, direct = True, []
        for side, edge in enumerate(unit.feeds):
            offered = self.arriving[edge] or self.level[edge] > 0
            free = self._room(unit, side, cycle)
            if unit.completes(side):
                lacking = unit.accepted[side] < unit.wanted(side)
                ready = ready and (not lacking or offered and free)
                direct += [(side, edge)] * lacking
                continue
            kept = unit.flow.inputs[side].capacity > 0
            if offered and free and (kept or not unit.held):
                self._take(unit, side, edge, cycle)
                if not kept:
                    unit.add(cycle)
            ready = ready and unit.accepted[side] >= unit.wanted(side)
        if ready and not unit.held and cycle >= unit.next_start:
            self.moved = True
            for side, edge in direct:
                self._take(unit, side, edge, cycle)
            unit.start(cycle)

    def settle(self) -> None:
        """The end of a cycle."""
        for edge, change in enumerate(self.change):
            self.level[edge] += change
            self.change[edge], self.arriving[edge] = 0, False
        for unit in self.units:
            unit.released_before[:] = unit.released


def interpreted(
    dataflow: Dataflow,
    depths: Sequence[int],
    frames: int,
    interval: int,
    offers: Sequence[int],
    accepts: Sequence[int],
    quiet_limit: int,
    traced: bool,
) -> Run:
    """See :func:`.running.run`; ``quiet_limit`` cycles without a beat moved are a standstill."""
    network = _Network(dataflow, depths, traced)
    units, beats = network.units, dataflow.tokens
    end, outputs = dataflow.end, dataflow.results
    producer = units[dataflow.edges[end].producer]
    sent = left = cycle = quiet = 0
    offering = False
    first: list[int] = []
    last: list[int] = []
    while left < outputs * frames and quiet < quiet_limit:
        network.moved = False
        there = not dataflow.gated or sent >= (left // outputs + 1) * beats
        network.room[end] = there and bool(accepts[cycle % len(accepts)])
        for unit in reversed(units):
            network.look(unit, cycle)
        due = -(-(sent % beats) * interval // beats) + sent // beats * interval
        if sent < beats * frames and cycle >= due and offers[cycle % len(offers)]:
            offering = True
        if offering and all(map(network.open, network.sources)):
            network.write(network.sources, cycle)
            sent, offering = sent + 1, False
        queued = network.room[end] and network.level[end] > 0
        before, emitted = left, producer.emitted
        for unit in units:
            network.step(unit, cycle)
        if depths[end] == WIRE:
            left += producer.emitted - emitted
        elif queued:
            network.change[end] -= 1
            network.moved = True
            left += 1
        network.settle()
        if left > before:
            first += [cycle] if before % outputs == 0 else []
            last += [cycle] if left % outputs == 0 else []
        quiet = 0 if network.moved else quiet + 1
        cycle += 1
    return Run(
        left == outputs * frames,
        last[-1] + 1 if last else 0,
        sent,
        tuple(first),
        tuple(last),
        tuple(network.most),
        tuple(network.full),
        tuple(unit.held_cycles for unit in units),
        tuple(unit.emissions for unit in units) if traced else (),
        tuple(network.acceptances) if traced else (),
    )
