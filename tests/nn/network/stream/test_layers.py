"""Layers of integer graphs, and what the style stream refuses."""

from dataclasses import replace

import numpy as np
import pytest

from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.graph.forms import Multiplier
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Pool, Port, Requantise, Softmax
from holigrail_hw.models.source.windows import Window
from holigrail_hw.nn.network.stream.lowering.layers import layers_of, refusals_of

ONE = Window((1, 1))


def image(shape=(4, 4, 2), low=0, high=7):
    return Port(name="x", tensor="x", file_shape=(1, *shape), shape=shape, low=low, high=high)


def conv(name, source, channels=(2, 2), window=ONE, **others):
    weights = np.ones((*window.kernel, *channels), np.int64)
    bias = np.zeros(channels[1], np.int64)
    return Linear(name=name, inputs=(source,), weights=weights, bias=bias, window=window, **others)


def codes(name, source, shape=(1, 1, 1), form=True):
    ones = np.ones(shape, np.int64)
    given = Multiplier(ones, ones, ones, 0, 7) if form else None
    formula = Affine(fractions(np.ones(shape)), fractions(np.zeros(shape)), 0, 7)
    return Requantise(name=name, inputs=(source,), formula=formula, form=given)


def graph(*nodes, output=None, port=None):
    output = output or nodes[-1].name
    end = Port(name="y", tensor=output, file_shape=(1,), shape=(1,))
    return IntegerGraph(name="net", inputs=(port or image(),), outputs=(end,), nodes=nodes)


def test_codes_join_the_layer_before_them():
    net = graph(
        conv("a", "x"),
        codes("a_codes", "a"),
        conv("b", "a_codes"),
        Add(name="sum", inputs=("a_codes", "b"), factors=(1, 1)),
        codes("sum_codes", "sum"),
        Move(name="flat", inputs=("sum_codes",), how="reshape", numbers=(32,)),
        Linear(
            name="dense",
            inputs=("flat",),
            weights=np.ones((32, 3), np.int64),
            bias=np.zeros(3, np.int64),
        ),
        conv("nobody reads", "a_codes"),
    )
    net = replace(net, outputs=(replace(net.outputs[0], tensor="dense"),))
    assert refusals_of(net) == []
    found = [(layer.name, layer.result, layer.operands) for layer in layers_of(net)]
    assert found == [
        ("a", "a_codes", (-1,)),
        ("b", "b", (0,)),
        ("sum", "sum_codes", (0, 1)),
        ("dense", "dense", (2,)),
    ]


def test_codes_stay_alone_where_the_sums_are_read_too():
    net = graph(
        conv("a", "x"),
        codes("b", "a"),
        Add(name="sum", inputs=("a", "b"), factors=(1, 1)),
    )
    assert [layer.name for layer in layers_of(net)] == ["a", "b", "sum"]


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (
            Move(name="a", inputs=("x",), how="transpose", numbers=(2, 0, 1)),
            r"move of places \(transpose\) must keep the order of elements",
        ),
        (
            Move(name="a", inputs=("x",), how="pad", numbers=(0, 0, 1, 1, 0, 1, 0)),
            r"move of places \(pad\) must add rows and columns, not channels",
        ),
        (
            Move(name="a", inputs=("x", "x"), how="concat", numbers=(0,)),
            "move must join channels, not axis 0",
        ),
    ],
)
def test_refusals(node, text):
    net = graph(node, Pool(name="p", inputs=("a",), how="sum", window=ONE))
    with pytest.raises(AssertionError, match=f"^node a: {text}$"):
        raise AssertionError("\n".join(refusals_of(net)))


def test_wide_codes_without_a_form_are_refused():
    net = graph(codes("a", "x", form=False), port=image(high=300))
    assert refusals_of(net) == [
        "node a: requantise must have thresholds, or a factor and a shift, not a formula alone"
    ]
    assert refusals_of(graph(codes("a", "x", form=False))) == []


def test_softmax_needs_two_classes():
    node = Softmax(name="a", inputs=("x",), mantissa=1, shift=0)
    assert refusals_of(graph(node)) == []
    net = graph(node, port=image((4, 4, 1)))
    assert refusals_of(net) == ["node a: softmax must have two classes, not one"]


def test_all_refusals_at_once():
    turn = Move(name="a", inputs=("x",), how="transpose", numbers=(2, 0, 1))
    back = Move(name="b", inputs=("a",), how="transpose", numbers=(1, 2, 0))
    assert len(refusals_of(graph(turn, back, codes("c", "b")))) == 2


@pytest.mark.parametrize(
    ("numbers", "refused"), [((1, 3, 4), False), ((3, 1), True), ((2, 2), True)]
)
def test_selects_must_go_upwards(numbers, refused):
    flat = Move(name="flat", inputs=("x",), how="reshape", numbers=(32,))
    move = Move(name="a", inputs=("flat",), how="select", numbers=numbers)
    found = refusals_of(graph(flat, move))
    text = "node a: move of places (select) must keep the order of elements"
    assert found == ([text] if refused else [])


def test_pads_of_matrices_are_refused():
    flat = Move(name="flat", inputs=("x",), how="reshape", numbers=(16, 2))
    move = Move(name="a", inputs=("flat",), how="pad", numbers=(1, 0, 0, 0, 0))
    assert refusals_of(graph(flat, move)) == [
        "node a: move of places (pad) must be of an image or a vector, not of 2 axes"
    ]


def test_a_graph_must_compute_something():
    net = graph(Move(name="a", inputs=("x",), how="reshape", numbers=(32,)))
    assert refusals_of(net) == ["there must be a node that computes something"]


def test_axes_of_length_one_may_move():
    move = Move(name="a", inputs=("x",), how="transpose", numbers=(2, 0, 1))
    assert refusals_of(graph(move, codes("b", "a"), port=image((4, 4, 1)))) == []
    net = graph(move, codes("b", "a"), port=image((4, 4, 1)))
    assert [layer.operands for layer in layers_of(net)] == [(-1,)]
