"""The style ``parallel``: one beat is a whole frame, one frame per clock cycle.

Functions of a style, see :mod:`holigrail_hw.nn.network.styles`. The frame is one planned operator
(:mod:`.frame`) behind valid and ready, which takes a frame per cycle if neither side waits.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from holigrail_hw.core import Timing
from holigrail_hw.models.graph.nodes import Adders

from .unroll import refusals

if TYPE_CHECKING:
    from holigrail_hw.mcm.matrix.design import MatrixDesign

    from .frame import Frame

__all__ = [
    "architecture",
    "companions",
    "cost",
    "cycles",
    "facts",
    "frame",
    "lanes",
    "prepare",
    "promise_ns",
    "refusals",
    "searched",
    "violations",
]


def lanes(network: Any) -> tuple[int, int]:
    """All elements of a frame, and all of its results."""
    graph = network.graph
    ports = graph.inputs[0], graph.outputs[0]
    entering, leaving = (int(np.prod(graph.tensors[port.tensor].shape)) for port in ports)
    return entering, leaving


@lru_cache(maxsize=16)
def frame(network: Any) -> "Frame":
    """The planned operator inside; one per network, so that nothing is searched twice."""
    from .frame import Frame
    from .matrices import Search

    search = Search(depth=network.depth, iterations=network.iterations)
    if network.search_time is not None:
        search = replace(search, time_s=network.search_time)
    return Frame(graph=network.graph, search=search, levels=network.stage_levels)


def violations(network: Any) -> list[str]:
    """Adders that the model has itself get registers where the clock needs them, or none."""
    given = [node.name for node in network.graph.nodes if isinstance(node, Adders)]
    if network.stage_levels is None or not given:
        return []
    return [f"stage_levels must be left out, for node {given[0]} has its own adders"]


def prepare(network: Any, progress: Callable[[str], None]) -> str | None:
    """Search for the adders of all matrices; what was ended early, if anything was."""
    return frame(network).prepare(progress)


def searched(network: Any) -> "list[MatrixDesign]":
    """The adder graphs that searches found."""
    return [*frame(network).designs.values()]


def _inner(timing: Timing) -> Timing:
    """The request without its shell, which is the network's own business."""
    return replace(timing, shell="plain", wait_cycles=None, name=None)


def architecture(network: Any, timing: Timing) -> Any:
    """The hardware with its streams ``x`` and ``result``."""
    from .component import Parallel

    return Parallel(frame(network), network.streams(), _inner(timing))


def cost(network: Any, timing: Timing) -> dict[str, int]:
    """That of the plan; a flip-flop per stage marks frames besides."""
    found = frame(network).cost(_inner(timing))
    return found | {"flip_flops": found["flip_flops"] + _latency(network, timing)}


def cycles(network: Any, timing: Timing, frames: int) -> int:
    """From the cycle after reset until the last result is delivered, if nobody waits."""
    return frames + _latency(network, timing)


def promise_ns(network: Any, timing: Timing) -> float | None:
    """The clock period that the schedule was made for, in ns."""
    return frame(network).promise_ns(_inner(timing))


def facts(network: Any, timing: Timing) -> dict[str, Any]:
    """What is known of the adders, and the latency in cycles."""
    return frame(network).facts(timing) | {"latency (cycles)": _latency(network, timing)}


def companions(network: Any) -> dict[str, bytes]:
    """The network as a DAIS program, as da4ml reads it; none if bits are lost within sums."""
    from holigrail_hw.models.dais.binary import dais_bytes

    from .dais.program import dais_program

    made = frame(network)
    if made.given:
        return {}
    return {".dais": dais_bytes(dais_program(network.graph.name, made.unrolled, made.designs))}


def _latency(network: Any, timing: Timing) -> int:
    return frame(network).planned_figures(_inner(timing)).latency
