"""Operators of ONNX that no stored file has: against the specification's own evaluator."""

import numpy as np
import pytest
from model_files import model_bytes, node, quant, written

from holigrail_hw.models import IntegerGraph, ModelError, read, read_source

SCALES = {
    "zero": np.float32(0),
    "s1": np.float32(0.125),
    "s3": np.float32(0.5),
    "b4": np.float32(4),
    "b8": np.float32(8),
}


def reference(data, x):
    """What the evaluator of the package onnx computes, sample by sample."""
    from onnx import load_from_string
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(load_from_string(data))
    return np.stack([session.run(None, {"x": np.asarray(one, np.float32)})[0] for one in x])


def equal(tmp_path, nodes, shape, constants, opset=13, seed=0):
    """Our real numbers beside the evaluator's."""
    data = model_bytes(nodes, {"x": shape}, ["y"], constants, opset=opset)
    x = np.random.default_rng(seed).normal(size=(5, *shape)) * 3
    found, wanted = read_source(written(tmp_path, data)).evaluate(x), reference(data, x)
    assert found.shape == wanted.shape
    assert np.allclose(found, wanted, rtol=1e-5, atol=1e-5)
    return data


def quantised(tmp_path, operator, shape, constants=None, more=(), **fields):
    """The operator between two quantisers: integers beside the file's own real numbers."""
    nodes = [
        quant("x", "q", "s1", "b4"),
        node(operator, ["q", *more], ["p"], **fields),
        quant("p", "y", "s3", "b4"),
    ]
    data = model_bytes(nodes, {"x": shape}, ["y"], {**SCALES, **(constants or {})}, opset=18)
    path = written(tmp_path, data)
    graph = read(path)
    assert isinstance(graph, IntegerGraph)
    x = np.random.default_rng(4).normal(size=(60, *shape))
    assert np.allclose(graph.run(x), read_source(path).evaluate(x), rtol=1e-9, atol=1e-9)
    return graph


# The evaluator's own maxima are wrong, or none, for three of these; ONNX Runtime's are ours.
POOLS = [("AveragePool", seed) for seed in range(16)]
POOLS += [("MaxPool", seed) for seed in range(16) if seed not in (2, 7, 10)]


@pytest.mark.parametrize(("operator", "seed"), POOLS)
def test_pools(tmp_path, operator, seed):
    rng = np.random.default_rng(seed)
    kernel = [int(v) for v in rng.integers(1, 4, 2)]
    fields = {"kernel_shape": kernel, "strides": [int(v) for v in rng.integers(1, 4, 2)]}
    fields["ceil_mode"] = seed % 2
    if seed % 4 < 3:
        fields["pads"] = [int(rng.integers(0, k)) for k in kernel * 2]
    else:
        fields["auto_pad"] = ["SAME_UPPER", "SAME_LOWER", "VALID"][seed // 4 % 3]
        fields["ceil_mode"] = 0
    if operator == "AveragePool":
        fields["count_include_pad"] = seed // 2 % 2
    nodes = [node(operator, ["x"], ["y"], **fields)]
    equal(tmp_path, nodes, [1, 2, int(rng.integers(4, 9)), int(rng.integers(4, 9))], {}, 13, seed)


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "GlobalMaxPool"])
def test_pools_over_all_of_an_image(tmp_path, operator):
    equal(tmp_path, [node(operator, ["x"], ["y"])], [1, 3, 4, 5], {})
    if operator != "GlobalMaxPool":  # whose evaluator has images with two axes only
        equal(tmp_path, [node(operator, ["x"], ["y"])], [1, 3, 7], {})


FUNCTIONS = [
    ("Sigmoid", {}),
    ("Tanh", {}),
    ("HardSigmoid", {}),
    ("HardSigmoid", {"alpha": 0.3, "beta": 0.25}),
    ("LeakyRelu", {}),
    ("LeakyRelu", {"alpha": 0.25}),
    ("Elu", {"alpha": 0.5}),
    ("Selu", {}),
    ("Softmax", {"axis": -1}),
    ("Abs", {}),
    ("Floor", {}),
]


@pytest.mark.parametrize(("operator", "fields"), FUNCTIONS)
def test_functions(tmp_path, operator, fields):
    equal(tmp_path, [node(operator, ["x"], ["y"], **fields)], [1, 4, 6], {})


@pytest.mark.parametrize(("operator", "fields"), FUNCTIONS[:8])
def test_functions_of_codes(tmp_path, operator, fields):
    quantised(tmp_path, operator, [1, 4, 6], **fields)


