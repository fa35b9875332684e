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
    return methods.AdaQAT(1.0, judged(), batch=128, input_bits=5)


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


def trained(name, epochs=3):
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
    assert right > 0.5
    return network, x.numpy(), wanted


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_trained_logits_are_those_of_the_integer_graph(name):
    check(name)


def test_every_method_is_among_them():
    used = {type(method) for _, chosen in MAKERS.values() for method in chosen()}
    assert used == METHODS and len(METHODS) == 12
