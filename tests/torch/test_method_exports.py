"""Every method ends in a report, and in an export whose hardware gives the logits of training."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - only where there is torch
from trained_digits import BIAS, digits  # noqa: E402

import holigrail_hw.torch as hgt  # noqa: E402
from holigrail_hw.models import read  # noqa: E402
from holigrail_hw.torch import methods  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")

TYPES = tuple(getattr(methods, name) for name in methods.__all__)
METHODS = {
    kind
    for kind in TYPES
    if isinstance(kind, type) and issubclass(kind, methods.Method) and kind is not methods.Method
}


def matrices():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 10)
    )


def convolutions():
    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
    parts = [first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(24, 10))


def integers(weight=5, activation=4):
    """All that an export wants: few bits of what is read, of weights, and of biases."""
    given = hgt.Quantize("uint5", 1 / 16)
    return methods.Integers(weight, activation, input=given, bias=BIAS)


def judged():
    x, y = digits()[:2]
    return x[:256], y[:256]


def adaqat():
    return methods.AdaQAT(1.0, judged(), batch=128, input_bits=5, every=8)


MAKERS = {
    "integers": (matrices, lambda: [integers()]),
    "adaqat": (matrices, lambda: [adaqat(), integers(None, None)]),
    "adder_cost": (matrices, lambda: [methods.AdderCost(0), integers(None)]),
    "freezing": (
        matrices,
        lambda: [methods.AdderCost(1), methods.Freezing([(0.5, 1.0)]), integers(None)],
    ),
    "structured": (matrices, lambda: [integers(), methods.Structured(4, 8, at=1)]),
    "patterns": (convolutions, lambda: [integers(), methods.Patterns(2, 4, at=1)]),
    "group_lasso": (matrices, lambda: [methods.GroupLasso(2e-3), integers()]),
    "entropy": (matrices, lambda: [methods.Entropy(0.1), integers(None)]),
    "low_rank": (matrices, lambda: [methods.LowRank(4, ["0", "2"]), integers()]),
    "tucker": (convolutions, lambda: [methods.Tucker((3, 3), ["3"]), integers()]),
    "trust_region": (matrices, lambda: [methods.TrustRegion(4, judged()), integers(None)]),
    "retrain": (matrices, lambda: [methods.Retrain(["2", "4"]), integers()]),
}


def images(make):
    x = digits()[2]
    return x if make is matrices else x.reshape(-1, 1, 8, 8)


def trained(name, epochs=2):
    """The model of a method, the methods, and their reports."""
    torch.set_num_threads(1)
    make, chosen = MAKERS[name]
    model, given = make(), chosen()
    x, y = digits()[:2]
    x = x if make is matrices else x.reshape(-1, 1, 8, 8)
    found = methods.fit(
        model, (x, y), lambda p: torch.optim.Adam(p, 1e-2), epochs=epochs, methods=given
    )
    return model.eval(), given, found.reports


def check(name):
    """The exported network, its images and the codes of training's logits, all of them equal."""
    model, given, reports = trained(name)
    assert len(reports) == len(given) and all(r.figures for r in reports)
    x = images(MAKERS[name][0])
    network = hgt.export(model, x, name)
    with torch.no_grad():
        logits = model(x)
    wanted = network.codes_of(logits.double().numpy())
    assert wanted.shape == (360, 10)
    assert np.array_equal(network.codes(x.numpy()), wanted)
    right = float((logits.argmax(1) == digits()[3]).double().mean())
    assert network.accuracy(x.numpy(), digits()[3].numpy()) == pytest.approx(right)
    assert len(np.unique(wanted)) > 50
    return network, x.numpy(), wanted


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_logits_of_training_are_those_of_the_hardware(name):
    """One array for all, so that it is compiled once."""
    network, x, wanted = check(name)
    array = network.design("tensor-array", activation="int9", weight="int8", products=128)
    assert np.array_equal(network.simulate(x, array), wanted)


