"""What is known of a network of units before anything runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .design import Design
from .folding.problem import Choice
from .schedule.dataflow import OUTSIDE

__all__ = ["LayerFact", "QueueFact", "design_facts", "layer_facts", "queue_facts"]


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


def layer_facts(design: Design, choice: Choice) -> Iterator[LayerFact]:
    """Every layer, in order."""
    flows = design.dataflow.flows
    for option, (name, members) in zip(choice.options[1:], _layers(design).items(), strict=True):
        costs = [design.units[at].unit.cost(design.device) for at in members]
        slowest = max(flows[at].cycles for at in members)
        yield LayerFact(
            name,
            " ".join(str(word) for word in option.key),
            slowest,
            round(100 * slowest / design.interval, 1),
            *(sum(cost[key] for cost in costs) for key in ("dsps", "memory_bits", "luts")),
        )


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
    for fact in layer_facts(design, choice):
        found[f"layer {fact.name}"] = f"{fact.made}, {fact.cycles} cycles, {fact.use} %"
    blocking = design.blocking
    if blocking is not None:
        found["interval is set by the room in"] = blocking
    return found
