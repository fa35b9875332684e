"""What an operator has to show besides its numbers, as plain data that anything can draw.

A view is a :class:`LayeredGraph`, a :class:`BlockDiagram`, a :class:`Histogram`, a :class:`Curve`,
a :class:`HeatMap`, :class:`Lines`, a :class:`Roofline`, a :class:`Scatter` or a :class:`Table`. It
holds no picture and needs no library: the report page draws it, a test looks at it as it is, and
:func:`.mcm.dot_form.to_dot` writes a graph for Graphviz.
"""

from dataclasses import dataclass

__all__ = [
    "Bandwidth",
    "Block",
    "BlockDiagram",
    "Curve",
    "Dot",
    "Edge",
    "HeatMap",
    "Histogram",
    "LayeredGraph",
    "Line",
    "Lines",
    "Node",
    "Panel",
    "Roofline",
    "Scatter",
    "Table",
    "View",
    "Wire",
    "WorkPoint",
]


@dataclass(frozen=True)
class Node:
    """A box; ``notes`` are lines below the label.

    ``kind`` is ``input``, ``inner``, ``output`` or ``memory``.

    ``row`` counts from the top. Names are unique within a graph.
    """

    name: str
    label: str
    row: int
    kind: str = "inner"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edge:
    """A line between two boxes, downwards.

    ``kind`` is ``plain``, ``negative`` (subtracted), ``cut`` (low bits are dropped) or
    ``negative cut``.
    """

    source: str
    target: str
    label: str = ""
    kind: str = "plain"


@dataclass(frozen=True)
class LayeredGraph:
    """Boxes in rows. Every edge leads to a lower row.

    ``row_name`` is what a row stands for; empty if rows mean nothing.
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    row_name: str = "depth"
    caption: str = ""


@dataclass(frozen=True)
class Block:
    """A component: ``kind`` is ``input``, ``inner``, ``output`` or ``memory``.

    ``notes`` are lines below the label: sizes, formats.
    """

    name: str
    label: str
    kind: str = "inner"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wire:
    """What leads from one block to another; ``label`` says what it carries, and how wide it is."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True)
class BlockDiagram:
    """Components and what leads from one to another, in one direction: a loop is within a block."""

    title: str
    blocks: tuple[Block, ...]
    wires: tuple[Wire, ...]
    caption: str = ""

    def layered(self) -> LayeredGraph:
        """Every block one row below the lowest that leads to it.

        Raises
        ------
        ValueError
            If blocks lead to each other in a circle.
        """
        import networkx

        graph = networkx.DiGraph((wire.source, wire.target) for wire in self.wires)
        graph.add_nodes_from(block.name for block in self.blocks)
        try:
            layers = [*networkx.topological_generations(graph)]
        except networkx.NetworkXUnfeasible:
            raise ValueError(
                f"{self.title}: blocks must not lead to each other in a circle"
            ) from None
        rows = {name: row for row, names in enumerate(layers) for name in names}
        lowest = max(rows.values())
        nodes = (
            Node(b.name, b.label, lowest if b.kind == "output" else rows[b.name], b.kind, b.notes)
            for b in self.blocks
        )
        edges = (Edge(wire.source, wire.target, wire.label) for wire in self.wires)
        return LayeredGraph(self.title, tuple(nodes), tuple(edges), "", self.caption)


@dataclass(frozen=True)
class HeatMap:
    """A grid of cells, row 0 on top, each with a part of a whole, from 0 to 1.

    Column *c* stands for what lies between ``x_edges[c]`` and ``x_edges[c + 1]``, rows likewise.
    """

    title: str
    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    x_label: str
    y_label: str
    value_label: str
    caption: str = ""


@dataclass(frozen=True)
class Bandwidth:
    """A way for data to come and go, in bytes per unit of time."""

    name: str
    rate: float


@dataclass(frozen=True)
class WorkPoint:
    """Work done per byte moved, and per unit of time."""

    name: str
    intensity: float
    rate: float


@dataclass(frozen=True)
class Roofline:
    """How fast work can be done: by the hardware's peak, and by the bytes that must move for it.

    S. Williams, A. Waterman, D. Patterson, Roofline: an insightful visual performance model for
    multicore architectures, Communications of the ACM 52(4), 2009.

    ``work`` names a unit of it, such as ``MAC``; ``time`` is ``s`` or ``cycle``.
    """

    title: str
    peak: float
    bandwidths: tuple[Bandwidth, ...]
    points: tuple[WorkPoint, ...]
    work: str
    time: str = "s"
    caption: str = ""

    def attainable(self, intensity: float, bandwidth: Bandwidth) -> float:
        """Work per unit of time at most."""
        return min(self.peak, intensity * bandwidth.rate)


@dataclass(frozen=True)
class Panel:
    """One histogram: ``counts[i]`` items from ``edges[i]`` up to below ``edges[i + 1]``."""

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Histogram:
    """Histograms one below the other; the limits of a panel are drawn as lines."""

    title: str
    panels: tuple[Panel, ...]
    x_label: str
    y_label: str
    caption: str = ""


@dataclass(frozen=True)
class Curve:
    """Points joined by a line."""

    title: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str
    y_label: str
    caption: str = ""


@dataclass(frozen=True)
class Line:
    """One of several lines over the same x."""

    name: str
    y: tuple[float, ...]


@dataclass(frozen=True)
class Lines:
    """Lines to be compared; ``logarithmic`` is the scale of y."""

    title: str
    x: tuple[float, ...]
    lines: tuple[Line, ...]
    x_label: str
    y_label: str
    logarithmic: bool = False
    caption: str = ""


@dataclass(frozen=True)
class Dot:
    """A point; what is marked stands out."""

    x: float
    y: float
    label: str
    marked: bool = False


@dataclass(frozen=True)
class Scatter:
    """Points to be weighed against each other.

    ``large`` says of x and of y whether large values are good.
    """

    title: str
    dots: tuple[Dot, ...]
    x_label: str
    y_label: str
    large: tuple[bool, bool] = (False, False)
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of texts and numbers; ``None`` where there is nothing to say."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | int | float | bool | None, ...], ...]
    caption: str = ""


View = (
    LayeredGraph | BlockDiagram | Histogram | Curve | HeatMap | Lines | Roofline | Scatter | Table
)
