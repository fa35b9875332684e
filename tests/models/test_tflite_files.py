"""TFLite: every tensor of two real networks, and single operators against their definitions."""

import hashlib

import numpy as np
import pytest
from model_files import SHARED, shared_model

from holigrail_hw.models import FloatGraph, IntegerGraph, read
from holigrail_hw.models.graph.softmax import softmax_codes

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
