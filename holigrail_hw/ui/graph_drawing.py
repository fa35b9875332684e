"""A layered graph as SVG: boxes in rows, lines going down, no overlapping labels.

The strip above a row is reserved for the labels of its boxes: lines cross over above that strip and
run straight down through it, so that only a box's own lines pass its labels.
"""

import re
from typing import Any

from .layers import arrange
from .svg import inline_svg, new_figure, plain_settings

__all__ = ["graph_svg"]

_LABEL_SIZE, _NOTE_SIZE, _EDGE_SIZE, _ROW_SIZE = 10.0, 7.5, 8.0, 7.5
_LINE, _PADDING, _SPACE, _STRIP, _GAP, _TRUNK, _MARGIN = 9.5, 6.0, 12.0, 15.0, 26.0, 9.0, 6.0
_HEIGHT = 17.0
_FILLS = {"input": "#3a4654", "inner": "#eaf0f6", "output": "#2f6ea5", "memory": "#fbf0d9"}
_BORDERS = {"input": "#3a4654", "inner": "#8fa6bd", "output": "#24557f", "memory": "#c39a3f"}
_TEXTS = {"input": "white", "inner": "#1d2a36", "output": "white", "memory": "#1d2a36"}
_LINES = {"plain": "#6f7f8f", "negative": "#c0392b"}
_QUIET = "#8a939c"


def graph_svg(graph: Any) -> str:
    """Draw an object like :class:`.LayeredGraph`; equal objects give equal text."""
    with plain_settings():
        return inline_svg(_Drawing(graph).figure(), graph.title)


