"""Adder graphs as DOT text, the language of Graphviz: boxes ranked by adder depth."""

from collections.abc import Sequence

from ..graph.adder_graph import AdderGraph
from ..matrix.graph import MatrixGraph
from .graph_pictures import layered

__all__ = ["to_dot"]

_STYLES = {
    "input": 'style=filled, fillcolor="#3a4654", fontcolor=white',
    "inner": 'style=filled, fillcolor="#eaf0f6"',
    "output": 'style=filled, fillcolor="#2f6ea5", fontcolor=white',
}


def to_dot(graph: AdderGraph | MatrixGraph, names: Sequence[str] | None = None) -> str:
    """The graph in DOT; targets are called result0, result1, ... unless they have names.

    Labels of edges are shift, sign and cut bits as in :mod:`.graph_pictures`.
    """
    view = layered(graph, names or [f"result{index}" for index in range(len(graph.targets))])
    lines = ["digraph adders {", '  node [shape=box, fontname="sans-serif"];']
    for node in view.nodes:
        label = _quoted("\n".join([node.label, *node.notes]))
        lines.append(f"  {node.name} [label={label}, {_STYLES[node.kind]}];")
    for edge in view.edges:
        look = [f"label={_quoted(edge.label)}"] if edge.label else []
        look += ['color="#c0392b"'] if "negative" in edge.kind else []
        look += ["style=dashed"] if "cut" in edge.kind else []
        words = f" [{', '.join(look)}]" if look else ""
        lines.append(f"  {edge.source} -> {edge.target}{words};")
    for row in sorted({node.row for node in view.nodes}):
        same = " ".join(f"{node.name};" for node in view.nodes if node.row == row)
        lines.append(f"  {{ rank=same; {same} }}")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
