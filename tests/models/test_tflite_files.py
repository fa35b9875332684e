"""TFLite: every tensor of two real networks, and single operators against their definitions."""

import hashlib

import numpy as np
import pytest
from model_files import SHARED, shared_model, written
from tflite_builder import cases, connected, moves, one_operator

from holigrail_hw.models import FloatGraph, IntegerGraph, ModelError, read
from holigrail_hw.models.certify.certificate import certify
from holigrail_hw.models.graph.softmax import softmax_codes
from holigrail_hw.models.passes.forms import with_forms

# Digests of the tensors that ai-edge-litert computes for the first two stored inputs, with its
# reference kernels and all intermediate tensors preserved.
DIGESTS = {
    "tiny_ad01_int8": {
        "input_0": "6e27d7df1cb21249",
        "n0_codes": "edfc3a22c478c5f6",
        "n1_codes": "1c1be7b5524ae20f",
        "n2_codes": "976246c7a6aae8a5",
        "n3_codes": "96421b09ff015183",
        "n4_codes": "654ccf572dc69765",
        "n5_codes": "85de91d75f487ef4",
        "n6_codes": "02bd073b948dff59",
        "n7_codes": "afbb3f397001263d",
        "n8_codes": "412a8684fff0313e",
        "n9_codes": "1e3e2b532a094ec7",
    },
    "tiny_kws_int8": {
        "input_0": "d2af770d0192ba6b",
        "n0_codes": "b5f51b1587bc2842",
        "n1_codes": "e6b6b34c11e230e6",
        "n2_codes": "d3a92382dca353e6",
        "n3_codes": "74af418ec1e86188",
        "n4_codes": "0f3c7836a8ab579f",
        "n5_codes": "b1798871f6102c9c",
        "n6_codes": "a68bca645177fb29",
        "n7_codes": "122517e7e27c7755",
        "n8_codes": "4bf216915f72ca7e",
        "n9_codes": "6f180879e409b5ef",
        "n10_reshape": "6f180879e409b5ef",
        "n11_codes": "ce4d0451817f9b32",
        "n12_softmax": "5a8964081495206b",
    },
}


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_every_tensor_equals_the_runtimes(name):
    graph = read(shared_model(f"{name}.tflite"))
    assert isinstance(graph, IntegerGraph)
    with np.load(SHARED / "ref" / f"{name}.tflite.npz") as arrays:
        x = arrays["x"][:2]
    values = graph.evaluate(graph.codes(x), every=True)
    found = {
        tensor: hashlib.sha256(values[tensor].astype(np.int8).tobytes()).hexdigest()[:16]
        for tensor in DIGESTS[name]
    }
    assert found == DIGESTS[name]


def test_the_runtimes_differ_in_fully_connected_layers_only():
    path = shared_model("tiny_ad01_int8.tflite")
    graphs = [read(path, runtime=runtime) for runtime in ("litert", "tflm")]
    with np.load(SHARED / "ref" / "tiny_ad01_int8.tflite.npz") as arrays:
        codes = [g.evaluate(arrays["x"].reshape(-1, 640)) for g in graphs]
    assert (codes[0] != codes[1]).mean() > 0.1
    assert np.abs(codes[0] - codes[1]).max() <= 2
    formulas = [{n.formula.kind for n in g.nodes if n.kind == "requantise"} for g in graphs]
    assert formulas == [{"double_away"}, {"twice_rounded"}]


def test_weights_of_8_bits_with_real_tensors():
    path = shared_model("tiny_kws_float32.tflite")
    graph = read(path)
    assert isinstance(graph, FloatGraph)
    with np.load(SHARED / "ref" / f"{path.name}.npz") as arrays:
        assert np.abs(graph.evaluate(arrays["x"])[:, 0] - arrays["y"][:, 0]).max() < 1e-6


