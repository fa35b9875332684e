"""Models that come with the project, and graphs as JSON files: read, checked, refused."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from model_files import written

from holigrail_hw.models import FloatGraph, IntegerGraph, ModelError, read, read_source, shipped
from holigrail_hw.models.certify.certificate import certify
from holigrail_hw.models.passes.forms import with_forms

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def images(name):
    with np.load(shipped.data(name)) as arrays:
        return arrays["x"], arrays["y"]


def straight(x, graph):
    """The layers of ``digits`` once more, without the graph's own functions."""
    value = x.astype(int)[..., None]
    layers = {node.name: node for node in graph.nodes}
    for name, places in (("conv1", 4), ("conv2", 5)):
        node = layers[name]
        wide = np.pad(value, ((0, 0), (1, 1), (1, 1), (0, 0)))
        size = value.shape[1]
        sums = np.zeros((*value.shape[:3], len(node.bias)), int) + node.bias
        for row in range(3):
            for column in range(3):
                part = wide[:, row : row + size, column : column + size]
                sums += part @ node.weights[row, column]
        codes = np.clip((sums + (1 << (places - 1))) >> places, 0, 15)
        half = size // 2
        value = codes.reshape(len(x), half, 2, half, 2, -1).max((2, 4))
    return value.reshape(len(x), -1) @ layers["dense"].weights + layers["dense"].bias


def test_the_digits_are_classified():
    graph = read(shipped.path("digits"))
    assert isinstance(graph, IntegerGraph)
    x, y = images("digits")
    assert x.shape == (360, 8, 8) and x.max() == 16 and sorted({*y.tolist()}) == [*range(10)]
    logits = graph.run(x).reshape(360, 10)
    assert (logits == straight(x, graph)).all()
    assert (logits.argmax(axis=1) == y).sum() == 340
    assert graph.macs == 7232
    formed = with_forms(graph)
    assert certify(formed).verdict == "exact"
    assert (formed.evaluate(graph.codes(x)) == logits).all()


def test_the_real_digits_are_classified():
    graph = read(shipped.path("digits-float"))
    assert isinstance(graph, FloatGraph)
    x, y = images("digits")
    found = graph.evaluate(x[:, None].astype(float)).reshape(360, 10).argmax(axis=1)
    assert (found == y).sum() == 353


def test_images_for_calibration_are_the_first_for_training_and_none_is_for_tests():
    x, y = images("digits-training")
    assert x.shape == (1437, 8, 8) and y.shape == (1437,)
    first, classes = images("digits-calibration")
    assert (first == x[:200]).all() and (classes == y[:200]).all()
    tested = {image.tobytes() for image in images("digits")[0]}
    assert not tested & {image.tobytes() for image in x}


def test_the_example_has_every_kind_of_node_that_streams():
    graph = read(shipped.path("example"))
    kinds = {node.kind for node in graph.nodes}
    assert kinds == {"linear", "requantise", "add", "pool", "move"}
    formed = with_forms(graph)
    forms = [node.form.kind for node in formed.nodes if node.kind == "requantise"]
    assert forms == ["thresholds", "thresholds", "multiplier"]
    codes = np.random.default_rng(0).integers(0, 8, (500, 4, 4, 1))
    values = graph.evaluate(codes, every=True)
    for name, tensor in graph.tensors.items():
        low, high = (np.broadcast_to(end, tensor.shape) for end in (tensor.low, tensor.high))
        assert ((low <= values[name]) & (values[name] <= high)).all()
    assert len({*map(tuple, values["codes3"].tolist())}) > 300


def test_files_are_what_the_script_writes():
    script = runpy.run_path(str(SCRIPTS / "make_shipped_models"))
    for name in ("digits", "example"):
        assert script[name]().to_json() == shipped.path(name).read_text(encoding="utf-8")


def test_names_that_are_not_shipped():
    with pytest.raises(ModelError) as caught:
        shipped.path("letters")
    text = "shipped: the model must be one of digits, digits-float, example, not letters"
    assert str(caught.value) == text
    with pytest.raises(ModelError, match="the data set must be one of digits, digits-training"):
        shipped.data("example")


@pytest.mark.parametrize("name", ["digits", "example"])
def test_a_document_stays_the_same(tmp_path, name):
    text = shipped.path(name).read_text(encoding="utf-8")
    assert read(written(tmp_path, text.encode(), "again.JSON")).to_json() == text
    formed = with_forms(read(shipped.path(name))).to_json()
    assert read(written(tmp_path, formed.encode(), "formed.json")).to_json() == formed


def test_other_documents_are_refused(tmp_path):
    keras = json.dumps({"class_name": "Sequential", "config": {"layers": []}})
    with pytest.raises(ModelError) as caught:
        read(written(tmp_path, keras.encode(), "keras.json"))
    assert str(caught.value) == (
        "keras.json: a model file must be .onnx, .tflite, .nnet, .mat, .txt, .dais, or .json of "
        "an integer graph: descriptions of Keras hold no weights; export the model to ONNX"
    )
    for data, text in (
        (b"{", "must be a JSON document, not broken (JSONDecodeError)"),
        (b"[" * 100000, "must be a JSON document, not broken (RecursionError)"),
        (b'{"a": ' + b"9" * 5000 + b"}", "must be a JSON document, not broken (ValueError)"),
        (b"[1, 2]", "must be a graph of schema 1, not fail (TypeError)"),
        (b"{}", "must be a graph of schema 1, not fail (KeyError)"),
        (b'{"schema": 7}', "the schema must be 1, not 7"),
    ):
        with pytest.raises(ModelError) as caught:
            read(written(tmp_path, data, "other.json"))
        assert str(caught.value) == f"other.json: {text}"
    with pytest.raises(ModelError, match="integers must be read by read"):
        read_source(shipped.path("digits"))


