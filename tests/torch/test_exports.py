"""Trained networks through their hardware: the same codes of logits on all images of the test set.

The accuracy that training prints is that of the generated hardware.
"""

import dataclasses
import json
from collections import OrderedDict

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from trained_digits import digits, layer, perceptron, train

import holigrail_hw.torch as hgt
from holigrail_hw.core import RequestError, find
from holigrail_hw.models import IntegerGraph, ModelError, read, read_source
from holigrail_hw.nn.number_network import NumberGraph

pytestmark = pytest.mark.xdist_group("torch")

INTEGERS = hgt.PowerOfTwo(momentum=0.0)
POWERS = [0, *(sign << places for places in range(5) for sign in (1, -1))]
FP8 = hgt.Arithmetic(
    forward=hgt.Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16"),
    grad_input=hgt.Gemm(a="fp8_e5m2", b="fp8_e4m3", accumulator="fp16"),
    grad_weight=hgt.Gemm(a="fp8_e5m2", b="fp8_e4m3", accumulator="fp16"),
)


class FourOfEight(nn.Module):
    """Keeps the four greatest of eight weights along the input."""

    def forward(self, weight):
        groups = weight.reshape(len(weight), -1, 8)
        kept = torch.zeros_like(groups).scatter(-1, groups.abs().topk(4, -1).indices, 1.0)
        return (groups * kept).reshape(weight.shape)


def logits(model, x):
    with torch.no_grad():
        return model(x).double().numpy()


def exported(model, name):
    """The network, the images, and the codes of PyTorch's logits for all of them."""
    x = digits()[2]
    network = hgt.export(model, x, name)
    return network, x.numpy(), network.codes_of(logits(model, x))


def check_all_images(model, printed, name, design, **options):
    """Training's accuracy and logits are those of the twin and of the simulated hardware.

    Gives the network and its hardware.
    """
    network, x, wanted = exported(model, name)
    y = digits()[3].numpy()
    assert len(x) == 360
    assert np.array_equal(network.codes(x), wanted)
    hardware = design(network)
    found = network.simulate(x, hardware, **options)
    assert np.array_equal(found, wanted)
    assert network.accuracy(x, y, found) == network.accuracy(x, y) == pytest.approx(printed)
    return network, hardware


def test_integers_in_parallel_hardware():
    model = perceptron(lambda: [hgt.Quantize("int4", INTEGERS)], hidden=8)
    printed = train(model)
    assert printed > 0.7
    check_all_images(model, printed, "integers", lambda n: n.design("parallel", iterations=0))


def test_powers_of_two_take_no_adder_for_products():
    model = perceptron(lambda: [hgt.Words(POWERS, 2.0**-4)], hidden=8)
    printed = train(model)
    assert printed > 0.7
    network, hardware = check_all_images(
        model, printed, "powers", lambda n: n.design("parallel", iterations=0)
    )
    words = np.concatenate(
        [node.weights.reshape(-1) for node in network.graph.nodes if node.kind == "linear"]
    )
    # A product with a power of two is a shift: adders are those of sums alone.
    assert {*np.abs(words[words != 0]).tolist()} <= {1 << places for places in range(5)}
    adders = hardware.facts()["adders of the matrices"]
    sums = sum(
        np.count_nonzero(node.weights, axis=0).clip(1).sum() - node.weights.shape[1]
        for node in network.graph.nodes
        if node.kind == "linear"
    )
    assert adders <= sums


def test_fp8_on_the_matrix_engine():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    model = hgt.convert(plain, {nn.Linear: FP8})
    printed = train(model)
    assert printed > 0.85
    network, _ = check_all_images(model, printed, "fp8", lambda n: n.design(rows=4, columns=4))
    assert isinstance(network.graph, NumberGraph)
    golden = network.graph.evaluate(digits()[2].numpy()[:4], golden=True)
    assert np.array_equal(network.codes_of(golden), network.codes(digits()[2].numpy()[:4]))


@pytest.fixture(scope="module")
def sparse():
    def weights():
        return [FourOfEight(), hgt.Quantize("int6", INTEGERS)]

    model = perceptron(weights, "uint6")
    return model, train(model)


