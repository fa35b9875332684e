"""Chains of layers: what they compute, in real numbers, as words, and as the integer graph."""

from dataclasses import replace

import numpy as np
import pytest
from model_files import shared_model
from networks_for_training import convolutional, dense

from holigrail_hw.models import IntegerGraph, ModelError, read_source, shipped
from holigrail_hw.models.passes.forms import with_forms
from holigrail_hw.models.source.nodes import SourceNode
from holigrail_hw.nn.training.chain import chain_of
from holigrail_hw.nn.training.coefficients import coefficients
from holigrail_hw.nn.training.integers import input_codes, integer_graph
from holigrail_hw.nn.training.number_formats import Bits, chosen_formats, real_values
from holigrail_hw.nn.training.trainable import Trainable

MODELS = {
    "relu": lambda: dense([3, 5, 4, 2], ["Relu", "Relu", "linear"]),
    "relu at the end": lambda: dense([3, 5, 1], ["Relu", "Relu"]),
    "tanh": lambda: dense([4, 6, 3, 1], ["Tanh", "Tanh", "Tanh"]),
    "sigmoid": lambda: dense([2, 5, 5, 1], ["Sigmoid", "Relu", "Sigmoid"]),
    "scaled": lambda: dense(
        [3, 4, 2],
        ["Relu", "linear"],
        before=[("Sub", np.array([1.0, -2.0, 0.5])), ("Div", np.array([2.0, 1.0, 4.0]))],
        after=[("Mul", np.array(3.0)), ("Add", np.array([1.0, -1.0]))],
    ),
    "images": convolutional,
    "images and softmax": lambda: convolutional(softmax=True),
}


def samples_of(model, count, seed=2):
    return np.random.default_rng(seed).normal(0, 1.5, (count, *model.inputs[0].shape))


def inner(chain, x):
    """Samples in the shape of the first layer, by another way than the library's."""
    if len(chain.shape) == 3:
        return np.moveaxis(x.reshape(len(x), *chain.file_shape[1:]), 1, 3)
    return x.reshape(len(x), *chain.shape)


def started(model, x, name="cost-1", bits=None):
    chain, allowed = chain_of(model), coefficients(name, 8)
    shaped = inner(chain, x)
    first, formats = chosen_formats(chain, shaped, bits or Bits(), allowed)
    return Trainable(chain, first, formats, allowed, real_values(chain, shaped)[:-1])


@pytest.mark.parametrize("name", MODELS)
def test_a_chain_computes_what_the_model_does(name):
    model = MODELS[name]()
    x = samples_of(model, 20)
    chain = chain_of(model)
    found = real_values(chain, inner(chain, x))[-1].reshape(20, -1)
    wanted = model.evaluate(x).reshape(20, -1)
    if chain.softmax:
        powers = np.exp(found)
        found = powers / powers.sum(axis=1, keepdims=True)
    assert chain.softmax == (name == "images and softmax")
    assert found == pytest.approx(wanted, abs=1e-12)


FILES = ["ctl_acc_5x20.onnx", "ctl_tora_relu.onnx", "ctl_cartpole_tanh.onnx", "acasxu_1_1.onnx"]


@pytest.mark.parametrize("file", FILES)
def test_chains_of_files(file):
    model = read_source(shared_model(file))
    x = samples_of(model, 4)
    chain = chain_of(model)
    assert all(layer.window is None for layer in chain.layers)
    found = real_values(chain, inner(chain, x))[-1].reshape(4, -1)
    assert found == pytest.approx(model.evaluate(x).reshape(4, -1), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("allowed", ["power-of-two", "cost-1", "any"])
@pytest.mark.parametrize("name", MODELS)
def test_a_forward_pass_is_the_integer_graph_bit_for_bit(name, allowed):
    """Also where codes saturate, for words that are far from the model, and through a document."""
    model = MODELS[name]()
    network = started(model, samples_of(model, 50), allowed)
    rng = np.random.default_rng(3)
    for _ in range(3):
        x = samples_of(model, 200, seed=int(rng.integers(1000))) * 3
        graph = integer_graph(network)
        outputs, _ = network.forward(input_codes(network, x))
        found = graph.run(x, tail=False).reshape(200, -1)
        assert (found == outputs.reshape(200, -1)).all()
        again = IntegerGraph.from_json(graph.to_json())
        assert (again.run(x, tail=False).reshape(200, -1) == found).all()
        network.words = rng.choice(network.allowed.words, len(network.words)).astype(float)
        network.biases = rng.normal(0, 1, len(network.biases))


def test_every_tensor_is_that_of_the_training():
    """A wrong layer would show at the end only by chance: all codes between are looked at."""
    model = MODELS["relu"]()
    network = started(model, samples_of(model, 50))
    x = samples_of(model, 30, seed=9)
    graph = integer_graph(network)
    tensors = graph.evaluate(graph.codes(x), every=True)
    _, kept = network.forward(input_codes(network, x))
    for index in (1, 2):
        step = 2.0 ** -network.formats[index - 1].result
        assert (tensors[f"codes{index - 1}"] * step == kept[index][0]).all()
    assert (tensors["x"] * 2.0**-network.first.fraction == kept[0][0]).all()


@pytest.mark.parametrize("name", ["relu", "images"])
def test_codes_of_inputs_are_those_of_the_graph(name):
    """On ties, next to them, beyond the ends, and anywhere."""
    model = MODELS[name]()
    network = started(model, samples_of(model, 50), bits=Bits(input=6))
    shape, step = model.inputs[0].shape, 2.0**-network.first.fraction
    halves = np.random.default_rng(1).integers(-90, 90, (200, *shape)) * step / 2
    cases = [halves, np.nextafter(halves, 9), np.nextafter(halves, -9), halves * 0.999]
    cases += [np.full((1, *shape), v) for v in (5e-324, -5e-324, 1e300, -1e300)]
    x = np.concatenate(cases)
    graph = integer_graph(network)
    assert (graph.codes(x) * step == input_codes(network, x)).all()
    assert graph.inputs[0].low < 0 < graph.inputs[0].high


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "images"])
def test_hardware_takes_the_graph(name):
    """Every requantisation has a form, and forms change no result."""
    model = MODELS[name]()
    network = started(model, samples_of(model, 50))
    graph = integer_graph(network)
    x = samples_of(model, 50, seed=4)
    assert (with_forms(graph).run(x) == graph.run(x)).all()


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "images"])
def test_gradients_against_differences(name):
    """With so many bits that rounding moves nothing, they are those of the real network."""
    model = MODELS[name]()
    x = samples_of(model, 6)
    fine = Bits(input=24, activation=24, function=20)
    network = started(model, x, "any", fine)
    network.words = network.weights.copy()
    rng = np.random.default_rng(5)
    inputs = input_codes(network, x)
    outputs, kept = network.forward(inputs)
    direction = rng.normal(size=outputs.shape)
    weights, biases = network.backward(kept, direction)
    for values, gradient, step in ((network.words, weights, 1e-2), (network.biases, biases, 1e-3)):
        for place in rng.choice(len(values), min(25, len(values)), replace=False):
            before, found = values[place], []
            for sign in (1, -1):
                values[place] = before + sign * step
                found.append(float((network.forward(inputs)[0] * direction).sum()))
            values[place] = before
            slope = (found[0] - found[1]) / (2 * step)
            assert slope == pytest.approx(gradient[place], rel=2e-2, abs=2e-3)


