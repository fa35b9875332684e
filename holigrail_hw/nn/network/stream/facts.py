"""What is known of a network of units before anything runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .design import Design
from .folding.problem import Choice
from .schedule.dataflow import OUTSIDE
from .units.matrix_vector.shape import Products
from .units.unit import Unit

__all__ = ["LayerFact", "QueueFact", "design_facts", "in_words", "layer_facts", "queue_facts"]


@dataclass(frozen=True)
class LayerFact:
    """A layer: what it is made of, its cycles per frame, and its use in percent."""

    name: str
    made: str
    cycles: int
    use: float
    dsps: int
    memory_bits: int
    luts: int


@dataclass(frozen=True)
class QueueFact:
    """An edge: between which units, beats, bits of a beat."""

    producer: str
    consumer: str
    depth: int
    bits: int


def layer_facts(design: Design) -> Iterator[LayerFact]:
    """Every layer, in order."""
    flows = design.dataflow.flows
    for name, members in _layers(design).items():
        costs = [design.units[at].unit.cost(design.device) for at in members]
        slowest = max(flows[at].cycles for at in members)
        yield LayerFact(
            name,
            ", ".join(in_words(design.units[at].unit) for at in members),
            slowest,
            round(100 * slowest / design.interval, 1),
            *(sum(cost[key] for cost in costs) for key in ("dsps", "memory_bits", "luts")),
        )


def in_words(unit: Unit) -> str:
    """What a unit is: its kind, and how many products it makes at a time."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", " ", type(unit).__name__).lower()
    if not isinstance(unit, Products):
        return kind
    place = "DSP blocks" if unit.multiplier == "dsp" else "logic"
    return f"{kind} of {unit.pe} x {unit.simd} products in {place}"


def _layers(design: Design) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, placed in enumerate(design.units):
        found.setdefault(placed.layer, []).append(at)
    return found


def queue_facts(design: Design) -> Iterator[QueueFact]:
    """Every edge that is a queue."""
    names = {OUTSIDE: "outside"} | {at: placed.name for at, placed in enumerate(design.units)}
    for at, edge in enumerate(design.edges):
        queue = design.queue(at)
        if queue is not None:
            yield QueueFact(names[edge.producer], names[edge.consumer], queue.depth, queue.bits)


def design_facts(design: Design, choice: Choice) -> dict[str, Any]:
    """By name, for people."""
    queues = [*queue_facts(design)]
    latency = design.run(1).cycles
    found: dict[str, Any] = {
        "interval (cycles)": design.interval,
        "latency of a frame (cycles)": latency,
        "folding": "proved cheapest by its model" if choice.proved else "good, not proved",
        "queues": f"{len(queues)}, {sum(q.depth * q.bits for q in queues)} bits",
    }
    for fact in layer_facts(design):
        found[f"layer {fact.name}"] = f"{fact.made}, {fact.cycles} cycles, {fact.use} %"
    blocking = design.blocking
    if blocking is not None:
        found["interval is set by the room in"] = blocking
    return found