@pytest.mark.parametrize("coded", [False, True])
def test_four_of_eight_on_the_tensor_array(sparse, coded):
    """With coded weights the array gets them from the Huffman decoder."""
    model, printed = sparse
    assert printed > 0.6
    check_all_images(
        model,
        printed,
        "sparse",
        lambda n: n.design("tensor-array", group=8, kept=4),
        coded=coded,
    )


def test_too_many_weights_of_a_group_are_refused_by_the_array(sparse):
    network, x, _ = exported(sparse[0], "sparse")
    with pytest.raises(ValueError, match="must have at most 2 weights, not"):
        network.simulate(x[:1], network.design("tensor-array", group=8, kept=2))


def convolutional():
    torch.manual_seed(0)
    conv = hgt.attach(nn.Conv2d(1, 3, 3, padding=1), hgt.Quantize("int5", INTEGERS))
    hgt.attach(conv, hgt.Quantize("sfix16_en10"), "bias")
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        hgt.Quantize("uint5", 1 / 16),
        conv,
        nn.ReLU(),
        nn.MaxPool2d(2),
        hgt.Quantize("uint4", hgt.PowerOfTwo()),
        nn.Flatten(),
        layer(48, 10, hgt.LSQ(4)),
    )
    train(model, 1)
    return model[1:].eval()


def test_convolutions_in_streams_and_arrays():
    model = convolutional()
    x = digits()[2].reshape(-1, 1, 8, 8)[:40]
    network = hgt.export(model, x, "convolutional")
    wanted = network.codes_of(logits(model, x))
    assert np.array_equal(network.codes(x.numpy()), wanted)
    array = network.design("tensor-array")
    assert np.array_equal(network.simulate(x.numpy()[:5], array), wanted[:5])
    assert network.design("stream").graph.macs == network.graph.macs


@pytest.mark.heavy
@pytest.mark.parametrize("style", ["stream", "engine"])
def test_other_styles_of_hardware(style):
    model = convolutional()
    x = digits()[2].reshape(-1, 1, 8, 8)[:20]
    network = hgt.export(model, x, "convolutional")
    found = network.simulate(x.numpy(), network.design(style))
    assert np.array_equal(found, network.codes_of(logits(model, x)))


WEIGHTS = {
    "learned": lambda: hgt.LSQ(4),
    "learned-float": lambda: hgt.LSQ(4, power_of_two=False),
    "dorefa": lambda: hgt.DoReFa(3),
    "float": lambda: hgt.Quantize("int5", hgt.Float(momentum=0.0)),
    "channels": lambda: hgt.Quantize(
        "int5", hgt.PowerOfTwo(axis=0, momentum=0.0), like=torch.zeros(12, 64)
    ),
}


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_every_quantiser_gives_the_same_codes(tmp_path, name):
    torch.manual_seed(0)
    model = nn.Sequential(
        hgt.Quantize("uint5", 1 / 16),
        layer(64, 12, WEIGHTS[name]()),
        nn.ReLU(),
        hgt.PACT(4, power_of_two=name != "learned-float"),
        layer(12, 10, hgt.LSQ(5, power_of_two=name != "learned-float")),
    )
    train(model, 1)
    x = digits()[2]
    if name == "learned-float":
        # Products of scales with 8 bits each want more than the bits of float32.
        with pytest.raises(ModelError, match="sums must have at most 24 bits, .*, not"):
            hgt.export(model, x, name.replace("-", "_"))
        model, x = model.double(), x.double()
    network = hgt.export(model, x, name.replace("-", "_"))
    wanted = network.codes_of(logits(model, x))
    network.to_qonnx(tmp_path / "network.onnx")
    network.to_json(tmp_path / "network.json")
    for file in ("network.onnx", "network.json"):
        graph = read(tmp_path / file)
        assert isinstance(graph, IntegerGraph)
        found = graph.evaluate(graph.codes(x.double().numpy()))
        assert np.array_equal(found.reshape(len(found), -1), wanted)