@pytest.mark.parametrize(
    ("operator", "fields"),
    [
        ("LeakyRelu", {"alpha": -0.25}),
        ("Elu", {"alpha": -1.0}),
        ("Selu", {"gamma": -1.0}),
    ],
)
def test_functions_that_fall_are_refused(tmp_path, operator, fields):
    with pytest.raises(ModelError) as caught:
        quantised(tmp_path, operator, [1, 4], **fields)
    name = [*fields][0]
    assert str(caught.value) == (
        f"model.onnx: node {operator}_p, {operator}: {name} must not be negative, so that the "
        "function grows"
    )


def test_a_hard_sigmoid_that_falls_is_refused(tmp_path):
    for alpha in (-0.2, 0.0):
        with pytest.raises(ModelError, match="HardSigmoid: alpha must be positive, so that the"):
            quantised(tmp_path, "HardSigmoid", [1, 4], alpha=alpha)


@pytest.mark.parametrize("limits", [(-1.0, 0.75), (None, 0.5), (-0.5, None), (None, None)])
@pytest.mark.parametrize("opset", [6, 13])
def test_limits(tmp_path, limits, opset):
    if opset == 6:
        fields = {k: v for k, v in zip(("min", "max"), limits, strict=True) if v is not None}
        equal(tmp_path, [node("Clip", ["x"], ["y"], **fields)], [1, 4, 6], {}, opset)
        return
    names = ["" if v is None else name for name, v in zip(("low", "high"), limits, strict=True)]
    constants = {n: np.float32(v) for n, v in zip(names, limits, strict=True) if v is not None}
    equal(tmp_path, [node("Clip", ["x", *names], ["y"])], [1, 4, 6], constants, opset)
    quantised(tmp_path, "Clip", [1, 4, 6], constants, names)


PADS = [
    ({"pads": [0, 0, 1, 2, 0, 0, 0, 3]}, None, None),
    ({"pads": [0, 1, 0, 0, 0, 2, 0, 0]}, 0.5, None),
    ({"pads": [1, 2, 0, 1]}, 0.25, [3, 2]),
    ({"pads": [1, 2]}, None, [-1]),
]


@pytest.mark.parametrize(("pads", "value", "axes"), PADS)
def test_pads(tmp_path, pads, value, axes):
    """Of every axis, or of those that are named; with a number of their own."""
    constants = {"pads": np.array(pads["pads"], np.int64)}
    names = ["pads", "" if value is None else "value"]
    if value is not None:
        constants["value"] = np.float32(value)
    if axes:
        names.append("axes")
        constants["axes"] = np.array(axes, np.int64)
    equal(tmp_path, [node("Pad", ["x", *names], ["y"])], [1, 2, 3, 4], constants, 18)
    quantised(tmp_path, "Pad", [1, 2, 3, 4], constants, names)


def test_pads_as_attributes(tmp_path):
    fields = {"pads": [0, 0, 1, 0, 0, 0, 0, 2], "value": 0.5}
    equal(tmp_path, [node("Pad", ["x"], ["y"], **fields)], [1, 2, 3, 4], {}, 2)


@pytest.mark.parametrize(
    ("fields", "constants", "text"),
    [
        ({"mode": "reflect"}, {}, "mode must be constant, not reflect"),
        ({}, {"pads": [1, 0, 0, 0, 0, 0, 0, 0]}, "the batch must not be padded"),
        ({}, {"pads": [0, 0, -1, 0, 0, 0, 0, 0]}, "pads must not be negative"),
        ({}, {"pads": [0, 0, 1]}, "there must be two pads for every axis, not 3"),
        ({}, {"value": 0.3}, "the value 0.3 must be one code, not lie between codes"),
    ],
)
def test_pads_that_are_refused(tmp_path, fields, constants, text):
    numbers = {"pads": [0, 0, 0, 0, 0, 0, 1, 1], "value": 0.0, **constants}
    arrays = {
        "pads": np.array(numbers["pads"], np.int64),
        "value": np.float32(numbers["value"]),
    }
    with pytest.raises(ModelError, match=text):
        quantised(tmp_path, "Pad", [1, 2, 3, 4], arrays, ["pads", "value"], **fields)


@pytest.mark.parametrize(
    ("operator", "fields"),
    [
        ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("AveragePool", {"kernel_shape": [3, 2], "dilations": [2, 1]}),
        ("AveragePool", {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("GlobalAveragePool", {}),
        ("GlobalMaxPool", {}),
    ],
)
def test_pools_of_codes(tmp_path, operator, fields):
    quantised(tmp_path, operator, [1, 2, 5, 6], **fields)


def test_a_mean_in_ceil_mode_that_leaves_the_image(tmp_path):
    """The last windows would have fewer pixels."""
    fields = {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}
    with pytest.raises(ModelError, match="windows must not reach outside the image"):
        quantised(tmp_path, "AveragePool", [1, 2, 5, 6], **fields)
    quantised(tmp_path, "AveragePool", [1, 2, 5, 6], count_include_pad=1, **fields)
    quantised(tmp_path, "AveragePool", [1, 2, 4, 6], **fields)
