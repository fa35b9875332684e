"""Pictures of graphs say what the graphs are: read back from the picture, they compute the same."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from mcm_strategies import truncated_graphs

from holigrail_hw.core.views import LayeredGraph, Table
from holigrail_hw.mcm.graph.adder_graph import Adder, AdderGraph, Operand, Target
from holigrail_hw.mcm.graph.error_bounds import measured_errors
from holigrail_hw.mcm.matrix.graph import MatrixAdder, MatrixGraph, RowTarget
from holigrail_hw.mcm.matrix.search import solve_matrix
from holigrail_hw.mcm.views.dot_form import to_dot
from holigrail_hw.mcm.views.error_histogram import error_histogram
from holigrail_hw.mcm.views.frequency_response import magnitude_response
from holigrail_hw.mcm.views.graph_pictures import LARGEST_DRAWN, layered, picture

MATRIX = ((7, -3, 0), (19, 5, -21), (-8, -6, -1), (0, 0, 0), (14, -6, 0))


def names(graph):
    return [f"p{index}" for index in range(len(graph.targets))]


def values(view: LayeredGraph, inputs):
    """What the boxes compute, from their labels and the labels of their lines alone."""
    found = {}
    for node in view.nodes:
        lines = [edge for edge in view.edges if edge.target == node.name]
        if not lines:
            found[node.name] = inputs[len(found)]
            continue
        total = 0
        for edge in lines:
            words = re.fullmatch(r"(-?) ?(?:<<(\d+))? ?(?:cut (\d+))?", edge.label)
            shift, cut = int(words[2] or 0), int(words[3] or 0)
            assert edge.kind == " ".join(
                ["negative"] * (words[1] == "-") + ["cut"] * (cut > 0)
            ) or (edge.kind == "plain" and not words[1] and not cut)
            operand = (found[edge.source] >> cut) << (cut + shift)
            total += -operand if words[1] else operand
        right = re.search(r">>(\d+)$", node.label)
        found[node.name] = total >> (int(right[1]) if right else 0)
    return found


@settings(max_examples=40, deadline=None)
@given(truncated_graphs())
def test_a_picture_computes_what_its_graph_does(graph):
    view = layered(graph, names(graph))
    rows = {node.name: node.row for node in view.nodes}
    assert all(rows[edge.source] < rows[edge.target] for edge in view.edges)
    assert tuple(rows.values()) == graph.depths
    for x in (-37, -1, 0, 5, 100):
        assert list(values(view, [x]).values()) == graph.values(x)


def test_a_matrix_picture_computes_the_matrix():
    graph = solve_matrix(MATRIX, iterations=0).graph
    view = layered(graph, names(graph))
    for place in range(3):
        found = list(values(view, [int(place == index) for index in range(3)]).values())
        assert found == [vector[place] for vector in graph.vectors]
    assert view.caption.endswith("Always 0: p3.")


def test_a_matrix_box_says_its_sum_and_its_outputs():
    adder = MatrixAdder(Operand(0, 3), Operand(1, 0, True))
    graph = MatrixGraph(2, (adder,), (RowTarget(2, 1, True), RowTarget(2)))
    box = layered(graph, names(graph)).nodes[2]
    assert (box.label, box.notes) == ("sum0", ("8x0-x1", "p0 = -2 sum0", "p1"))


def test_a_wrong_sign_is_seen():
    graph = AdderGraph((Adder(7, Operand(0, 3), Operand(0, 0, True)),), (Target(-14, 1, 1, True),))
    view = layered(graph, ["p0"])
    assert [edge.kind for edge in view.edges] == ["plain", "negative"]
    assert view.nodes[1].notes == ("p0 = -14x",) and view.nodes[1].kind == "output"
    edges = tuple(
        type(edge)(edge.source, edge.target, edge.label.strip("-")) for edge in view.edges
    )
    wrong = LayeredGraph(view.title, view.nodes, edges)
    assert list(values(wrong, [1]).values()) != graph.values(1)


def test_many_outputs_of_one_node_are_counted():
    graph = AdderGraph((), tuple(Target(1 << n, 0, n) for n in range(6)))
    (node,) = layered(graph, names(graph)).nodes
    assert node.notes == ("p0", "p1 = 2x", "and 4 more")


def test_a_large_graph_is_counted():
    adders = tuple(Adder(2**n + 1, Operand(0, n), Operand(0)) for n in range(2, LARGEST_DRAWN + 3))
    graph = AdderGraph(adders, (Target(5, 1),))
    table = picture(graph, ["p0"])
    assert isinstance(table, Table)
    assert table.rows == ((1, LARGEST_DRAWN + 1),) and "not drawn" in table.caption
    assert "rank=same" in to_dot(graph)


def test_dot():
    graph = AdderGraph(
        (Adder(7, Operand(0, 3), Operand(0, 0, True, 1)),), (Target(7, 1), Target(0, None))
    )
    assert to_dot(graph).splitlines() == [
        "digraph adders {",
        '  node [shape=box, fontname="sans-serif"];',
        '  n0 [label="x", style=filled, fillcolor="#3a4654", fontcolor=white];',
        '  n1 [label="7\\nresult0", style=filled, fillcolor="#2f6ea5", fontcolor=white];',
        '  n0 -> n1 [label="<<3"];',
        '  n0 -> n1 [label="- cut 1", color="#c0392b", style=dashed];',
        "  { rank=same; n0; }",
        "  { rank=same; n1; }",
        "}",
    ]


@settings(max_examples=25, deadline=None)
@given(truncated_graphs())
def test_histograms_hold_every_input_once(graph):
    found = error_histogram(graph, names(graph), 6, True, 99)
    measured = measured_errors(graph, range(-32, 32))
    if found is None:
        assert set(measured) == {(0, 0)}
        return
    assert found.caption.startswith("All 64 inputs.") and "asked for: 99" in found.caption
    for panel in found.panels:
        index = int(panel.name[1 : panel.name.index(" ")])
        low, high = measured[index]
        assert sum(panel.counts) == 64
        assert (panel.edges[0], panel.edges[-1]) == (low - 0.5, high + 0.5)
        assert panel.limits[0] <= panel.edges[0] and panel.edges[-1] <= panel.limits[1]
        assert panel.counts[0] > 0


def test_wide_inputs_are_sampled_and_it_is_said():
    graph = AdderGraph((Adder(5, Operand(0, 2), Operand(0, 0, False, 3)),), (Target(5, 1),))
    (panel,) = error_histogram(graph, ["p0"], 64, True, 7).panels
    assert (len(panel.counts), sum(panel.counts)) == (8, 65536)
    assert error_histogram(graph, ["p0"], 64, True, 7).caption.startswith("65536 of 2^64 inputs.")
    assert error_histogram(graph.exact(), ["p0"], 8, True, 0) is None


@pytest.mark.parametrize("coefficients", [(1, 1), (1, -1), (3, 0, -25, 0, 150, 256, 150)])
def test_magnitude_response(coefficients):
    curve = magnitude_response(coefficients)
    padded = np.abs(np.fft.rfft(coefficients, 512))
    expected = np.maximum(20 * np.log10(np.maximum(padded, 1e-9) / padded.max()), -100)
    np.testing.assert_allclose(curve.y, expected, atol=2e-3)
    assert curve.x[-1] == 0.5 and max(curve.y) == 0