def test_layers_of_integers_with_their_arithmetic():
    gemm = hgt.Gemm(a="ufix5_en4", b="sfix6_en5", accumulator="sfix24_en9")
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    second = hgt.Arithmetic(
        forward=hgt.Gemm(a="ufix6_en3", b="sfix6_en5", accumulator="sfix24_en8"), bias="after"
    )
    model = hgt.convert(plain, {"0": hgt.Arithmetic(forward=gemm), "2": second}).eval()
    with torch.no_grad():
        model[2].bias.copy_(torch.round(model[2].bias * 256) / 256)
    network, x, wanted = exported(model, "arithmetic")
    assert np.array_equal(network.codes(x), wanted)
    narrow = hgt.Gemm(a="ufix5_en4", b="sfix6_en5", accumulator="sfix12_en9")
    model = hgt.convert(plain, {nn.Linear: hgt.Arithmetic(forward=narrow)}).eval()
    with pytest.raises(ModelError, match="0: the accumulator must hold every sum, up to"):
        hgt.export(model, digits()[2], "arithmetic")


def test_qonnx_of_floats_says_its_arithmetic(tmp_path):
    import onnx

    torch.manual_seed(0)
    model = hgt.convert(nn.Sequential(nn.Linear(64, 6)), {nn.Linear: FP8}).eval()
    network, x, _ = exported(model, "fp8")
    with pytest.warns(UserWarning, match="fp8: QONNX cannot say how sums are rounded"):
        network.to_qonnx(tmp_path / "fp8.onnx")
    stored = onnx.load(tmp_path / "fp8.onnx")
    said = json.loads({p.key: p.value for p in stored.metadata_props}["holigrail.arithmetic"])
    assert said["_0"] | {"accumulator": "fp16", "accumulation": "fused"} == said["_0"]
    (quantiser,) = [node for node in stored.graph.node if node.op_type == "FloatQuant"]
    known = {item.name: item.i for item in quantiser.attribute}
    # What is too large for E4M3 becomes NaN.
    assert (known["has_inf"], known["has_nan"], known["saturation"]) == (0, 1, 0)
    source = read_source(tmp_path / "fp8.onnx")
    near = source.evaluate(x).reshape(len(x), -1)
    assert np.abs(near - network.numbers(network.codes(x))).max() < 0.02
    network.to_json(tmp_path / "fp8.json")
    again = NumberGraph.from_json((tmp_path / "fp8.json").read_text())
    assert np.array_equal(again.codes(again.evaluate(x)), network.codes(x))


def test_convolutions_of_floats_and_means_of_integers():
    torch.manual_seed(0)
    x = digits()[2].reshape(-1, 1, 8, 8)[:30]
    layers = [nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    plain = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 4))
    model = hgt.convert(plain, {nn.Linear: FP8, nn.Conv2d: FP8}).eval()
    network = hgt.export(model, x, "floats")
    assert np.array_equal(network.codes(x.numpy()), network.codes_of(logits(model, x)))
    mean = nn.Sequential(
        hgt.Quantize("uint5", 1 / 16), nn.AvgPool2d(2), hgt.Quantize("uint4", 1 / 8), nn.Flatten()
    )
    mean.append(layer(16, 4, hgt.Quantize("int4", 1 / 8)))
    network = hgt.export(mean.eval(), x, "means")
    assert np.array_equal(network.codes(x.numpy()), network.codes_of(logits(mean, x)))
    assert "pool" in {node.kind for node in network.graph.nodes}


def refused(model, match, x=None):
    with pytest.raises(ModelError, match=match) as error:
        hgt.export(model, digits()[2][:4] if x is None else x, "wrong")
    return error.value


def test_all_that_cannot_be_exported_is_named_at_once():
    model = nn.Sequential(
        nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Sequential(nn.Tanh(), nn.Softmax(1))
    )
    error = refused(model.eval(), "wrong: 1: BatchNorm1d cannot be exported")
    assert [text.split(": ")[1] for text in error.violations] == ["1", "2.0", "2.1"]
    assert error.hint is not None and "fold it into the layer before" in error.hint


