"""Adder graphs as boxes in rows: nodes with their factors, edges with shift, sign and cut bits.

The row is the adder depth. On an edge ``<<3`` is a shift, ``-`` a subtraction, and ``cut 2`` says
that the two lowest bits of the operand are cleared before the shift; ``>>1`` in a box shifts the
sum.
"""

from collections.abc import Sequence

from holigrail_hw.core.views import Edge, LayeredGraph, Node, Table, View

from ..graph.adder_graph import AdderGraph, Operand
from ..matrix.graph import MatrixGraph, Row

__all__ = ["LARGEST_DRAWN", "layered", "picture"]

LARGEST_DRAWN = 80
"""Graphs with more adders than this are not drawn."""

_TITLE = "Adder graph"
_CAPTION = (
    "A box is an adder, its number the factor of the input; the line above a box is an operand, "
    "with its shift. Red lines are subtracted. Filled boxes are outputs."
)
_CUT = " Dashed lines lose their lowest bits (cut) before the shift."
_MATRIX_CAPTION = (
    "A box is an adder of the Verilog, sum0, sum1 and so on; the line above a box is an operand, "
    "with its shift. Red lines are subtracted. Filled boxes are outputs."
)
_MOST_NOTES = 3
_LONGEST_VECTOR = 22


def picture(graph: AdderGraph | MatrixGraph, names: Sequence[str]) -> View:
    """The graph as rows of boxes; a count of adders by depth if it is too large to be read.

    ``names`` has one name for each target.
    """
    if len(graph.adders) > LARGEST_DRAWN:
        return _counts(graph.depths[len(graph.depths) - len(graph.adders) :])
    return layered(graph, names)


def layered(graph: AdderGraph | MatrixGraph, names: Sequence[str]) -> LayeredGraph:
    """The same for a graph of any size."""
    edges: list[Edge] = []
    is_matrix = isinstance(graph, MatrixGraph)
    nodes = _matrix_nodes(graph, names) if is_matrix else _nodes(graph, names)
    first = len(nodes) - len(graph.adders)
    for index, adder in enumerate(graph.adders, start=first):
        edges += [_edge(operand, f"n{index}") for operand in adder.operands]
    caption = _MATRIX_CAPTION if is_matrix else _CAPTION
    if any("cut" in edge.kind for edge in edges):
        caption += _CUT
    zeros = [n for n, t in zip(names, graph.targets, strict=True) if t.node is None]
    if zeros:
        caption += f" Always 0: {', '.join(zeros)}."
    return LayeredGraph(_TITLE, tuple(nodes), tuple(edges), caption=caption)


def _nodes(graph: AdderGraph, names: Sequence[str]) -> list[Node]:
    outputs: dict[int, dict[int, list[str]]] = {}
    for target, name in zip(graph.targets, names, strict=True):
        if target.node is not None:
            outputs.setdefault(target.node, {}).setdefault(target.constant, []).append(name)
    nodes = []
    for index, (fundamental, depth) in enumerate(
        zip(graph.fundamentals, graph.depths, strict=True)
    ):
        label = str(fundamental) if index else "x"
        if index and graph.adders[index - 1].right_shift:
            label += f" >>{graph.adders[index - 1].right_shift}"
        made = outputs.get(index, {})
        notes = [
            ", ".join(made[c]) + ("" if c == fundamental else " = " + _product(c, "x"))
            for c in made
        ]
        nodes.append(_node(f"n{index}", label, depth, index < 1, bool(made), notes))
    return nodes


def _matrix_nodes(graph: MatrixGraph, names: Sequence[str]) -> list[Node]:
    """The nodes of a matrix graph; short sums of the inputs are written out."""
    outputs: dict[int, list[tuple[str, int]]] = {}
    for target, name in zip(graph.targets, names, strict=True):
        if target.node is not None:
            factor = (-1 if target.negative else 1) << target.shift
            outputs.setdefault(target.node, []).append((name, factor))
    nodes = []
    for index, (vector, depth) in enumerate(zip(graph.vectors, graph.depths, strict=True)):
        is_input = index < graph.inputs
        label = f"x{index}" if is_input else f"sum{index - graph.inputs}"
        made = [
            name if factor == 1 else f"{name} = {_product(factor, label)}"
            for name, factor in outputs.get(index, [])
        ]
        text = _linear(vector)
        notes = [] if is_input or len(text) > _LONGEST_VECTOR else [text]
        nodes.append(_node(f"n{index}", label, depth, is_input, bool(made), [*notes, *made]))
    return nodes


def _node(
    name: str, label: str, depth: int, is_input: bool, is_output: bool, notes: list[str]
) -> Node:
    if len(notes) > _MOST_NOTES:
        more = len(notes) - _MOST_NOTES + 1
        notes = [*notes[: _MOST_NOTES - 1], f"and {more} more"]
    kind = "input" if is_input else "output" if is_output else "inner"
    return Node(name, label, depth, kind, tuple(notes))


def _edge(operand: Operand, target: str) -> Edge:
    words = ["-"] if operand.negative else []
    words += [f"<<{operand.shift}"] if operand.shift else []
    words += [f"cut {operand.truncate}"] if operand.truncate else []
    kinds = ["negative"] * operand.negative + ["cut"] * (operand.truncate > 0)
    return Edge(f"n{operand.node}", target, " ".join(words), " ".join(kinds) or "plain")


def _product(constant: int, variable: str) -> str:
    space = " " if len(variable) > 2 else ""
    return {1: variable, -1: f"-{variable}"}.get(constant, f"{constant}{space}{variable}")


def _linear(vector: Row) -> str:
    """A sum of inputs as people write it."""
    text = ""
    for index, factor in enumerate(vector):
        if factor:
            sign = "-" if factor < 0 else "+" if text else ""
            text += f"{sign}{_product(abs(factor), f'x{index}')}"
    return text


def _counts(depths: Sequence[int]) -> Table:
    rows = tuple((depth, depths.count(depth)) for depth in sorted(set(depths)))
    caption = f"{len(depths)} adders: graphs of more than {LARGEST_DRAWN} are counted, not drawn."
    return Table(_TITLE, ("adder depth", "adders"), rows, caption)
