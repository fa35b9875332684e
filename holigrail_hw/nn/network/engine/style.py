"""The style *engine* of the operator ``network``: layers as commands of a matrix engine.

The hardware is the operator ``gemm``, with formats, lanes and buffers for the network; its streams
are those of the network in this style. The host makes windows out of images, sends commands, and
computes what the engine does not (:mod:`.host`). ``network`` is the operator's specification
everywhere.

References: Chellapilla, Puri and Simard, High performance convolutional neural networks for
document processing, 2006; Jouppi et al., 2017.
"""

from collections.abc import Callable
from typing import Any

from holigrail_hw.core import Target
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.views import Table, View
from holigrail_hw.mcm.matrix.design import MatrixDesign
from holigrail_hw.models.graph.graph import IntegerGraph

from .border import Border
from .facts import plan_facts, step_facts
from .layers import sums_of
from .planner import plan_of

__all__ = [
    "Border",
    "architecture",
    "cost",
    "facts",
    "prepare",
    "promise_ns",
    "refusals",
    "searched",
    "views",
    "violations",
]


def refusals(graph: IntegerGraph) -> list[str]:
    """One line if there is nothing that the engine could do; the host does everything else."""
    if next(sums_of(graph), None) is None:
        return ["style engine must have a layer of products of at most 16 bits, not none"]
    return []


def violations(network: Any) -> list[str]:
    """What is wrong with the sizes that were asked for."""
    return []


def architecture(network: Any, timing: Timing) -> Any:
    """The hardware."""
    return plan_of(network).spec.architecture(timing)


def cost(network: Any, timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    return plan_of(network).spec.cost(timing)


def prepare(network: Any, progress: Callable[[str], None]) -> str | None:
    """Find a product and a shift for every requantisation."""
    progress(f"planning {len(network.graph.nodes)} nodes")
    plan_of(network)
    return None


def searched(network: Any) -> list[MatrixDesign]:
    """None: nothing is made of adders."""
    return []


def promise_ns(network: Any, timing: Timing) -> float | None:
    """None: the engine has no model of its longest path."""
    return plan_of(network).spec.promise_ns(timing)


def facts(network: Any, timing: Timing) -> dict[str, Any]:
    """The engine, the cycles of a frame, and who does what of every node."""
    return plan_facts(plan_of(network), timing)


def views(network: Any, target: Target) -> list[View]:
    """The steps of a batch of frames."""
    plan = plan_of(network)
    rows = [
        (f.name, f.kind, f.place, f.commands, f.cycles, f.use, f.host, f.remark)
        for f in step_facts(plan, target.timing)
    ]
    return [
        Table(
            "Steps",
            ("node", "kind", "where", "commands", "cycles", "used (%)", "host", "how"),
            tuple(rows),
            f"Of {plan.batch} frames together. Cycles are those of the engine while items are there"
            " and results are taken; the host's work is in elements that it sends or makes, for a"
            " frame.",
        )
    ]