def test_what_is_not_quantised_is_refused():
    x = digits()[2][:4]
    refused(nn.Sequential(nn.Linear(64, 8)), "must be in the mode for evaluation")
    refused(nn.Sequential(nn.Linear(63, 8)).eval(), "wrong: the example must fit the model: ")
    refused(nn.Sequential(nn.Linear(64, 8)).eval(), "0: its operand must come from a quantiser")
    bare = nn.Sequential(hgt.Quantize("uint5", 1 / 16), nn.Linear(64, 8)).eval()
    refused(bare, "1: weights must be quantised, not numbers of")
    fine = nn.Sequential(hgt.Quantize("uint5", 1 / 16), nn.Linear(64, 8))
    hgt.attach(fine[1], hgt.Quantize("int4", 1 / 8))
    error = refused(fine.eval(), "1: sums must have at most 24 bits")
    assert error.hint is not None and "attach a quantiser to the bias" in error.hint
    hgt.attach(fine[1], hgt.Quantize("sfix12_en7"), "bias")
    assert hgt.export(fine.eval(), x, "right").codes(x.numpy()).shape == (4, 8)
    with pytest.raises(ModelError, match="export: name must be letters, digits and _"):
        hgt.export(fine, x, "../out")
    wild = nn.Sequential(hgt.Quantize("uint5", 1 / 16, rounding="stochastic"), fine[1]).eval()
    with hgt.seed(1):
        refused(wild, "0: the rounding must be nearest_even, .*, not stochastic")
    wraps = nn.Sequential(hgt.Quantize("uint5", 1 / 16, overflow="wrap"), fine[1]).eval()
    refused(wraps, "0: overflow must saturate, not wrap")


def test_what_ends_in_no_codes_is_refused():
    fine = [hgt.Quantize("uint5", 1 / 16), layer(64, 8, hgt.Quantize("int4", 1 / 8))]
    refused(nn.Sequential(*fine, nn.ReLU()).eval(), "wrong: 2: a quantiser must follow, not")
    gemm = hgt.Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    after = hgt.Arithmetic(forward=gemm, bias="after")
    model = nn.Sequential(hgt.Linear(64, 8, arithmetic=after), nn.ReLU()).eval()
    refused(model, "wrong: 0: a bias after the sums must have an output format")
    model[0].arithmetic = dataclasses.replace(after, output="bf16")
    x = digits()[2][:4]
    assert hgt.export(model, x, "right").codes(x.numpy()).shape == (4, 8)
    noisy = dataclasses.replace(gemm, rounding="stochastic")
    model = hgt.convert(model, {nn.Linear: hgt.Arithmetic(forward=noisy)})
    refused(model, "wrong: 0: a rounding must not be stochastic, for arrays have no random words")


@pytest.mark.parametrize(
    ("operator", "options", "text"),
    [
        ("gemm", {"sum_rounding": "stochastic"}, "sum_rounding must not be stochastic in an array"),
        ("systolic-array", {"rounding": "stochastic"}, "rounding must not be stochastic in an"),
    ],
)
def test_arrays_have_no_random_words(operator, options, text):
    formats = {"activation": "fp8_e4m3", "weight": "fp8_e4m3", "accumulator": "fp16"}
    with pytest.raises(RequestError, match=f"{text}.*which has no random words"):
        find(operator)(**formats, **options)


def test_a_forward_of_ones_own_is_followed():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter = hgt.Quantize("uint5", 1 / 16)
            self.first = layer(64, 6, hgt.Quantize("int4", 1 / 8))
            self.middle = hgt.Quantize("int6", 1 / 4)
            self.second = layer(6, 6, hgt.Quantize("int4", 1 / 8))

        def forward(self, x):
            x = self.middle(torch.relu(self.first(self.enter(x.reshape(x.shape[0], -1)))))
            return self.middle(self.second(x)) + x

    torch.manual_seed(0)
    model = Residual().eval()
    network, x, wanted = exported(model, "residual")
    assert np.array_equal(network.codes(x), wanted)
    assert [node.kind for node in network.graph.nodes].count("add") == 1


def test_names_of_modules_are_free():
    parts = {"x_codes": hgt.Quantize("uint5", 1 / 16), "x": layer(64, 6, hgt.LSQ(4))}
    network, x, wanted = exported(nn.Sequential(OrderedDict(parts)).eval(), "names")
    assert np.array_equal(network.codes(x), wanted)


def test_the_comparison_with_pytorch_can_fail(monkeypatch):
    from holigrail_hw.torch.exporting import quantised

    model = perceptron(lambda: [hgt.Quantize("int4", INTEGERS)]).eval()
    right = quantised.grid_of_format

    def planted(format, scale, rounding, who):
        return right(format, np.asarray(scale) * (2 if "3" in who else 1), rounding, who)

    monkeypatch.setattr(quantised, "grid_of_format", planted)
    refused(model, "wrong: logits must be those of PyTorch, .* at output")
