"""The style *stream* of the operator ``network``: one unit per layer, folded to a rate.

Layers become units (:mod:`.lowering`), an integer linear programme chooses how much hardware each
gets (:mod:`.folding`), and a schedule in cycles gives the depth of every queue, the interval
between frames and the latency, exactly (:mod:`.schedule`). ``network`` is the operator's
specification everywhere.

References: Umuroglu et al., FINN, 2017; Venieris and Bouganis, fpgaConvNet, 2016; Kahn, 1974.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.timing import Timing
from holigrail_hw.mcm.matrix.design import MatrixDesign
from holigrail_hw.models.graph.forms import Form
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.passes.forms import with_forms

from .clock import LARGE, promised_ns
from .design import Design
from .facts import design_facts
from .folding.problem import Choice
from .folding.search import Infeasible, fastest, folded
from .lowering.layers import refusals_of
from .lowering.plan import Plan
from .request import LIMITS, Request, hint_of, request_of, resolved, violations_of
from .units.constant_graph.shape import ConstantGraph
from .units.serial_graph.shape import SerialGraph

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
    "quiet_cycles",
    "refusals",
    "searched",
    "violations",
]

# Options are compared by what they cost here: streams must not depend on the device.
_DEVICE = "ecp5"
_ANY_TIME = 1 << 40
# So often layers make room for queues.
_ROUNDS = 4
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


def _solved(plan: Plan, request: Request) -> Choice:
    """By the model of layers alone; raises Infeasible."""
    if request.fast:
        return fastest(plan.folding(), request.limits, plan.graph.name)
    interval = request.interval or _ANY_TIME
    return folded(plan.folding(request.interval), interval, request.limits, plan.graph.name)


def _refined(plan: Plan, request: Request, choice: Choice) -> tuple[Choice, dict[str, int]]:
    """A choice that leaves room for its queues, and what goes beyond the budget nevertheless.

    Queues, and matrices whose adders are searched for, cost what nobody knows before there is a
    choice; where they are too many, the layers get less.
    """
    if not request.bounded:
        return choice, {}
    limits = dict(request.limits)
    for last in (*[False] * _ROUNDS, True):
        use = plan.design(choice).use()
        beyond = {name: use[name] for name, most in request.limits.items() if use[name] > most}
        if last or not beyond:
            return choice, beyond
        for name in beyond:
            limits[name] -= use[name] - request.limits[name]
        try:
            choice = _solved(plan, Request(request.interval, limits))
        except Infeasible:
            return choice, beyond
    raise AssertionError("the last round returns")


@lru_cache(maxsize=8)
def _first_choice(network: Any) -> Choice:
    plan, request = _plan(network, Timing(device=_DEVICE)), request_of(network)
    try:
        return _solved(plan, request)
    except Infeasible as error:
        limits = {name: plan.design(c).use()[name] for name, c in error.nearest.items()}
        hint = hint_of(network, _quickest(plan, request), limits)
        lines = [f"network: model {line}" for line in error.violations]
        raise RequestError(lines, hint=hint) from None


def _quickest(plan: Plan, request: Request) -> int | None:
    """The fewest cycles per frame within the limits."""
    if request.interval is None:
        return None
    try:
        choice = fastest(plan.folding(), request.limits)
    except Infeasible:
        return None
    found, beyond = _refined(plan, Request(None, request.limits), choice)
    return None if beyond else found.interval


@lru_cache(maxsize=8)
def choice_of(network: Any) -> Choice:
    """How much hardware every layer gets.

    Raises
    ------
    RequestError
        If no choice is fast enough and within the limits.
    """
    plan, request = _plan(network, Timing(device=_DEVICE)), request_of(network)
    found, beyond = _refined(plan, request, _first_choice(network))
    if not beyond:
        return found
    words = ", ".join(f"{count} {LIMITS[name]}" for name, count in beyond.items())
    raise RequestError(
        f"network: model {network.graph.name}: the layers and their queues must fit within the"
        f" limits, not take {words}",
        hint=hint_of(network, None, beyond),
    )


def violations(network: Any) -> list[str]:
    """What contradicts itself in what was asked for, of a graph without refusals.

    Raises
    ------
    RequestError
        If no folding is what was asked for.
    """
    found = violations_of(network)
    if not found and resolved(network):
        _first_choice(network)
    return found


@lru_cache(maxsize=8)
def design_of(network: Any, timing: Timing) -> Design:
    """The units, edges and queues of a network."""
    if timing.period_ns is not None:
        timing = replace(timing, period_ns=timing.period_ns / LARGE)
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


def quiet_cycles(network: Any) -> int:
    """Four times what a frame alone takes: between its last beat and its result nothing moves."""
    return 4 * design_of(network, Timing(device=_DEVICE)).run(1).cycles


def prepare(network: Any, progress: Callable[[str], None]) -> str | None:
    """Fold the layers and search for the adders of those that are made of them."""
    progress(f"folding {len(network.graph.nodes)} nodes")
    stopped = any(found.stopped for found in searched(network))
    return "search stopped, going on with the best matrices so far" if stopped else None


def searched(network: Any) -> list[MatrixDesign]:
    """The adder graphs that searches found."""
    units = (placed.unit for placed in design_of(network, Timing(device=_DEVICE)).units)
    return [unit.design for unit in units if isinstance(unit, ConstantGraph | SerialGraph)]


def promise_ns(network: Any, timing: Timing) -> float | None:
    """By the longest way of every unit, and between units."""
    return promised_ns(design_of(network, timing))


def facts(network: Any, timing: Timing) -> dict[str, Any]:
    """Interval, latency, and what every layer and every queue is."""
    return design_facts(design_of(network, timing), choice_of(network))