def test_every_method_is_among_them():
    used = {type(method) for _, chosen in MAKERS.values() for method in chosen()}
    assert used == METHODS and len(METHODS) == 12


def test_words_of_no_adder_in_parallel_hardware():
    """Products with powers of two are shifts there: no adder but those of sums."""
    network, x, wanted = check("adder_cost")
    design = network.design("parallel", iterations=0)
    assert np.array_equal(network.simulate(x, design), wanted)
    matrices = [node.weights for node in network.graph.nodes if node.kind == "linear"]
    sums = sum(np.count_nonzero(w, axis=0).clip(1).sum() - w.shape[1] for w in matrices)
    assert design.facts()["adders of the matrices"] <= sums


def test_coded_weights_reach_the_array_through_the_decoder():
    network, x, wanted = check("entropy")
    array = network.design("tensor-array", activation="int9", weight="int8", products=128)
    assert np.array_equal(network.simulate(x[:60], array, coded=True), wanted[:60])


def test_a_free_step_is_found_again(tmp_path):
    """Steps that are no powers of two stay with the layer as its quantiser."""
    torch.set_num_threads(1)
    model, given = matrices(), hgt.Quantize("uint5", 1 / 16)
    chosen = methods.Integers(5, 4, free=True, input=given, bias=BIAS)
    samples = tuple(digits()[:2])
    methods.fit(model, samples, lambda p: torch.optim.Adam(p, 1e-2), epochs=1, methods=[chosen])
    model, x = model.double().eval(), digits()[2].double()
    with torch.no_grad():
        logits = model(x).numpy()
    network = hgt.export(model, x, "free")
    network.to_qonnx(tmp_path / "free.onnx")
    again = read(tmp_path / "free.onnx")
    assert np.array_equal(again.evaluate(again.codes(x.numpy())), network.codes_of(logits))
    steps = {float(model[at].parametrizations.weight[0].scale) for at in (0, 2, 4)}
    assert all(np.log2(step) % 1 for step in steps)


@pytest.mark.parametrize("name", ["integers", "adaqat", "entropy"])
def test_a_training_can_be_exported_before_it_ends(name):
    """Layers know their codes themselves, and states keep the bits that were learnt."""
    make, chosen = MAKERS[name]
    model, given = make().train(), chosen()
    for method in given:
        method.attach(model)
    for own in (*given[0].integers.weights.values(),) if name == "adaqat" else ():
        own.bits = 3
    x = images(make)
    model(digits()[0][:64])
    network = hgt.export(model.eval(), x, name)
    with torch.no_grad():
        wanted = network.codes_of(model(x).double().numpy())
    assert np.array_equal(network.codes(x.numpy()), wanted)
    other = make()
    for method in chosen():
        method.attach(other)
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    again = hgt.export(other.eval(), x, name)
    assert np.array_equal(again.codes(x.numpy()), wanted)


def test_numbers_of_either_sign_get_signed_codes():
    rounding = methods.integers.Activation(4)
    y = rounding(torch.linspace(-3, 2, 500))
    unit = float(rounding.scales())
    codes = y.detach() / unit
    assert str(rounding.format) == "int4" and torch.equal(codes, codes.round())
    # What is beyond saturates, at the ends of the format.
    found = rounding(torch.tensor([-1e3, 1e3], requires_grad=True)) / unit
    assert found.tolist() == [-8.0, 7.0]
    found.sum().backward()
    assert float(rounding.limit.grad) == (7 - 8) / unit or float(rounding.limit.grad) == 0.0


def test_a_second_quantiser_of_an_input_is_refused():
    layer = hgt.attach(nn.Linear(3, 2), hgt.Quantize("int4", 1.0), "input")
    with pytest.raises(ValueError, match="attach: a layer's input must have one quantiser"):
        hgt.attach(layer, hgt.Quantize("int4", 1.0), "input")
    assert torch.equal(layer(torch.full((1, 3), 2.4)), layer(torch.full((1, 3), 2.0)))
