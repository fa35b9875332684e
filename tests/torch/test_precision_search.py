"""Searches for formats: what they find is within the budget, and how far from the best."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - only where there is torch

import holigrail_hw.torch as hgt  # noqa: E402
from holigrail_hw.core import find  # noqa: E402
from holigrail_hw.formats import parse  # noqa: E402
from holigrail_hw.kernels import quantise  # noqa: E402
from holigrail_hw.torch import search  # noqa: E402
from holigrail_hw.torch.methods.fit import accuracy  # noqa: E402
from holigrail_hw.torch.search import solvers  # noqa: E402
from holigrail_hw.torch.search.layers import best_scale  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")

FORMATS = ("int8", "fp8_e4m3", "int4", "fp4_e2m1", "int2")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.fixture(scope="module")
def samples(model):
    torch.manual_seed(1)
    x = torch.randn(200, 12)
    with torch.no_grad():
        return x, (3 * model(x)).argmax(1)


def bits(layer, choice):
    return layer.products * choice.weight.width * choice.input.width


@pytest.fixture(scope="module")
def precision(model, samples):
    return search.Precision(model, samples, FORMATS, bits, 0.01)


def test_the_best_is_that_of_all_and_the_programme_comes_near(precision):
    for budget in (0.002, 0.01, 0.05, 0.3):
        best = precision.solve("exhaustive", budget)
        every = precision.combinations()
        losses = precision.evaluate(every)
        wanted = min(
            precision.cost_of(c) for c, loss in zip(every, losses, strict=True) if loss <= budget
        )
        assert best.cost == wanted and best.optimal and best.excess <= budget
        for method in ("ilp", "greedy"):
            pick = precision.solve(method, budget)
            assert pick.excess <= budget and not pick.optimal
            assert pick.cost >= wanted
            if method == "ilp":
                assert pick.cost <= 1.02 * wanted


def test_losses_are_those_of_rounded_layers(precision, model, samples):
    places = (2, 0, 3)
    with torch.no_grad():
        value = samples[0]
        for index, place in zip((0, 2, 4), places, strict=True):
            format, layer = parse(FORMATS[place]), model[index]
            seen = samples[0] if index == 0 else model[:index](samples[0])
            x_scale, w_scale = best_scale(format, seen), best_scale(format, layer.weight)
            low, high = map(float, format.number_range)
            parts = []
            for part, scale in ((value, x_scale), (layer.weight, w_scale)):
                numbers = np.clip(part.numpy().astype(np.float64) / scale, low, high)
                parts.append(torch.tensor(quantise(format, numbers) * scale).float())
            value = parts[0] @ parts[1].T + layer.bias
            value = value if index == 4 else value.relu()
        wanted = nn.functional.cross_entropy(value, samples[1])
    assert precision.evaluate([places])[0] == pytest.approx(
        float(wanted) - precision.base, abs=1e-6
    )


def test_the_model_stays_as_it_is(precision, model, samples):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    precision.solve("greedy", 0.02)
    after = model.state_dict()
    assert [*after] == [*before]
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not model[0]._forward_hooks and not model[0]._forward_pre_hooks


def test_modules_keep_their_modes(samples):
    """Those frozen for evaluation inside of a model that trains, say."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    model[1].eval()
    found = search.Precision(model, samples, FORMATS, bits, 0.1)
    found.solve("greedy")
    gemm = hgt.Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    search.narrowest_sums(model, samples, gemm, 10.0, fraction_bits=(9, 10), exponent_bits=2)
    accuracy(model, samples)
    assert [part.training for part in model.modules()] == [True, True, False, True]


def test_the_safest_formats_are_tried_at_last(precision, monkeypatch):
    """Although sensitivities are so wrong that no budget of the programme leads to them."""
    found = search.Precision(precision.model, precision.samples, FORMATS, bits, 0.0)
    safest = found.safest()
    found._known[safest] = 0.0
    monkeypatch.setattr(solvers, "programme", lambda given, budget: (4, 4, 4))
    found.sensitivities = [[1000.0 + loss for loss in row] for row in found.sensitivities]
    pick = found.solve("ilp", 0.0)
    assert pick is not None and pick.excess == 0.0


def test_a_budget_that_is_missed_is_repaired(precision):
    """Sensitivities that promise too little, as those of layers that hurt each other do."""
    found = search.Precision(precision.model, precision.samples, FORMATS, bits, 0.01)
    found.sensitivities = [[0.01 * loss for loss in row] for row in precision.sensitivities]
    pick = found.solve("ilp")
    assert pick.repairs > 0 and pick.excess <= 0.01


def test_nothing_within_a_budget_is_none(model, samples):
    found = search.Precision(model, samples, ["int2"], bits, 0.0)
    for method in ("ilp", "greedy", "exhaustive"):
        assert found.solve(method) is None


