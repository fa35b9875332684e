"""The loop: losses and gradients, freezing, penalties, and that all is repeatable."""

import numpy as np
import pytest
from networks_for_training import convolutional, dense

from holigrail_hw.models import ModelError
from holigrail_hw.nn.training import learning
from holigrail_hw.nn.training.coefficients import coefficients
from holigrail_hw.nn.training.learning import Plan, error_of
from holigrail_hw.nn.training.number_formats import Bits
from holigrail_hw.nn.training.retrain import retrained
from holigrail_hw.nn.training.samples import DataSet, Imitation


@pytest.mark.parametrize("wanted", [np.array([2, 0, 1, 1]), np.arange(12.0).reshape(4, 3) / 7])
def test_losses_and_their_gradients(wanted):
    outputs = np.random.default_rng(1).normal(size=(4, 3))
    loss, gradient = error_of(outputs, wanted)
    for place in np.ndindex(outputs.shape):
        moved = outputs.copy()
        moved[place] += 1e-6
        assert (error_of(moved, wanted)[0] - loss) / 1e-6 == pytest.approx(
            gradient[place], abs=1e-5
        )
    if wanted.ndim == 2:
        assert loss == pytest.approx(((outputs - wanted) ** 2).mean())
    else:
        shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
        assert loss == pytest.approx(-np.log(shares[range(4), wanted]).mean())


@pytest.fixture(scope="module")
def model():
    return dense([3, 12, 8, 1], ["Relu", "Relu", "linear"], seed=7)


@pytest.fixture(scope="module")
def samples(model):
    return Imitation(model, ((-1, 1), (0, 2), (0.5, 0.5)))


PLAN = Plan(steps=400, batch=64)


@pytest.fixture(scope="module")
def trained(model, samples):
    lines = []
    allowed = coefficients("power-of-two", 6)
    found = retrained(model, samples, None, allowed, plan=PLAN, seed=3, progress=lines.append)
    return found, lines


def words_of(graph):
    return np.concatenate([n.weights.reshape(-1) for n in graph.nodes if n.kind == "linear"])


def test_training_lessens_the_error(trained, model, samples):
    found, lines = trained
    before, after = found.errors
    assert after < before / 2
    x, y = samples.draw(np.random.default_rng(77), 500)
    for graph, error in ((found.before, before), (found.graph, after)):
        fresh = ((graph.run(x).reshape(y.shape) - y) ** 2).mean()
        assert fresh == pytest.approx(error, rel=0.35)
    assert found.largest >= np.sqrt(after)
    assert lines[0].startswith("step 100 of 400, loss ") and len(lines) == 4


def test_all_words_are_allowed_ones(trained):
    for graph in (trained[0].before, trained[0].graph):
        assert {*words_of(graph).tolist()} <= {0, *(s << p for p in range(5) for s in (1, -1)), -32}
    assert trained[0].adders[0] == trained[0].adders_before[0] == 0


def test_the_same_seed_gives_the_same_bytes(trained, model, samples):
    allowed = coefficients("power-of-two", 6)
    texts = [
        retrained(model, samples, None, allowed, plan=PLAN, seed=seed).graph.to_json()
        for seed in (3, 4)
    ]
    assert texts[0] == trained[0].graph.to_json() != texts[1]


def test_when_how_many_weights_are_frozen():
    assert Plan(steps=100).freezings() == [(90, 1.0)]
    assert Plan(steps=200, freeze_from=0.95).freezings() == [(190, 1.0)]
    gradual = [(50, 0.5), (60, 0.75), (70, 0.875), (80, 0.95), (90, 1.0)]
    assert Plan(steps=100, freeze_from=0.5).freezings() == gradual


def test_frozen_words_stay(model, samples, monkeypatch):
    """After every freezing as many words as were to be are those of the end."""
    seen = []
    freeze = learning._freeze

    def watched(network, prices, frozen, share, penalty):
        freeze(network, prices, frozen, share, penalty)
        seen.append((network.words.copy(), frozen.copy(), share))

    monkeypatch.setattr(learning, "_freeze", watched)
    plan = Plan(steps=100, batch=32, freeze_from=0.2)
    found = retrained(model, samples, None, coefficients("cost-1", 6), plan=plan, seed=1)
    end = words_of(found.graph)
    assert [share for *_, share in seen] == [0.5, 0.75, 0.875, 0.95, 1.0]
    for words, frozen, share in seen:
        assert frozen.sum() == round(share * len(end))
        assert (words[frozen] == end[frozen]).all()
    assert (seen[0][0] != end).any()