class _Drawing:
    """Sizes in points; y grows upwards, and row 0 is on top."""

    def __init__(self, graph: Any):
        self.nodes = {node.name: node for node in graph.nodes}
        self.edges = list(graph.edges)
        self.row_name = graph.row_name
        self.incoming: dict[str, list[Any]] = {name: [] for name in self.nodes}
        for edge in self.edges:
            self.incoming[edge.target].append(edge)
        self.box = {name: self._box_width(node) for name, node in self.nodes.items()}
        self.layers = arrange(
            {name: node.row for name, node in self.nodes.items()},
            [(edge.source, edge.target) for edge in self.edges],
            {name: width + _SPACE for name, width in self.box.items()},
            _TRUNK,
        )
        self.x = self.layers.x
        self.row_of = {n: index for index, row in enumerate(self.layers.rows) for n in row}
        self._stack_rows()

    def _box_width(self, node: Any) -> float:
        texts = [_width(node.label, _LABEL_SIZE, bold=True)]
        texts += [_width(_minus(note), _NOTE_SIZE) for note in node.notes]
        labels = [self._edge_width(edge) for edge in self.incoming[node.name]]
        return max(max(texts) + 2 * _PADDING, sum(labels) + _PADDING, 26.0)

    def _edge_width(self, edge: Any) -> float:
        return max(_width(_minus(edge.label), _EDGE_SIZE) + 5.0, 10.0)

    def _stack_rows(self) -> None:
        """Top of the strip, top of the boxes and bottom of the boxes, for every row."""
        self.bands = []
        y = -_MARGIN
        for index, row in enumerate(self.layers.rows):
            lines = max((len(self.nodes[n].notes) for n in row if n in self.nodes), default=0)
            crossing = sum(self.row_of[below] == index for _, below in self.layers.links)
            if index:
                y -= _GAP + min(1.2 * crossing, 30.0)
            strip = y
            y -= _STRIP if index else 0.0
            self.bands.append((strip, y, y - _HEIGHT - _LINE * lines))
            y = self.bands[-1][2]
        self.height = -y + _MARGIN

    def figure(self) -> Any:
        """The drawing as a matplotlib figure, sized to fit."""
        names = list(self.nodes)
        left = min(self.x[n] - self.box[n] / 2 for n in names)
        left = min(left, *self.x.values()) - _MARGIN
        right = max(max(self.x[n] + self.box[n] / 2 for n in names), *self.x.values()) + _MARGIN
        if self.row_name:
            left -= _width(f"{self.row_name} {len(self.bands) - 1}", _ROW_SIZE) + 10.0
        figure = new_figure((right - left) / 72, self.height / 72)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(left, right), ylim=(-self.height, 0))
        axes.axis("off")
        named = self.bands if self.row_name else []
        for index, (_, top, bottom) in enumerate(named):
            word = f"{self.row_name} {index}"
            place = (left + _MARGIN, (top + bottom) / 2)
            axes.text(*place, word, fontsize=_ROW_SIZE, color=_QUIET, va="center", ha="left")
        self._draw_trunks(axes)
        for name in names:
            self._draw_incoming(axes, name)
        for node in self.nodes.values():
            self._draw_box(axes, node)
        return figure

    def _draw_trunks(self, axes: Any) -> None:
        for above, below in self.layers.links:
            if below in self.nodes:
                continue
            strip, _, bottom = self.bands[self.row_of[below]]
            _line(axes, self._start(above), (self.x[below], strip), bottom, "plain")

    def _draw_incoming(self, axes: Any, name: str) -> None:
        """The last piece of every line into a box, each to its own port."""
        row = self.nodes[name].row
        edges = [(self._last_point(edge), edge) for edge in self.incoming[name]]
        edges.sort(key=lambda pair: self.x[pair[0]])
        widths = [self._edge_width(edge) for _, edge in edges]
        at = self.x[name] - sum(widths) / 2
        strip, top, _ = self.bands[row]
        for (point, edge), width in zip(edges, widths, strict=True):
            port = at + width / 2
            at += width
            colour = _line(axes, self._start(point), (port, strip), top, edge.kind)
            if edge.label:
                axes.text(
                    port,
                    (strip + top) / 2 + 1.0,
                    _minus(edge.label),
                    fontsize=_EDGE_SIZE,
                    color=colour,
                    ha="center",
                    va="center_baseline",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
                )

    def _start(self, name: Any) -> tuple[float, float, float]:
        """Where lines leave a box or a trunk point: x, y, and the bottom of its row."""
        _, top, bottom = self.bands[self.row_of[name]]
        y = top - _height(self.nodes[name]) if name in self.nodes else bottom
        return self.x[name], y, bottom

    def _last_point(self, edge: Any) -> object:
        row = self.nodes[edge.target].row
        is_near = self.nodes[edge.source].row == row - 1
        return edge.source if is_near else (edge.source, row - 1)

    def _draw_box(self, axes: Any, node: Any) -> None:
        from matplotlib.patches import FancyBboxPatch

        _, top, _ = self.bands[node.row]
        x, width, height = self.x[node.name], self.box[node.name], _height(node)
        axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, top - height),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=3.5",
                facecolor=_FILLS[node.kind],
                edgecolor=_BORDERS[node.kind],
                linewidth=0.9,
                clip_on=False,
                zorder=3,
            )
        )
        style = {"color": _TEXTS[node.kind], "ha": "center", "zorder": 4}
        axes.text(x, top - 12.3, node.label, fontsize=_LABEL_SIZE, weight="bold", **style)
        for index, note in enumerate(node.notes):
            y = top - 13.0 - _LINE * (index + 1)
            axes.text(x, y, _minus(note), fontsize=_NOTE_SIZE, **style)


def _height(node: Any) -> float:
    return _HEIGHT + _LINE * len(node.notes)


def _line(
    axes: Any,
    start: tuple[float, float, float],
    end: tuple[float, float],
    bottom: float,
    kind: str,
) -> str:
    """Straight down out of a row, a curve to ``end``, straight down to ``bottom``; its colour."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, y, y0), (x1, y1) = start, end
    middle = (y0 + y1) / 2
    points = [(x0, y), (x0, y0), (x0, middle), (x1, middle), (x1, y1), (x1, bottom)]
    codes = [Path.MOVETO, Path.LINETO, *[Path.CURVE4] * 3, Path.LINETO]
    colour = _LINES["negative" if "negative" in kind else "plain"]
    axes.add_patch(
        PathPatch(
            Path(points, codes),
            facecolor="none",
            edgecolor=colour,
            linewidth=1.1,
            linestyle=(0, (3, 1.6)) if "cut" in kind else "solid",
            clip_on=False,
            zorder=1,
        )
    )
    return colour


def _minus(text: str) -> str:
    """The text with hyphens replaced by minus signs, except within words."""
    return re.sub(r"(?<![a-z])-|-(?![a-z])", "\N{MINUS SIGN}", text)


def _width(text: str, size: float, bold: bool = False) -> float:
    """Width of a text in points, in the font that matplotlib ships."""
    if not text:
        return 0.0
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return float(TextPath((0, 0), text, size=size, prop=font).get_extents().x1)
