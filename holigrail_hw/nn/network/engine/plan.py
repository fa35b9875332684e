"""The steps of a network on a matrix engine: its commands, their cycles, and a run of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.gemm.schedule import Command, total_cycles
from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph.evaluate import computed
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Node

from .jobs import Job, jobs_of
from .layers import Layer
from .rescale import Lane

__all__ = ["Plan"]

# The refused command that tells the time at which a layer begins.
_EMPTY = Command(0, 0, 0, 1, 1, 1, 1)


@dataclass(frozen=True, eq=False)
class Plan:
    """An engine and the steps of a network on it, in order.

    Attributes
    ----------
    graph : IntegerGraph
        With the forms that lanes compute.
    spec : Gemm
    steps : tuple of Layer or Node
        Nodes are the host's.
    lane : Lane or None
        None where all sums go back to the host.
    batch : int
        Frames that go through a layer together.
    """

    graph: IntegerGraph
    spec: Gemm
    steps: tuple[Layer | Node, ...]
    lane: Lane | None
    batch: int

    @property
    def layers(self) -> list[Layer]:
        """What the engine does."""
        return [step for step in self.steps if isinstance(step, Layer)]

    def run(self, frames: np.ndarray, engine: Callable[[Layer, np.ndarray], Any]) -> dict[str, Any]:
        """All tensors of some frames; ``engine`` gives those of layers for their operand."""
        values: dict[str, Any] = {self.graph.inputs[0].tensor: frames}
        for step in self.steps:
            if isinstance(step, Layer):
                values[step.result] = engine(step, values[step.node.inputs[0]])
            else:
                computed((step,), dict(self.graph.tensors), values)
        return values

    def jobs(self, layer: Layer, frames: int) -> tuple[Job, ...]:
        """The commands of a layer with what they compute, for so many frames together."""
        return jobs_of(self.spec, layer, self.graph.tensors[layer.node.inputs[0]].shape, frames)

    def commands(self, layer: Layer, frames: int) -> list[Command]:
        """The commands alone."""
        return [job.command for job in self.jobs(layer, frames)]

    def cycles(self, layer: Layer, timing: Timing, frames: int = 1) -> int:
        """Of the engine's clock, from the status of an empty command to that of a layer's last.

        Exact, if items are always there and results always accepted.
        """
        whole = [_EMPTY, *self.commands(layer, frames)]
        return total_cycles(self.spec, timing, whole) - total_cycles(self.spec, timing, whole[:1])

    def total(self, timing: Timing, frames: int = 1) -> int:
        """The same for all layers and frames, of which ``batch`` go through a layer together."""
        full, rest = divmod(frames, self.batch)
        return sum(
            count * sum(self.cycles(layer, timing, together) for layer in self.layers)
            for count, together in ((full, self.batch), (1, rest))
            if together and count
        )