def test_biases_move_when_all_words_are_frozen(model, samples, monkeypatch):
    monkeypatch.setattr(learning, "_FROZEN", 0.0)
    plan = Plan(steps=100, batch=32, freeze_from=0.0)
    still = retrained(model, samples, None, coefficients("cost-1", 6), plan=plan, seed=1)
    assert (words_of(still.graph) == words_of(still.before)).all()
    biases = [[n.bias for n in g.nodes if n.kind == "linear"] for g in (still.before, still.graph)]
    assert any((a != b).any() for a, b in zip(*biases, strict=True))
    assert still.errors[1] < still.errors[0]


def test_a_penalty_takes_adders_away(model, samples):
    adders = []
    for penalty in (0.0, 10.0):
        plan = Plan(steps=200, batch=64, penalty=penalty)
        found = retrained(model, samples, None, coefficients("any", 8), plan=plan, seed=1)
        adders.append(sum(found.adders))
        assert found.errors[1] < 0.02
    assert adders[1] < 0.75 * adders[0]


def test_classes_are_learnt():
    """Images of three kinds, told apart by a bright row; accuracies before and after."""
    rng = np.random.default_rng(2)
    model = convolutional()
    y = rng.integers(0, 3, 300)
    x = rng.uniform(0, 8, (300, 1, 2, 7, 6))
    x[np.arange(300), 0, y % 2, 2 + y] += 16
    samples = DataSet(x[:200], y[:200])
    plan = Plan(steps=250, batch=50, rate=0.6)
    judged = DataSet(x[200:], y[200:])
    found = retrained(model, samples, judged, coefficients("cost-1", 8), plan=plan, seed=1)
    assert found.accuracies is not None
    real, before, after = found.accuracies
    assert real == (model.evaluate(x[200:]).reshape(100, 3).argmax(axis=1) == y[200:]).mean()
    right = found.graph.run(x[200:]).reshape(100, 3).argmax(axis=1) == y[200:]
    assert after == right.mean() > max(real, before, 0.8)
    assert found.remarks == ()
    alone = retrained(model, samples, None, coefficients("cost-1", 8), plan=Plan(steps=1), seed=1)
    assert alone.remarks == ("judged by the data that it was trained on",)


def test_outputs_are_learnt_from_data(model):
    """One output per sample may stand in a row of its own, or not; a function is matched."""
    x = np.random.default_rng(1).uniform(-1, 1, (200, 3))
    y = 0.5 * x[:, 0] - x[:, 1]
    plan = Plan(steps=250, batch=64, rate=1.5)
    errors = []
    for wanted in (y, y[:, None]):
        found = retrained(model, DataSet(x, wanted), None, coefficients("any", 8), plan=plan)
        errors.append(found.errors)
        assert found.accuracies is None
    assert errors[0] == errors[1] and errors[0][1] < errors[0][0] / 5


@pytest.mark.parametrize("activation", ["Tanh", "Sigmoid"])
def test_functions_are_trained_through(activation):
    model = dense([2, 10, 6, 1], [activation, activation, "linear"], seed=4)
    samples = Imitation(model, ((-2, 2), (-2, 2)))
    plan, bits = Plan(steps=250, batch=64), Bits(function=7)
    found = retrained(
        model, samples, None, coefficients("power-of-two", 6), plan=plan, bits=bits, seed=2
    )
    assert found.errors[1] < found.errors[0] / 3


REFUSED = [
    ((4, 2), np.zeros(4), "dense: x must be numbers (samples, 3), not (4, 2)"),
    (
        (4, 3),
        np.zeros((4, 2)),
        "dense: y must be classes, or 1 finite numbers for every sample, not (4, 2)",
    ),
    ((4, 3), np.zeros(5), "dense: there must be a y for every x, not 5 for 4"),
]


@pytest.mark.parametrize(("shape", "y", "message"), REFUSED)
def test_data_that_do_not_fit(model, shape, y, message):
    with pytest.raises(ModelError) as error:
        retrained(model, DataSet(np.zeros(shape), y), None, coefficients("any", 8))
    assert str(error.value) == message


def test_classes_beside_outputs(model):
    other = dense([3, 4, 2], ["Relu", "linear"])
    x = np.zeros((2, 3))
    one, two = DataSet(x, np.zeros((2, 2))), DataSet(x, np.array([0, 1]))
    with pytest.raises(ModelError) as error:
        retrained(other, one, two, coefficients("any", 8))
    assert str(error.value) == "dense: both data must have classes, or neither"
    with pytest.raises(ModelError) as error:
        retrained(other, DataSet(x, np.array([0, 2])), None, coefficients("any", 8))
    assert str(error.value) == "dense: classes must be 0 to 1, not 0 to 2"