def changes():
    """Where in the example what is written, and what is then said."""
    node = ("nodes", 0)  # conv1
    codes = ("nodes", 1)
    rational = {"shape": [1, 1, 1], "kind": "rational", "values": ["1e999999999"]}
    integers = {"shape": [1, 1, 1], "kind": "integer", "values": [1]}
    yield (*node, "zero"), "0", "node conv1, linear: zero must be an integer"
    yield (*node, "group"), 0, "groups be 1 or more"
    yield (*node, "name"), 7, "names must be texts"
    yield (*node, "inputs"), ["conv2"], "node conv1: operands must come before it, once"
    yield (*node, "inputs"), ["image", "image"], "operands must be one, or some of a sum, not 2"
    yield (*node, "bias", "values"), [1, 2, 3], "bias: must be an array with shape, kind and"
    yield (*node, "bias"), integers, "there must be 2 integers in the bias"
    yield (*node, "weights", "values"), [0.5] * 18, "weights: must be an array with shape, kind"
    yield (*node, "weights", "kind"), "float64", "weights must be integers with two axes, or"
    yield (*node, "window", "strides"), [0, 1], "strides and dilations of the window must be two"
    yield (*node, "window", "kernel"), [3, 4], "the window must be that of the weights"
    yield (*node, "window", "pads"), [1, -1, 1, 1], "pads of the window must be four sizes"
    yield (*node, "window", "pads"), [1 << 30] * 4, "pads of the window must be four sizes"
    yield (*node, "window"), None, "weights must be integers with two axes, or with four under"
    yield (*codes, "formula", "factor"), rational, "formula: must be an array with shape, kind"
    yield (*codes, "formula", "factor"), integers, "the formula affine must have the numbers"
    yield (*codes, "formula", "rounding"), "stochastic", "the formula affine must have the numbers"
    yield (*codes, "formula", "low"), 9, "the formula's limits must be integers, not 9 and 3"
    yield (*codes, "formula", "kind"), "magic", "the kind of formula must be one of affine"
    yield (*codes, "form"), {"kind": "multiplier"}, "the form must be one of thresholds, multi"
    yield ("nodes", 4, "factors"), [1], "there must be an integer for every operand, not"
    yield ("nodes", 5, "how"), "mean", "it must be a maximum or a sum, not mean"
    yield ("nodes", 5, "window"), None, "there must be a window"
    yield ("nodes", 6, "how"), "shuffle", "it must be one of transpose, reshape, select, concat"
    yield ("nodes", 6, "numbers"), [1 << 20, 1 << 20], r"must have at most 2\^26 elements"
    yield ("nodes", 6, "numbers"), [-8], "numbers must be integers, and not negative"
    yield ("nodes", 7, "meaning"), {"factor": integers, "offset": integers}, "both rational"
    yield ("inputs", 0, "shape"), [1 << 20, 1 << 20], "shapes must be positive and of one size"
    yield ("inputs", 0, "low"), 8, "codes must lie between two integers, not 8 and 7"
    yield ("inputs", 0, "high"), 6, "limits must be those of its formula"
    yield ("inputs", 0, "order"), [0, 0], "the order must name every axis but the batch once"
    yield ("outputs", 0, "tensor"), "lost", "output codes: its tensor must be in the graph"
    yield ("outputs", 0, "tail"), [["softmax", ["a"]]], "the step softmax must have its finite"
    yield ("outputs", 0, "tail"), [["import", []]], "the step import must have its finite numbers"
    yield ("outputs",), [], "there must be inputs and outputs, not none"
    yield ("tensors", "pool", "high", "values"), [8, 7], "tensor pool: shape and range must follow"


@pytest.mark.parametrize(("place", "value", "text"), [*changes()])
def test_a_document_with_one_wrong_field_is_refused(tmp_path, place, value, text):
    document = json.loads(shipped.path("example").read_text(encoding="utf-8"))
    item = document
    for step in place[:-1]:
        item = item[step]
    item[place[-1]] = value
    with pytest.raises(ModelError, match=text):
        read(written(tmp_path, json.dumps(document).encode(), "wrong.json"))


def test_forms_with_wrong_numbers_are_refused(tmp_path):
    document = json.loads(with_forms(read(shipped.path("example"))).to_json())
    for place, field, value in (
        (1, "step", 0),
        (1, "values", {"shape": [1], "kind": "float64", "values": [1.0]}),
        (8, "shift", {"shape": [1], "kind": "integer", "values": [1 << 40]}),
        (8, "even", 2),
        (8, "low", 99),
    ):
        changed = json.loads(json.dumps(document))
        changed["nodes"][place]["form"][field] = value
        with pytest.raises(ModelError, match=r"the form \w+ must have the numbers of its kind"):
            read(written(tmp_path, json.dumps(changed).encode(), "wrong.json"))


def test_a_document_of_any_bytes_ends_in_one_line(tmp_path):
    """Characters changed at random: read, or refused by its own error."""
    data = shipped.path("example").read_bytes()
    rng = np.random.default_rng(11)
    refused = 0
    for _ in range(150):
        changed = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            changed[at] = rng.choice([*b'0123456789-"[]{},.eE/n'])
        try:
            read(written(tmp_path, bytes(changed), "random.json"))
        except ModelError:
            refused += 1
    assert refused > 75