def test_formats_follow_the_samples():
    model = dense([2, 3, 1], ["Relu", "linear"])
    chain, allowed = chain_of(model), coefficients("any", 8)
    whole = np.array([[0, 16], [3, 7]])
    first, formats = chosen_formats(chain, whole, Bits(), allowed)
    assert (first.fraction, first.low, first.high) == (0, 0, 16)
    first, _ = chosen_formats(chain, whole / 4, Bits(), allowed)
    assert (first.fraction, first.low, first.high) == (2, 0, 16)
    first, _ = chosen_formats(chain, np.array([[-1 / 3, 0.9]]), Bits(input=8), allowed)
    assert (first.fraction, first.low, first.high) == (7, -43, 115)
    largest = real_values(chain, whole)[1].max()
    narrow = chosen_formats(chain, whole, Bits(activation=5), allowed)[1]
    assert largest * 1.25 <= 31 * 2.0 ** -narrow[0].result < 2 * largest * 1.25
    assert formats[1].operand == formats[0].result <= formats[0].sums


def test_shipped_digits_are_a_chain():
    model = read_source(shipped.path("digits-float"))
    with np.load(shipped.data("digits")) as data:
        x, y = data["x"][:, None].astype(float), data["y"]
    network = started(model, x, "any")
    assert (network.first.fraction, network.first.low, network.first.high) == (0, 0, 16)
    outputs, _ = network.forward(input_codes(network, x))
    real = model.evaluate(x).reshape(len(x), -1).argmax(axis=1)
    assert (outputs.argmax(axis=1) == real).mean() > 0.98
    assert (integer_graph(network).run(x).reshape(outputs.shape) == outputs).all()
    assert (real == y).mean() > 0.9


def test_samples_that_are_no_numbers():
    chain = chain_of(MODELS["relu"]())
    with pytest.raises(ModelError, match="samples must be finite numbers, one or more"):
        chosen_formats(chain, np.full((2, 3), np.nan), Bits(), coefficients("any", 8))


def edited(model, place, **fields):
    nodes = [*model.nodes]
    nodes[place] = replace(nodes[place], **fields)
    return model.changed(nodes=tuple(nodes))


REFUSED = [
    (
        lambda: edited(MODELS["relu"](), 2, operator="Selu"),
        "dense: node relu0, Selu: a model to be trained must be a chain of matrices, windows, Relu,"
        " Tanh, Sigmoid, MaxPool",
    ),
    (
        lambda: MODELS["images and softmax"]().changed(
            nodes=(
                *MODELS["images and softmax"]().nodes,
                SourceNode("end", "Relu", ("softmax8",), ("end",)),
            ),
            outputs=("end",),
        ),
        "images: node end, Relu: layers must follow each other, and nothing a softmax",
    ),
    (
        lambda: MODELS["relu"]().changed(outputs=("add0_result", "add2_result")),
        "dense: a model to be trained must have one input and one output",
    ),
    (
        lambda: MODELS["relu"]().changed(nodes=(), outputs=("x",)),
        "dense: a model to be trained must have a layer and end with it",
    ),
    (
        lambda: edited(convolutional(), 0, operator="Add"),
        "images: node conv1, Conv: before a window there may be one factor, no more",
    ),
]


@pytest.mark.parametrize(("model", "message"), REFUSED)
def test_models_that_are_no_chain(model, message):
    with pytest.raises(ModelError) as error:
        chain_of(model())
    assert str(error.value) == message
