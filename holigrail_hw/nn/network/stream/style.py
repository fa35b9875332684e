"""The style *stream* of the operator ``network``: one unit per layer, folded to a rate.

Layers become units (:mod:`.lowering`), an integer linear programme chooses how much hardware each
gets (:mod:`.folding`), and a schedule in cycles gives the depth of every queue, the interval
between frames and the latency, exactly (:mod:`.schedule`). ``network`` is the operator's
specification everywhere.

References: Umuroglu et al., FINN, 2017; Venieris and Bouganis, fpgaConvNet, 2016; Kahn, 1974.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from holigrail_hw.core.timing import Timing
from holigrail_hw.mcm.matrix.design import MatrixDesign
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.forms import Form
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.passes.forms import with_forms

from .design import Design
from .facts import design_facts
from .folding.problem import Choice
from .folding.search import folded
from .lowering.layers import refusals_of
from .lowering.plan import Plan
from .units.constant_graph.shape import ConstantGraph

__all__ = [
    "architecture",
    "choice_of",
    "cost",
    "cycles",
    "design_of",
    "facts",
    "lanes",
    "prepare",
    "promise_ns",
    "refusals",
    "searched",
    "violations",
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
def _forms(network: Any) -> dict[str, tuple[Form, ...]]:
    """What codes may be computed by, if it is left open: all forms of a node's formula."""
    found: dict[str, tuple[Form, ...]] = {}
    for prefer in ("thresholds", "multiplier") if network.requantiser == "auto" else ():
        for node in with_forms(network.graph, prefer=prefer).nodes:
            form = getattr(node, "form", None)
            known = found.get(node.name, ())
            if form is not None and form.kind not in [other.kind for other in known]:
                found[node.name] = (*known, form)
    return found


def _plan(network: Any, timing: Timing) -> Plan:
    multipliers = ("rows",) if network.dsps == 0 else ("rows", "dsp")
    return Plan(network.graph, timing, multipliers, _forms(network))


@lru_cache(maxsize=8)
def choice_of(network: Any) -> Choice:
    """How much hardware every layer gets.

    Raises
    ------
    ModelError
        If no choice is fast enough and within the limits.
    """
    limits = {} if network.dsps is None else {"dsps": network.dsps}
    folding = _plan(network, Timing(device=_DEVICE)).folding(network.interval)
    return folded(folding, network.interval or _ANY_TIME, limits, network.graph.name)


def violations(network: Any) -> list[str]:
    """What is wrong with the limits that were asked for, for a graph without refusals."""
    try:
        choice_of(network)
    except ModelError as error:
        return [*error.violations]
    return []


@lru_cache(maxsize=8)
def design_of(network: Any, timing: Timing) -> Design:
    """The units, edges and queues of a network."""
    return _plan(network, timing).design(choice_of(network))


def lanes(network: Any) -> tuple[int, int]:
    """Elements per beat of ``x`` and of ``result``."""
    design = design_of(network, Timing(device=_DEVICE))
    last = design.edges[design.dataflow.end].producer
    return choice_of(network).options[0].lanes_out, design.units[last].unit.lanes_out


def architecture(network: Any, timing: Timing) -> Any:
    """The hardware."""
    from .hardware.top import StreamNetwork

    streams = network.streams()
    design = design_of(network, timing)
    return StreamNetwork(design, streams["x"].fields, streams["result"].fields)


def cost(network: Any, timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    return design_of(network, timing).cost()


def cycles(network: Any, timing: Timing, frames: int) -> int:
    """From the cycle after reset until the last beat is delivered, if nobody outside waits."""
    design = design_of(network, timing)
    found = design.run(min(frames, _FRAMES))
    if frames <= _FRAMES:
        return found.cycles
    if {*found.intervals[-3:]} == {design.interval}:
        return found.cycles + (frames - _FRAMES) * design.interval
    return design.run(frames).cycles


def prepare(network: Any, progress: Callable[[str], None]) -> str | None:
    """Fold the layers and search for the adders of those that are made of them."""
    progress(f"folding {len(network.graph.nodes)} nodes")
    stopped = any(found.stopped for found in searched(network))
    return "search stopped, going on with the best matrices so far" if stopped else None


def searched(network: Any) -> list[MatrixDesign]:
    """The adder graphs that searches found."""
    units = (placed.unit for placed in design_of(network, Timing(device=_DEVICE)).units)
    return [unit.design for unit in units if isinstance(unit, ConstantGraph)]


def promise_ns(network: Any, timing: Timing) -> float | None:
    """None: units have no model of their longest path."""
    return None


def facts(network: Any, timing: Timing) -> dict[str, Any]:
    """Interval, latency, and what every layer and every queue is."""
    return design_facts(design_of(network, timing), choice_of(network))
