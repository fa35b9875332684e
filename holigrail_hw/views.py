"""What an operator has to show besides its numbers, as plain data that anything can draw.

A view is a :class:`LayeredGraph`, a :class:`Histogram`, a :class:`Curve`, :class:`Lines` or a
:class:`Table`. It holds no picture and needs no library: the report page draws it, a test looks at
it as it is, and :func:`.mcm.dot_form.to_dot` writes it for Graphviz.
"""

from dataclasses import dataclass

__all__ = [
    "Curve",
    "Edge",
    "Histogram",
    "LayeredGraph",
    "Line",
    "Lines",
    "Node",
    "Panel",
    "Table",
    "View",
]


@dataclass(frozen=True)
class Node:
    """A box. ``kind`` is ``input``, ``inner`` or ``output``; ``notes`` are lines below the label.

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
    """Boxes in rows. Every edge leads to a lower row; ``row_name`` is what a row stands for."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    row_name: str = "depth"
    caption: str = ""


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
class Table:
    """Rows of texts and numbers; ``None`` where there is nothing to say."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | int | float | bool | None, ...], ...]
    caption: str = ""


View = LayeredGraph | Histogram | Curve | Lines | Table