def test_choices_of_layers_apart_and_formats_of_weights_apart(model, samples):
    narrow = search.Choice("int4", "int8")
    found = search.Precision(model, samples, {"0": ["int8", narrow], "4": ["fp16"]}, bits, 1.0)
    pick = found.solve()
    assert pick.formats == {"0": "int4/int8", "4": "fp16"}
    assert pick.cost == 12 * 16 * 32 + 24 * 256
    assert [layer.products for layer in found.layers] == [192, 24]


def test_costs_are_those_of_operators(model):
    layer, choice = search.Layer("0", 100, 50), search.Choice.of("int4")
    spec = find("mac")(a="int4", b="int4", accumulator="int32")
    assert search.luts()(layer, choice) == spec.cost()["luts"]
    assert search.adders()(layer, choice) == spec.cost()["one_bit_adders"]
    assert search.weight_bits()(layer, choice) == 200
    assert 0 < search.energy()(layer, choice) < search.energy()(layer, search.Choice.of("int8"))
    assert search.Choice.of("fp4_e2m1").sums() == parse("fp32")


def test_convolutions_count_every_place():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3))
    samples = torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1])
    found = search.Precision(model, samples, ["int8"], bits, 1.0)
    assert [layer.products for layer in found.layers] == [36 * 18, 216]


def test_a_layer_that_is_used_twice_counts_twice(samples):
    layer = nn.Linear(12, 12)
    found = search.Precision(nn.Sequential(layer, layer), samples, FORMATS, bits, 0.1)
    assert [one.products for one in found.layers] == [2 * 144]


def test_layers_that_are_not_called_are_refused(samples):
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(12, 3), nn.Linear(12, 3)

        def forward(self, x):
            return self.used(x) + x @ self.idle.weight.T

    model = Half()
    with pytest.raises(ValueError, match=r"^precision: the model must call .*, but not idle\n"):
        search.Precision(model, samples, FORMATS, bits, 0.1)
    assert not nn.utils.parametrize.is_parametrized(model.idle)
    found = search.Precision(model, samples, {"used": FORMATS}, bits, 0.1)
    assert found.solve("greedy") is not None


def test_scales_lose_least_of_some_powers_of_two():
    values = torch.tensor([0.1, -0.2, 0.3, 5.0])
    scale = best_scale(parse("int4"), values)
    assert np.log2(scale) % 1 == 0
    errors = [
        np.square(np.clip(np.rint(values.numpy() / s), -8, 7) * s - values.numpy()).sum()
        for s in (1.0, 0.5, 0.25, 0.125)
    ]
    assert scale == (1.0, 0.5, 0.25, 0.125)[int(np.argmin(errors))]
    assert best_scale(parse("int4"), torch.zeros(3)) == 1.0


def test_the_plot_names_picks_and_uniform_formats(model, samples):
    def half(model):
        return 50.0

    found = search.Precision(model, samples, ["int8", "int4"], bits, 1.0, measure=half)
    pick = found.solve("exhaustive")
    text = found.plot([pick])
    assert "<svg" in text and "int8" in text and "measured" in text
    assert found.measured and {*found.measured.values()} == {50.0}


def test_sums_get_as_narrow_as_the_loss_allows(model, samples):
    gemm = hgt.Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    found = search.narrowest_sums(model, samples, gemm, 0.02)
    assert found.excess <= 0.02 and found.tried[found.format] == found.excess
    exponent, fraction = map(int, found.format[1:].split("m"))
    below = [f"e5m{fraction - 1}", f"e{exponent - 1}m{fraction}"]
    assert all(found.tried[name] > 0.02 for name in below if name in found.tried)
    assert fraction == 1 or below[0] in found.tried
    assert search.narrowest_sums(model, samples, gemm, -1.0) is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"budget": -1}, "precision: budget must not be negative, not -1"),
        ({"choices": []}, "precision: choices of a layer must be one format at least"),
        ({"choices": {"7": ["int8"]}}, "precision: layers must be some of 0, 2, 4, not 7"),
    ],
)
def test_what_cannot_be_searched_is_refused(model, samples, options, text):
    given = {"choices": FORMATS, "cost": bits, "budget": 0.1, **options}
    with pytest.raises(ValueError, match=text):
        search.Precision(model, samples, **given)


def test_other_methods_and_too_many_combinations_are_refused(precision):
    with pytest.raises(ValueError, match="method must be ilp, greedy, exhaustive, not 'magic'"):
        precision.solve("magic")
    wide = search.Precision(precision.model, precision.samples, ["int8"] * 60, bits, 0.1)
    with pytest.raises(ValueError, match="at most 200000 combinations to try all, not 216000"):
        wide.solve("exhaustive")
