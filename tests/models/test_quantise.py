"""Quantisation after training: methods, bits, corrections, and what must be refused."""

import numpy as np
import pytest
from model_files import model_bytes, node, shared_model, written

from holigrail_hw.models import ModelError, read, read_source, shipped
from holigrail_hw.models.certify.certificate import certify
from holigrail_hw.models.graph.nodes import Linear
from holigrail_hw.models.passes.forms import with_forms
from holigrail_hw.models.quantise.equalise import equalised
from holigrail_hw.models.quantise.prepare import prepared
from holigrail_hw.models.quantise.quantise import Choices, quantise
from holigrail_hw.models.quantise.scales import METHODS, scale_of

RNG = np.random.default_rng(5)


def network(tmp_path):
    """Two convolutions with batch normalisation, a pool, a residual sum and a matrix."""
    rng = np.random.default_rng(5)
    constants = {
        "k1": rng.normal(size=(4, 1, 3, 3)),
        "k2": rng.normal(size=(4, 4, 3, 3)) * 0.3,
        "w": rng.normal(size=(16, 3)) * 0.3,
        "c": rng.normal(size=3),
        "b1": rng.normal(size=4),
        "g": rng.uniform(0.5, 2, 4),
        "h": rng.normal(size=4),
        "m": rng.normal(size=4),
        "v": rng.uniform(0.5, 2, 4),
    }
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        node("Conv", ["x", "k1", "b1"], ["a"], name="first", **same),
        node("BatchNormalization", ["a", "g", "h", "m", "v"], ["n"]),
        node("Relu", ["n"], ["r"]),
        node("Conv", ["r", "k2"], ["d"], name="second", **same),
        node("Add", ["r", "d"], ["s"]),
        node("MaxPool", ["s"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("MatMul", ["f", "w"], ["u"], name="last"),
        node("Add", ["u", "c"], ["t"]),
        node("Softmax", ["t"], ["y"], axis=-1),
    ]
    constants = {name: np.asarray(v, np.float32) for name, v in constants.items()}
    return written(tmp_path, model_bytes(nodes, {"x": [1, 1, 4, 4]}, ["y"], constants))


@pytest.fixture
def source(tmp_path):
    return read_source(network(tmp_path))


@pytest.fixture
def samples():
    return np.random.default_rng(1).normal(size=(60, 1, 1, 4, 4))


def error(source, samples, **choices):
    graph = quantise(source, samples, Choices(**choices))
    return graph, np.abs(graph.run(samples) - source.evaluate(samples)).max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("powers_of_two", [True, False])
def test_eight_bits_are_close(source, samples, method, per_channel, powers_of_two):
    options = {"method": method, "per_channel": per_channel, "powers_of_two": powers_of_two}
    graph, worst = error(source, samples, **options)
    assert worst < (0.25 if powers_of_two else 0.12)
    (text,) = graph.measured
    assert "60 samples: outputs are at most" in text
    assert certify(with_forms(graph)).verdict == "approximated, measured on samples"
    if powers_of_two:
        for n in graph.nodes:
            if n.kind == "requantise":
                assert all(f.denominator & (f.denominator - 1) == 0 for f in n.formula.factor.flat)


def test_more_bits_are_closer(source, samples):
    errors = []
    for bits in (3, 6, 12):
        choices = {"weight_bits": bits, "activation_bits": bits, "input_bits": 12}
        errors.append(error(source, samples, **choices)[1])
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < 0.01 < errors[0] / 10


def test_bits_of_one_layer(source, samples):
    graph, _ = error(source, samples, layers={"second": (3, 4)})
    widths = [int(np.abs(n.weights).max()) for n in graph.nodes if isinstance(n, Linear)]
    assert widths[1] <= 3 < min(widths[0], widths[2])


def test_bias_correction_takes_the_mean_error_away(source, samples):
    """With few bits the mean of the logits comes closer to that of the real ones."""
    wanted = source.evaluate(samples, every=True)["t"].mean(axis=(0, 1))
    means = []
    for correct in (True, False):
        graph, _ = error(source, samples, weight_bits=3, correct_biases=correct)
        found = graph.real(graph.evaluate(graph.codes(samples)), tail=False)
        means.append(np.abs(found.mean(axis=(0, 1)) - wanted).max())
    assert means[0] < 0.02 < means[1]


def test_equalisation_keeps_the_function_and_evens_the_ranges(tmp_path):
    weights = np.array([[100.0, 0.01]], np.float32)
    constants = {"w1": weights, "b1": np.array([1, 2], np.float32)}
    constants["w2"] = np.array([[0.01, 0.3], [100.0, -7]], np.float32)
    nodes = [
        node("Gemm", ["x", "w1", "b1"], ["a"]),
        node("Relu", ["a"], ["r"]),
        node("Gemm", ["r", "w2"], ["y"]),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 1]}, ["y"], constants))
    graph = prepared(read_source(path))
    even = equalised(graph)
    x = RNG.normal(size=(50, 1)) * 5
    assert np.allclose(even.evaluate(x), graph.evaluate(x))
    first, second = (np.abs(even.constants[name]) for name in ("w1", "w2"))
    assert np.allclose(first[0], second.max(axis=1))


