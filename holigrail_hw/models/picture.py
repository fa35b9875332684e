"""A drawing of an integer graph: as an object that :mod:`.ui.graph_drawing` draws, and as DOT."""

from dataclasses import dataclass
from typing import Any

from .graph.graph import IntegerGraph
from .graph.nodes import Adders, Linear, Node, Pool, Requantise

__all__ = ["drawing", "to_dot", "to_svg"]


@dataclass(frozen=True)
class Box:
    """A node of the drawing; ``row`` counts from the top."""

    name: str
    label: str
    row: int
    kind: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Arrow:
    """From one box to a lower one."""

    source: str
    target: str
    label: str = ""
    kind: str = "plain"


@dataclass(frozen=True)
class Drawing:
    """Boxes in rows and arrows downwards, with the fields of :class:`.core.views.LayeredGraph`."""

    title: str
    nodes: tuple[Box, ...]
    edges: tuple[Arrow, ...]
    row_name: str = ""
    caption: str = ""


def _notes(graph: IntegerGraph, node: Node) -> tuple[str, ...]:
    tensor = graph.tensors[node.name]
    sizes = " x ".join(map(str, tensor.shape))
    kind = f"{'int' if tensor.signed else 'uint'}{tensor.width}"
    notes = [f"{sizes} {kind}"]
    if isinstance(node, Linear):
        rest = "" if node.window is None else f", window {node.window.kernel}"
        notes.append(f"{node.taps} products{rest}")
    elif isinstance(node, Adders):
        notes.append(f"{len(node.adders)} adders")
    elif isinstance(node, Pool):
        notes.append(f"{node.how} over {node.window.kernel}")
    elif isinstance(node, Requantise):
        notes.append(node.form.kind if node.form is not None else node.formula.kind)
    return tuple(notes)


def drawing(graph: IntegerGraph) -> Drawing:
    """Every node with shape, width and what is special about it."""
    rows = {port.tensor: 0 for port in graph.inputs}
    boxes, arrows = [], []
    for port in graph.inputs:
        sizes = " x ".join(map(str, port.shape))
        notes = (f"{sizes} codes {port.low} to {port.high}",)
        boxes.append(Box(port.tensor, port.name, 0, "input", notes))
    for node in graph.nodes:
        rows[node.name] = 1 + max(rows[name] for name in node.inputs)
        label = node.how if node.kind == "move" else node.kind
        boxes.append(Box(node.name, label, rows[node.name], "inner", _notes(graph, node)))
        arrows += [Arrow(name, node.name) for name in dict.fromkeys(node.inputs)]
    last = 1 + max(rows.values())
    for place, port in enumerate(graph.outputs):
        name = f"output_{place}_"
        tail = tuple(step for step, _ in port.tail)
        notes = (f"then {', '.join(tail)} on the host",) if tail else ()
        boxes.append(Box(name, port.name, last, "output", notes))
        arrows.append(Arrow(port.tensor, name))
    return Drawing(graph.name, tuple(boxes), tuple(arrows))


def to_svg(graph: IntegerGraph) -> str:
    """The drawing as SVG; equal graphs give equal text."""
    from holigrail_hw.ui.graph_drawing import graph_svg

    return graph_svg(drawing(graph))


def _quoted(text: Any) -> str:
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_dot(graph: IntegerGraph) -> str:
    """The drawing for Graphviz."""
    found = drawing(graph)
    lines = [f"digraph {_quoted(found.title)} {{", "  node [shape=box];"]
    for box in found.nodes:
        label = _quoted("\n".join((box.label, *box.notes))).replace("\n", "\\n")
        lines.append(f"  {_quoted(box.name)} [label={label}];")
    lines += [f"  {_quoted(a.source)} -> {_quoted(a.target)};" for a in found.edges]
    return "\n".join([*lines, "}"]) + "\n"
