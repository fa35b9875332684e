"""What is known of a network on a matrix engine before anything runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.arrays.gemm.cost import memory_bits
from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Move, Node, Pool

from .layers import Layer
from .plan import Plan

__all__ = ["StepFact", "plan_facts", "step_facts"]


@dataclass(frozen=True)
class StepFact:
    """A step of ``batch`` frames: where it is done, commands, cycles, use in percent.

    ``host`` are operations of the host for one frame: elements that it moves into windows or adds
    up, or elements of the result of a node.
    """

    name: str
    kind: str
    place: str
    commands: int
    cycles: int
    use: float
    host: int
    remark: str


def step_facts(plan: Plan, timing: Timing) -> Iterator[StepFact]:
    """Every step, in order."""
    for step in plan.steps:
        if isinstance(step, Layer):
            yield _layer_fact(plan, step, timing)
        else:
            count = _operations(plan.graph, step)
            yield StepFact(step.name, step.kind, "host", 0, 0, 0.0, count, _why(step))


def _layer_fact(plan: Plan, layer: Layer, timing: Timing) -> StepFact:
    spec, frames = plan.spec, plan.batch
    cycles = plan.cycles(layer, timing, frames)
    use = 100 * frames * layer.used / (cycles * spec.rows * spec.columns)
    commands = plan.commands(layer, frames)
    host = sum(command.arriving for command in commands) * spec.rows // frames
    return StepFact(
        layer.node.name,
        layer.node.kind,
        "engine",
        len(commands),
        cycles,
        round(use, 1),
        host,
        _windows(plan, layer) + _how(plan, layer),
    )


def _windows(plan: Plan, layer: Layer) -> str:
    """Who makes windows, where there are any."""
    window = layer.node.window
    if not plan.spec.windows or window is None or window.kernel == (1, 1):
        return ""
    makers = {job.window is not None for job in plan.jobs(layer, plan.batch)}
    if len(makers) == 2:
        return "some windows by the host, "
    return "windows by the engine, " if makers == {True} else "windows by the host, "


def _how(plan: Plan, layer: Layer) -> str:
    """Where requantisation and sums are finished."""
    if layer.code is None:
        parts = len({(p.channels[0], p.first) for p in layer.products})
        whole = len({p.channels[0] for p in layer.products})
        return "sums to the host" if parts == whole else "sums in parts, added by the host"
    form, limits = layer.code.name, (layer.rescale.low, layer.rescale.high)
    final = plan.spec.final
    held = (int(final.minimum), int(final.maximum)) if final.is_integer else limits
    return f"{form} in the lanes" + ("" if held == limits else ", limits by the host")


def _why(node: Node) -> str:
    """What a node of the host is."""
    return node.how if isinstance(node, Move | Pool) else ""


def _operations(graph: IntegerGraph, node: Node) -> int:
    """Elements that a node of the host reads or makes, whichever are more."""
    count = int(np.prod(graph.tensors[node.name].shape))
    if isinstance(node, Pool):
        return count * int(np.prod(node.window.kernel))
    return count * len(node.inputs)


def plan_facts(plan: Plan, timing: Timing) -> dict[str, Any]:
    """By name, for people."""
    spec, steps = plan.spec, [*step_facts(plan, timing)]
    cycles = sum(step.cycles for step in steps)
    macs = sum(layer.used for layer in plan.layers)
    use = 100 * plan.batch * macs / (max(cycles, 1) * spec.rows * spec.columns)
    found: dict[str, Any] = {
        "engine": f"{spec.rows} x {spec.columns}, {spec.activation} times {spec.weight},"
        f" sums {spec.accumulator}, results {spec.final}",
        "lanes": _lanes(plan),
        "memory": ", ".join(f"{name} {count} bits" for name, count in memory_bits(spec).items()),
        "cycles per frame" if plan.batch == 1 else f"cycles of {plan.batch} frames": cycles,
        "used": f"{use:.1f} %, {macs} of {plan.graph.macs} products of a frame in the engine",
    }
    for step in steps:
        where = f"layer {step.name}"
        remark = f", {step.remark}" if step.remark else ""
        if step.place == "engine":
            found[where] = (
                f"engine, {step.commands} commands, {step.cycles} cycles, {step.use} % used,"
                f" {step.host} elements sent{remark}"
            )
        else:
            found[where] = f"host, {step.kind}{remark}, {step.host} elements"
    return found


def _lanes(plan: Plan) -> str:
    lane = plan.lane
    if lane is None:
        return "none: sums go to the host"
    product = f"{lane.scale_width} bits of scale, " if lane.scale_width else ""
    ties = "ties to even" if lane.even else "down"
    last = lane.shift + (1 << lane.shift_width) - 1
    shift = f"{lane.shift} to {last}" if lane.shift_width else f"{lane.shift}"
    return f"{product}shift {shift}, rounding {ties}"
