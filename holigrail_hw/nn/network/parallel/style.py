"""The style ``parallel``: one beat is a whole frame, one frame per clock cycle.

Functions of a style, see :mod:`holigrail_hw.nn.network.styles`. The frame is one planned operator
(:mod:`.frame`) behind valid and ready, which takes a frame per cycle if neither side waits.
"""

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from holigrail_hw.core import Timing
from holigrail_hw.models.graph.graph import IntegerGraph

from .unroll import refusals

if TYPE_CHECKING:
    from ..operator import Network
    from .frame import Frame

__all__ = [
    "architecture",
    "cost",
    "cycles",
    "facts",
    "frame",
    "lanes",
    "promise_ns",
    "refusals",
]


def lanes(network: "Network") -> tuple[int, int]:
    """All elements of a frame, and all of its results."""
    graph = network.graph
    ports = graph.inputs[0], graph.outputs[0]
    entering, leaving = (int(np.prod(graph.tensors[port.tensor].shape)) for port in ports)
    return entering, leaving


@lru_cache(maxsize=16)
def _frame(graph: IntegerGraph) -> "Frame":
    from .frame import Frame

    return Frame(graph=graph)


def frame(network: "Network") -> "Frame":
    """The planned operator inside; one per graph, so that nothing is searched twice."""
    return _frame(network.graph)


def _inner(timing: Timing) -> Timing:
    """The request without its shell, which is the network's own business."""
    return replace(timing, shell="plain", wait_cycles=None, name=None)


def architecture(network: "Network", timing: Timing) -> Any:
    """The hardware with its streams ``x`` and ``result``."""
    from .component import Parallel

    return Parallel(frame(network), network.streams(), _inner(timing))


def cost(network: "Network", timing: Timing) -> dict[str, int]:
    """That of the plan; a flip-flop per stage marks frames besides."""
    found = frame(network).cost(_inner(timing))
    return found | {"flip_flops": found["flip_flops"] + _latency(network, timing)}


def cycles(network: "Network", timing: Timing, frames: int) -> int:
    """From the cycle after reset until the last result is delivered, if nobody waits."""
    return frames + _latency(network, timing)


def promise_ns(network: "Network", timing: Timing) -> float | None:
    """The clock period that the schedule was made for, in ns."""
    return frame(network).promise_ns(_inner(timing))


def facts(network: "Network", timing: Timing) -> dict[str, Any]:
    """What is known of the adders, and the latency in cycles."""
    return frame(network).facts(timing) | {"latency (cycles)": _latency(network, timing)}


def _latency(network: "Network", timing: Timing) -> int:
    return frame(network).plan(_inner(timing)).latency