def test_softmax_is_close_to_the_real_one():
    """Its fixed-point steps are off by at most one code, and its codes do not depend on a shift."""
    rng = np.random.default_rng(0)
    codes = rng.integers(-128, 128, (500, 12))
    scale = 0.14469251
    mantissa, exponent = np.frexp(scale * 2.0**26)
    mantissa = int(np.floor(mantissa * 2**31 + 0.5))
    found = softmax_codes(codes, mantissa, int(exponent))
    powers = np.exp((codes - codes.max(axis=1, keepdims=True)) * scale)
    wanted = powers / powers.sum(axis=1, keepdims=True) * 256 - 128
    assert np.abs(found - np.clip(wanted, -128, 127)).max() <= 0.51 + 1
    assert (np.abs(found - np.clip(np.rint(wanted), -128, 127)) > 0).mean() < 0.001
    lower = softmax_codes(np.clip(codes, -100, 100) - 20, mantissa, int(exponent))
    assert (lower == softmax_codes(np.clip(codes, -100, 100), mantissa, int(exponent))).all()


# Digests of what ai-edge-litert's reference kernels compute for the cases of tflite_builder.
SINGLE = {
    "add0": "c19f3ca89e165555",
    "add1": "32f9f73dbdd16531",
    "add3": "d4fcaeef8d43e84b",
    "logistic": "3c6a265f7912d5f2",
    "tanh": "8a37562f7e80c757",
    "average0": "7c589421587537a3",
    "average1": "9b952839965801d4",
    "maximum0": "a12fd152b9d4a491",
    "maximum1": "e0f9ab6fc01caab8",
    "depthwise": "5cb7a51f58255f39",
    "dilated": "5111c31403ca91ac",
    "softmax0": "6edb2441bff4160a",
    "softmax1": "e2c596dea9dc1eb1",
    "softmax2": "cdca44ba81af340b",
    "connected": "b018d9456319b553",
}

SINGLE |= {
    "pad": "1962660f10ac3392",
    "concatenation3": "74bd9c23f73b7813",
    "concatenation-1": "a2fa33908266f636",
    "mean0": "4248f798d09f6855",
    "mean1": "92a9d80ff1666e82",
    "mean2": "247ed2c5e394ae5e",
}


def test_single_operators_equal_the_runtimes(tmp_path):
    """Sums, functions, pools, a depthwise multiplier of 2, dilation, activations, moves."""
    found = {}
    layer, vectors = connected(slice(20))
    for name, data, inputs in [*cases(), ("connected", layer, [vectors]), *moves()]:
        graph = read(written(tmp_path, data, f"{name}.tflite"))
        operands = [
            x.reshape(len(x), *port.shape) for x, port in zip(inputs, graph.inputs, strict=True)
        ]
        codes = graph.evaluate(*operands).astype(np.int8)
        found[name] = hashlib.sha256(codes.tobytes()).hexdigest()[:16]
        assert certify(with_forms(graph)).verdict == "exact"
    assert found == SINGLE


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (6, "node #0, DEQUANTIZE: the operator must be supported, but it is not known"),
        (19, "node #0, RELU: a ReLU must be part of the operator before it"),
        (32, "node #0, CUSTOM: the operator must be supported, but it is not known"),
    ],
)
def test_operators_that_are_refused(tmp_path, code, text):
    line = ((1, 4), [0.06], [5], 0, None)
    data = one_operator(code, [line, line], [0], [1], ("", {}))
    with pytest.raises(ModelError) as caught:
        read(written(tmp_path, data, "one.tflite"))
    assert str(caught.value) == f"one.tflite: {text}"


def test_scales_that_are_refused(tmp_path):
    line = ((1, 4), [0.06], [5], 0, None)
    data = one_operator(14, [line, ((1, 4), [0.004], [-128], 0, None)], [0], [1], ("", {}))
    with pytest.raises(ModelError, match="its result must have scale 1/256 and zero point -128"):
        read(written(tmp_path, data, "one.tflite"))
    several = ((1, 4), [0.06, 0.1], [5, 5], 1, None)
    data = one_operator(14, [several, line], [0], [1], ("", {}))
    with pytest.raises(ModelError, match="tensor t0 must be int8 with one scale"):
        read(written(tmp_path, data, "one.tflite"))