def test_batch_norms_and_biases_are_in_the_layers(source, samples):
    plain = prepared(source)
    assert plain.operators() == {"Conv", "Relu", "Add", "MaxPool", "Flatten", "Gemm", "Softmax"}
    assert sum(n.operator == "Add" for n in plain.nodes) == 1
    assert np.allclose(plain.evaluate(samples), source.evaluate(samples))


def test_scales():
    values = np.concatenate([RNG.normal(size=10000), [50.0]])
    assert scale_of(values, -8, 7, "maximum") == 50 / 7
    assert scale_of(values, -8, 7, "percentile") < 1
    best = scale_of(values, -8, 7, "error")
    tried = {
        s: np.mean((np.clip(np.rint(values / s), -8, 7) * s - values) ** 2) for s in (best, 50 / 7)
    }
    assert tried[best] < tried[50 / 7]
    for method in METHODS:
        scale = scale_of(values, -8, 7, method, power_of_two=True)
        assert np.log2(scale) == np.rint(np.log2(scale))
        assert scale_of(np.zeros(4), 0, 15, method) == 1.0
    assert scale_of(np.array([-3.0, 1.0]), -4, 3, "maximum") == 0.75


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({"weight_bits": 1}, "bits must be 2 to 16 for weights and 1 to 16 for activations"),
        ({"activation_bits": 17}, "bits must be 2 to 16 for weights"),
        ({"method": "best"}, "the method must be one of maximum, percentile, error, not best"),
        ({"layers": {"third": (4, 4)}}, "layers must name nodes of the file, not third"),
    ],
)
def test_choices_that_make_no_sense(source, samples, choices, text):
    with pytest.raises(ModelError, match=text):
        quantise(source, samples, Choices(**choices))


def test_calibration_data_that_do_not_fit(source):
    with pytest.raises(ModelError, match="input x must have the shape"):
        quantise(source, np.ones((3, 1, 1, 5, 4)))
    for data in (np.array(1.0), np.array(["a"])):
        with pytest.raises(ModelError, match="data must be an array of numbers, not (float|<U1)"):
            quantise(source, data)
    with pytest.raises(ModelError, match="data must have one sample or more, not none"):
        quantise(source, np.ones((0, 1, 1, 4, 4)))
    with pytest.raises(ModelError, match="calibration data must be finite"):
        quantise(source, np.full((1, 1, 1, 4, 4), np.nan))


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("n2d2_LeNet.onnx", 0.001),
        ("ctl_cartpole_tanh.onnx", 0.05),
        ("hls4ml_conv2d_small_mp_keras.onnx", 0.05),
        ("hls4ml_three_layer_bn_pytorch.onnx", 0.005),
        ("ctl_tora_relu.onnx", 0.05),
        ("ctl_acc_5x20.mat", 0.05),
    ],
)
def test_models_of_others(name, limit):
    source = read(shared_model(name))
    samples = np.random.default_rng(3).normal(size=(20, *source.inputs[0].shape))
    graph = quantise(source, samples)
    wanted = source.evaluate(samples)
    assert np.abs(graph.run(samples) - wanted).max() < limit * max(np.abs(wanted).max(), 1)
    formed = with_forms(graph)
    codes = graph.codes(samples)
    assert np.array_equal(formed.evaluate(codes), graph.evaluate(codes))


@pytest.mark.parametrize(("bits", "least"), [((4, 4), 0.96), ((3, 4), 0.94)])
def test_few_bits_of_the_digits_are_enough(bits, least):
    """Chosen from 200 images without their classes, tested with 360 others."""
    source = read_source(shipped.path("digits-float"))
    with np.load(shipped.data("digits-calibration")) as arrays:
        samples = arrays["x"][:, None].astype(np.float64)
    with np.load(shipped.data("digits")) as arrays:
        x, y = arrays["x"][:, None].astype(np.float64), arrays["y"]
    graph = quantise(source, samples, Choices(weight_bits=bits[0], activation_bits=bits[1]))
    found = graph.run(x).reshape(len(y), -1).argmax(axis=1)
    assert (found == y).mean() >= least
