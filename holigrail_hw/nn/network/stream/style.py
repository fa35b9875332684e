"""The style *stream* of the operator ``network``: one unit per layer, folded to a rate.

Layers become units (:mod:`.lowering`), an integer linear programme chooses how much hardware each
gets (:mod:`.folding`), and a schedule in cycles gives the depth of every queue, the interval
between frames and the latency, exactly (:mod:`.schedule`).

References: Umuroglu et al., FINN, 2017; Venieris and Bouganis, fpgaConvNet, 2016; Kahn, 1974.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.passes.forms import with_forms

from .design import Design
from .facts import design_facts
from .folding.problem import Choice
from .folding.search import folded
from .lowering.layers import refusals_of
from .lowering.plan import Plan

if TYPE_CHECKING:
    from ..operator import Network

__all__ = [
    "architecture",
    "cost",
    "cycles",
    "design_of",
    "facts",
    "lanes",
    "promise_ns",
    "refusals",
]

# Options are compared by what they cost here: streams must not depend on the device.
_DEVICE = "ecp5"
_ANY_TIME = 1 << 40
# So many frames are run through the schedule; later ones follow at its interval.
_FRAMES = 8


def refusals(graph: IntegerGraph) -> list[str]:
    """One line for every node that has no unit."""
    return refusals_of(graph)


@lru_cache(maxsize=8)
def _chosen(network: "Network") -> tuple[Plan, Choice]:
    graph = network.graph
    forms: dict[str, Any] = {}
    if network.requantiser == "auto":
        for prefer in ("thresholds", "multiplier"):
            for node in with_forms(graph, prefer=prefer).nodes:
                form = getattr(node, "form", None)
                if form is not None and all(form.kind != f.kind for f in forms.get(node.name, ())):
                    forms[node.name] = (*forms.get(node.name, ()), form)
    multipliers = ("logic",) if network.dsps == 0 else ("logic", "dsp")
    plan = Plan(graph, _DEVICE, multipliers, forms)
    limits = {} if network.dsps is None else {"dsps": network.dsps}
    interval = network.interval or _ANY_TIME
    return plan, folded(plan.folding(network.interval), interval, limits, graph.name)


@lru_cache(maxsize=8)
def design_of(network: "Network", device: str) -> Design:
    """The units, edges and queues of a network on a device."""
    plan, choice = _chosen(network)
    return plan.design(choice, network.graph.name, device)


def lanes(network: "Network") -> tuple[int, int]:
    """Elements per beat of ``x`` and of ``result``."""
    _, choice = _chosen(network)
    design = design_of(network, _DEVICE)
    last = design.edges[design.dataflow.end].producer
    return choice.options[0].lanes_out, design.units[last].unit.lanes_out


def architecture(network: "Network", timing: Timing) -> Any:
    """The hardware."""
    from .hardware.top import StreamNetwork

    streams = network.streams()
    design = design_of(network, timing.device)
    return StreamNetwork(design, streams["x"].fields, streams["result"].fields)


def cost(network: "Network", timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    return design_of(network, timing.device).cost()


def cycles(network: "Network", timing: Timing, frames: int) -> int:
    """From the cycle after reset until the last beat is delivered, if nobody outside waits."""
    design = design_of(network, timing.device)
    found = design.run(min(frames, _FRAMES))
    if frames <= _FRAMES:
        return found.cycles
    if {*found.intervals[-3:]} == {design.interval}:
        return found.cycles + (frames - _FRAMES) * design.interval
    return design.run(frames).cycles


def promise_ns(network: "Network", timing: Timing) -> float | None:
    """None: units have no model of their longest path."""
    return None


def facts(network: "Network", timing: Timing) -> dict[str, Any]:
    """Interval, latency, and what every layer and every queue is."""
    _, choice = _chosen(network)
    return design_facts(design_of(network, timing.device), choice)