def test_a_sum_of_one_tensor_is_refused(tmp_path):
    line = ((1, 4), [0.06], [5], 0, None)
    for inputs in ([0], [0, 0]):
        data = one_operator(0, [line, line], inputs, [1], ("AddOptions", {}))
        path = written(tmp_path, data, "one.tflite")
        if len(inputs) == 2:
            assert read(path).evaluate(np.array([[5, 6, 5, 5]])).shape == (1, 4)
            continue
        with pytest.raises(ModelError, match="node #0, ADD: operands must fit this operator"):
            read(path)


IMAGE = ((1, 4, 5, 3), [0.1], [7], 0, None)
OTHER = ((1, 4, 5, 3), [0.2], [7], 0, None)


def integers(*rows):
    return ((len(rows), *np.shape(rows[0])), [], [], 0, np.array(rows, np.int32))


@pytest.mark.parametrize(
    ("code", "tensors", "options", "text"),
    [
        (34, [IMAGE, integers([1, 0], *[[0, 0]] * 3), IMAGE], {}, "the batch must not be padded"),
        (34, [IMAGE, integers(*[[0, 0]] * 3, [0, -1]), IMAGE], {}, "pads must not be negative"),
        (34, [IMAGE, integers([0, 0]), IMAGE], {}, "there must be two pads for every axis, not"),
        (34, [IMAGE, integers(*[[0, 1]] * 4), OTHER], {}, "the batch must not be padded"),
        (34, [IMAGE, integers(*[[0, 0]] * 4), OTHER], {}, "must have one scale, not two"),
        (34, [IMAGE, IMAGE, IMAGE], {}, "operand 1 must be a constant, not missing or computed"),
        (2, [IMAGE, OTHER, IMAGE], {"Axis": 3}, "operand and result must have one scale, not two"),
        (2, [IMAGE, IMAGE, IMAGE], {"Axis": 0}, "joined behind the batch, not along axis 0"),
        (2, [IMAGE, integers(1), IMAGE], {"Axis": 3}, "all operands must be tensors, not const"),
        (
            2,
            [IMAGE, IMAGE, IMAGE],
            {"Axis": 3, "FusedActivationFunction": 1},
            "it must have no fused activation",
        ),
        (40, [IMAGE, integers(1), IMAGE], {}, r"over rows and columns of images, not \[1\]"),
        (40, [IMAGE, integers(1, 3), IMAGE], {}, r"over rows and columns of images, not \[1, 3\]"),
    ],
)
def test_moves_and_means_that_are_refused(tmp_path, code, tensors, options, text):
    table = {2: "ConcatenationOptions", 40: "ReducerOptions"}.get(code, "")
    data = one_operator(code, tensors, [0, 1], [2], (table, options))
    with pytest.raises(ModelError, match=text):
        read(written(tmp_path, data, "one.tflite"))


def test_moves_and_means_of_real_numbers(tmp_path):
    def real(*shape):
        return (shape, [], [], 0, None)

    x, z = np.random.default_rng(1).normal(size=(2, 6, 1, 4, 5, 3))
    pads = integers([0, 0], [1, 2], [0, 3], [1, 0])
    wanted = {
        34: np.pad(x, [(0, 0), (0, 0), (1, 2), (0, 3), (1, 0)]),
        2: np.concatenate([x, z], axis=4),
        40: x.mean(axis=(2, 3)),
    }
    cases = {
        34: ([real(1, 4, 5, 3), pads, real(1, 7, 8, 4)], ("", {}), [x]),
        2: (
            [*[real(1, 4, 5, 3)] * 2, real(1, 4, 5, 6)],
            ("ConcatenationOptions", {"Axis": 3}),
            [x, z],
        ),
        40: ([real(1, 4, 5, 3), integers(1, 2), real(1, 3)], ("ReducerOptions", {}), [x]),
    }
    for code, (tensors, options, inputs) in cases.items():
        data = one_operator(code, tensors, [0, 1], [2], options)
        graph = read(written(tmp_path, data, "one.tflite"))
        assert isinstance(graph, FloatGraph)
        assert np.allclose(graph.evaluate(*inputs), wanted[code])
