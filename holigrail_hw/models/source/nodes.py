"""Operators of a model file as data, and the order in which they can be computed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holigrail_hw.models.errors import ModelError

__all__ = ["SourceNode", "in_order"]


@dataclass(frozen=True)
class SourceNode:
    """An operator by its ONNX name; ``domain`` is where that name is defined.

    ``where`` is the node's name in the file, or its place.
    """

    where: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""

    def label(self, who: str) -> str:
        """How a message names this node."""
        return f"{who}: node {self.where}, {self.operator}"


def in_order(nodes: Iterable[SourceNode], known: Iterable[str], who: str) -> list[SourceNode]:
    """The nodes, each after those that compute its operands.

    Raises
    ------
    ModelError
        If nodes wait for each other in a loop, a tensor comes from nowhere, or one from two nodes.
    """
    nodes = list(nodes)
    available = {"", *known}
    maker: dict[str, SourceNode] = {}
    for node in nodes:
        for name in node.outputs:
            if name and (name in maker or name in available):
                raise ModelError(f"{node.label(who)}: {name} must be computed once, not twice")
            maker[name] = node
    missing = [
        f"{node.label(who)}: operand {name} must be an input, a constant or computed, not missing"
        for node in nodes
        for name in node.inputs
        if name not in available and name not in maker
    ]
    if missing:
        raise ModelError(missing)
    waiting = {id(node): {n for n in node.inputs if n not in available} for node in nodes}
    readers: dict[str, list[SourceNode]] = {}
    for node in nodes:
        for name in waiting[id(node)]:
            readers.setdefault(name, []).append(node)
    ready = [node for node in nodes if not waiting[id(node)]]
    ordered = []
    for node in ready:
        ordered.append(node)
        for name in node.outputs:
            for reader in readers.get(name, ()):
                waiting[id(reader)].discard(name)
                if not waiting[id(reader)]:
                    ready.append(reader)
                    waiting[id(reader)] = {""}  # never ready a second time
    if len(ordered) < len(nodes):
        done = {id(node) for node in ordered}
        stuck = next(node for node in nodes if id(node) not in done)
        raise ModelError(f"{stuck.label(who)}: operands must not depend on their own result")
    return ordered
