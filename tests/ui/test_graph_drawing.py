"""Drawings of graphs: nothing overlaps, few crossings, small and repeatable SVG with real text."""

import random
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from holigrail_hw.core.views import (
    Bandwidth,
    Block,
    BlockDiagram,
    Curve,
    Dot,
    Edge,
    HeatMap,
    Histogram,
    LayeredGraph,
    Line,
    Lines,
    Node,
    Panel,
    Roofline,
    Scatter,
    Table,
    Wire,
    WorkPoint,
)
from holigrail_hw.ui.graph_drawing import _Drawing
from holigrail_hw.ui.heat_map import _boxes, _shade
from holigrail_hw.ui.layers import _crossings, arrange
from holigrail_hw.ui.pictures import svg_of


def a_graph(adders: int, seed: int = 0) -> LayeredGraph:
    """Two lines into every box, from any boxes above."""
    rng = random.Random(seed)
    nodes, edges = [Node("n0", "x", 0, "input")], []
    for index in range(1, adders + 1):
        sources = [rng.choice(nodes) for _ in range(2)]
        row = 1 + max(node.row for node in sources)
        notes = tuple(f"p{index} = -{rng.randrange(1 << 12)}x" for _ in range(rng.randrange(3)))
        nodes.append(Node(f"n{index}", str(rng.randrange(1 << 14)), row, "output", notes))
        for source in sources:
            label = rng.choice(["", "<<3", "- <<12 cut 7", "-"])
            edges.append(Edge(source.name, f"n{index}", label, "negative" if "-" in label else ""))
    return LayeredGraph("Adder graph", tuple(nodes), tuple(edges))


def a_diagram() -> BlockDiagram:
    blocks = [
        Block("in", "activation", "input"),
        Block("side", "weight", "input"),
        Block("buffer", "buffer", "memory", ("2 x 512 vectors", "65536 bits")),
        Block("array", "8 x 8 elements", notes=("weight-stationary",)),
        Block("out", "result", "output"),
        Block("status", "status", "output"),
    ]
    wires = [
        Wire("in", "buffer", "8 x int8"),
        Wire("buffer", "array", "8 x int8"),
        Wire("side", "array", "8 x int8"),
        Wire("array", "out", "8 x 19 bit"),
        Wire("side", "status", "34 bit"),
    ]
    return BlockDiagram("Parts", tuple(blocks), tuple(wires))


@pytest.mark.parametrize("adders", [0, 1, 3, 12, 40])
def test_no_box_and_no_label_overlaps_another(adders):
    drawing = _Drawing(a_graph(adders, adders) if adders else a_diagram().layered())
    figure = drawing.figure()
    (axes,) = figure.axes
    renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert len(boxes) > adders
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            assert not one.overlaps(other)
    for row in drawing.layers.rows:
        ends = sorted(
            (drawing.x[name] - width / 2, drawing.x[name] + width / 2)
            for name in row
            for width in [drawing.box.get(name, 0.0)]
        )
        assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:], strict=False))
    assert all(0 <= text.get_position()[0] - axes.get_xlim()[0] for text in axes.texts)


def test_lines_uncross():
    rows = {"a": 0, "b": 0, "c": 1, "d": 1}
    found = arrange(rows, [("a", "d"), ("b", "c")], dict.fromkeys(rows, 10.0), 5.0)
    down = {name: [below for above, below in found.links if above == name] for name in rows}
    assert _crossings(found.rows, down) == 0
    assert _crossings([["a", "b"], ["c", "d"]], down) == 1


def test_a_long_line_runs_beside_the_boxes():
    rows = {"a": 0, "b": 1, "c": 2}
    edges = [("a", "b"), ("b", "c"), ("a", "c")]
    found = arrange(rows, edges, dict.fromkeys(rows, 30.0), 10.0)
    assert (("a", 1), "c") in found.links and ("a", "c") not in found.links
    assert abs(found.x["a", 1] - found.x["b"]) >= 20.0


VIEWS = [
    a_graph(12),
    Histogram("Error", (Panel("p0", (0.0, 1.0, 2.0), (3, 4), (0.0, 2.0)),) * 2, "x", "y"),
    Curve("Curve", (0.0, 0.5, 1.0), (0.0, -3.0, -9.0), "x", "y"),
    Lines("Lines", (0.1, 1.0), (Line("a", (9.0, 1.0)), Line("b", (2.0, 0.5))), "x", "y", True),
    a_diagram(),
    HeatMap("Heat", (0.0, 5.0, 9.0), (0.0, 1.0, 3.0), ((0.0, 0.5), (1.0, 1.0)), "x", "y", "use"),
    Scatter("Front", (Dot(1.0, 2.0, "int8"), Dot(2.0, 5.0, "$x^$ <b>", True)), "pJ", "%"),
    Roofline("Roof", 64e6, (Bandwidth("link", 1e6),), (WorkPoint("job", 4.0, 4e6),), "MAC"),
]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.title)
def test_svg(view):
    svg = svg_of(view)
    assert svg == svg_of(view)
    assert svg.startswith('<svg role="img"') and svg.endswith("</svg>")
    assert not re.search(r"https?://|<script|<metadata|<!--", svg)
    ids = re.findall(r' id="([^"]+)"', svg)
    assert len(ids) == len(set(ids)) and all(f"#{name}" in svg for name in ids)
    assert len(svg) < 30_000
    root = ElementTree.fromstring(svg.replace("xlink:", ""))
    assert root.get("aria-label") == view.title
    texts = {text for element in root.iter("text") for text in element.itertext()}
    if isinstance(view, LayeredGraph):
        assert {node.label for node in view.nodes} <= texts
        assert {edge.label.replace("-", "\N{MINUS SIGN}") for edge in view.edges} - {""} <= texts


def test_blocks_stand_below_what_leads_to_them():
    rows = {node.name: node.row for node in a_diagram().layered().nodes}
    assert rows == {"in": 0, "side": 0, "buffer": 1, "array": 2, "out": 3, "status": 3}
    circle = BlockDiagram("Circle", (Block("a", "a"), Block("b", "b")), (Wire("a", "b"),) * 2)
    assert [node.row for node in circle.layered().nodes] == [0, 1]
    with pytest.raises(ValueError, match="Circle: blocks must not lead to each other"):
        replace(circle, wires=(Wire("a", "b"), Wire("b", "a"))).layered()


def test_only_all_and_nothing_have_the_extreme_shades():
    shades = [_shade(value) for value in (0.0, 0.001, 0.5, 0.999, 1.0)]
    assert shades == sorted(set(shades))
    values = ((0.2, 0.2, 0.7), (0.2, 1.0, 1.0))
    view = HeatMap("Heat", (0.0, 1.0, 2.0, 4.0), (0.0, 1.0, 2.0), values, "x", "y", "use")
    boxes = [box for found in _boxes(view).values() for box in found]
    assert sorted(boxes) == [(0, 1, 1, 2), (0, 2, 0, 1), (1, 4, 1, 2), (2, 4, 0, 1)]


def test_a_roof_is_the_peak_or_what_moves():
    roof = next(view for view in VIEWS if isinstance(view, Roofline))
    (link,) = roof.bandwidths
    assert [roof.attainable(x, link) for x in (1.0, 64.0, 100.0)] == [1e6, 64e6, 64e6]
    svg = svg_of(roof)
    assert "link: 1 MB/s" in svg and "job: 4 MMAC/s, 6.25 % of the peak" in svg


def test_a_table_has_no_drawing():
    assert svg_of(Table("T", ("a",), ((1,),))) == ""
