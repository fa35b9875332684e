"""A network of units with everything decided: hardware, cycles and facts follow from it."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .flow import Flow
from .folding.problem import RESOURCES
from .schedule.dataflow import OUTSIDE, WIRE, Dataflow, Edge, Run
from .schedule.depths import Sizes, sized
from .schedule.running import run
from .units.routing.shape import Queue
from .units.unit import Integers, Unit, steps

__all__ = ["Design", "Placed"]

_KEYS = ("adders", "one_bit_adders", "luts", "flip_flops", "dsps", "memory_bits")
# Wires in a row, through which a reader's wish to wait passes in one cycle.
_WIRES = 2


def _without_waiting(flow: Flow) -> Flow:
    """The flow of a unit whose beats are used up as they come: none of them waits inside.

    So it is where every output has a beat of its own that completes it.
    """
    inputs = tuple(
        replace(side, capacity=0)
        if np.array_equal(side.need, side.free)
        and side.capacity <= steps(side.need, side.tokens)
        and (np.diff(side.need, prepend=side.need[-1] - side.tokens) > 0).all()
        else side
        for side in flow.inputs
    )
    return replace(flow, inputs=inputs)


@dataclass(frozen=True)
class Placed:
    """A unit in its network: its name, and the layer that it works for."""

    name: str
    layer: str
    unit: Unit


@dataclass(frozen=True, eq=False)
class Design:
    """Units and edges.

    Parameters
    ----------
    name : str
    units : tuple of Placed
        Each after those that it reads.
    edges : tuple of Edge
        One of them leads outside.
    device : str
        Whose memories queues are made of.
    """

    name: str
    units: tuple[Placed, ...]
    edges: tuple[Edge, ...]
    device: str

    @cached_property
    def dataflow(self) -> Dataflow:
        """The network as far as time is concerned."""
        first = next(edge for edge in self.edges if edge.producer == OUTSIDE)
        flows = tuple(_without_waiting(placed.unit.flow()) for placed in self.units)
        tokens = flows[first.consumer].inputs[first.side].tokens
        return Dataflow(flows, self.edges, tokens, gated=tokens > 1)

    @cached_property
    def sizes(self) -> Sizes:
        """Depths of all queues, and the schedule that they follow from."""
        return sized(self.dataflow, wires=self._wires(), name=self.name)

    def _wires(self) -> list[int]:
        """Edges that may become wires: a single reader, and not too many in a row."""
        behind: dict[int, int] = {}
        found = []
        for at, edge in enumerate(self.edges):
            before = behind.get(edge.producer, 0)
            alone = len(self.dataflow.readers(edge.producer)) == 1
            joined = edge.consumer != OUTSIDE and len(self.dataflow.feeds(edge.consumer)) > 1
            if alone and not joined and before < _WIRES:
                found.append(at)
                if edge.consumer != OUTSIDE:
                    behind[edge.consumer] = before + 1
        return found

    @property
    def interval(self) -> int:
        """Cycles from frame to frame."""
        return self.sizes.interval

    @cached_property
    def blocking(self) -> str | None:
        """The unit with too little room for the interval that its work allows, if there is one."""
        flow = self.dataflow
        if self.interval <= flow.cycles:
            return None
        for at, one in enumerate(flow.flows):
            roomy = tuple(
                replace(side, capacity=side.capacity and 4 * side.tokens) for side in one.inputs
            )
            flows = (*flow.flows[:at], replace(one, inputs=roomy), *flow.flows[at + 1 :])
            if sized(replace(flow, flows=flows)).interval < self.interval:
                return self.units[at].name
        return "several units"

    def run(self, frames: int, **pauses: Any) -> Run:
        """What happens to some frames in the queues as they are built."""
        return run(self.dataflow, frames, self.sizes.depths, **pauses)

    @cached_property
    def frames_inside(self) -> int:
        """The most frames that can have come in whole while none has left: if nobody takes any."""
        beats = self.dataflow.tokens
        held = self.run(self._most_frames, accepts=(0,)).taken
        return max(held // beats, 1) + 1

    @property
    def _most_frames(self) -> int:
        """More frames than all that is stored could hold."""
        beats = self.dataflow.tokens
        stored = [1]
        for depth, edge in zip(self.sizes.depths, self.edges, strict=True):
            if edge.producer != OUTSIDE:
                stored.append(depth // self.dataflow.flows[edge.producer].outputs + 1)
            else:
                stored.append(depth // beats + 1)
        for flow in self.dataflow.flows:
            stored += [side.capacity // side.tokens + 2 for side in flow.inputs]
            stored.append(flow.latency // flow.outputs + 1)
        return sum(stored)

    def queue(self, at: int) -> Queue | None:
        """The queue of an edge; ``None`` for a wire."""
        depth = self.sizes.depths[at]
        return None if depth == WIRE else Queue(*self._beat(self.edges[at]), depth)

    def _beat(self, edge: Edge) -> tuple[Integers, int]:
        """The elements of a beat, and how many they are."""
        if edge.producer != OUTSIDE:
            unit = self.units[edge.producer].unit
            return unit.output, unit.lanes_out
        unit = self.units[edge.consumer].unit
        inputs = getattr(unit, "inputs", None)
        if inputs is not None:
            return inputs[edge.side], unit.lanes_in[edge.side]
        return unit.input, unit.lanes_in

    def cost(self) -> dict[str, int]:
        """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
        total: dict[str, int] = dict.fromkeys(_KEYS, 0)
        for part in self._costs():
            for key in _KEYS:
                total[key] += part.get(key, 0)
        return total

    def use(self) -> dict[str, int]:
        """Look-up tables, block memories and DSP blocks, queues included."""
        parts = self._costs()
        return {name: sum(part.get(name, 0) for part in parts) for name in RESOURCES}

    def _costs(self) -> list[dict[str, int]]:
        """Of every unit, of every queue, and of the marks of frames."""
        parts: list[dict[str, int]] = [placed.unit.cost(self.device) for placed in self.units]
        queues = [self.queue(at) for at in range(len(self.edges))]
        parts += [queue.cost(self.device) for queue in queues if queue is not None]
        if self.dataflow.gated:
            counters = self.dataflow.tokens.bit_length() + self.dataflow.results.bit_length()
            bits = counters + self.frames_inside + 4
            parts.append({"luts": 2 * bits, "flip_flops": bits})
        return parts

    def apply(self, frames: Any) -> np.ndarray:
        """What the units make of frames (frames, elements), one after the other; for tests."""
        results: dict[int, np.ndarray] = {OUTSIDE: np.asarray(frames)}
        for at, placed in enumerate(self.units):
            feeds = [self.edges[edge].producer for edge in self.dataflow.feeds(at)]
            results[at] = placed.unit.apply(*(results[feed] for feed in feeds))
        return results[self.edges[self.dataflow.end].producer]
