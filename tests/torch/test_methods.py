"""Methods of training: what each promises of its weights, whatever the training did."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - only where there is torch

from holigrail_hw.models import shipped  # noqa: E402
from holigrail_hw.nn.training.coefficients import adder_cost  # noqa: E402
from holigrail_hw.sparse.codecs.huffman import Huffman, limited_lengths  # noqa: E402
from holigrail_hw.torch import methods  # noqa: E402
from holigrail_hw.torch.methods.entropy import soft_bits  # noqa: E402
from holigrail_hw.torch.methods.low_rank import tucker  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")


def images(name, is_flat=True):
    with np.load(shipped.data(name)) as arrays:
        x = torch.tensor(arrays["x"] / 16.0, dtype=torch.float32)
        y = torch.tensor(arrays["y"].astype(np.int64))
    return (x.reshape(len(x), -1) if is_flat else x[:, None]), y


@pytest.fixture(scope="module")
def samples():
    return images("digits-training")


def mlp(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)
    )


def cnn(seed=0):
    torch.manual_seed(seed)
    first, second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
    parts = [first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(32, 10))


def adam(rate=5e-3):
    return lambda parameters: torch.optim.Adam(parameters, rate)


def trained(model, samples, *chosen, epochs=1, seed=0, **options):
    return methods.fit(model, samples, adam(), epochs=epochs, seed=seed, methods=chosen, **options)


def test_the_loop_is_reproducible_and_learns(samples):
    runs = []
    for seed in (1, 1, 2):
        model = mlp()
        found = trained(model, samples, epochs=2, seed=seed)
        runs.append((found.losses, model[0].weight.detach().clone()))
    assert runs[0][0] == runs[1][0] != runs[2][0]
    assert torch.equal(runs[0][1], runs[1][1])
    assert runs[0][0][1] < 0.8 * runs[0][0][0]


def test_what_was_best_is_kept_even_if_it_is_the_start(samples):
    model = mlp()
    start = copy.deepcopy(model.state_dict())
    values = iter([5.0, 3.0, 4.0])
    found = trained(model, samples, epochs=2, measure=lambda _: next(values), keep_best=True)
    assert found.measured == [3.0, 4.0]
    assert all(torch.equal(model.state_dict()[name], value) for name, value in start.items())
    with pytest.raises(ValueError, match="fit: measure must be given to keep what is best"):
        trained(model, samples, keep_best=True)


def test_a_loss_that_is_no_number_ends_the_training(samples):
    model = mlp()
    model[0].weight.data[0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="fit: the loss must be finite, not nan"):
        trained(model, samples)


def test_scaled_losses_give_the_same_steps(samples):
    weights = []
    for scale in (1.0, 1024.0):
        model = mlp()
        trained(model, samples, scale=scale)
        weights.append(model[0].weight.detach())
    assert torch.equal(*weights)


def test_integers_are_multiples_of_a_power_of_two(samples):
    model = mlp()
    report = trained(model, samples, methods.Integers(4, 5)).reports[0]
    for path, row in report.layers.items():
        weight = model.get_submodule(path).weight.detach()
        step = row["weight step"]
        codes = weight / step
        assert np.log2(step) % 1 == 0 and row["weight bits"] == 4
        assert torch.equal(codes, codes.round()) and codes.abs().max() <= 7
    seen = model[2].rounded_input(torch.linspace(-1, 9, 1000))
    assert seen.unique().numel() <= 32 and seen.min() == 0
    again = copy.deepcopy(model)
    assert torch.equal(again(samples[0][:9]), model(samples[0][:9]))


@pytest.mark.parametrize(("n", "m"), [(2, 4), (4, 8), (1, 3), (3, 3)])
def test_structured_weights_are_the_largest_of_their_group(samples, n, m):
    for model, data in ((mlp(), samples), (cnn(), images("digits-training", False))):
        before = {p: layer.weight.detach().clone() for p, layer in methods_layers(model)}
        report = trained(model, data, methods.Structured(n, m)).reports[0]
        for path, layer in methods_layers(model):
            rows = layer.weight.detach().reshape(len(layer.weight), -1)
            for first in range(0, rows.shape[1], m):
                group, old = rows[:, first : first + m], before[path].reshape(rows.shape)
                assert ((group != 0).sum(1) <= n).all()
                largest = old[:, first : first + m].abs().max(1).indices
                assert (group.gather(1, largest[:, None]) != 0).all()
            assert report.layers[path]["nonzero"] == int((rows != 0).sum())


def methods_layers(model):
    return methods.base.weighted_layers(model)


def test_kernels_have_one_of_few_patterns():
    model = cnn()
    before = model[3].weight.detach().clone().reshape(-1, 9)
    chosen = methods.Patterns(3, 4)
    report = trained(model, images("digits-training", False), chosen).reports[0]
    for path, layer in ((p, model.get_submodule(p)) for p in report.layers):
        kernels = layer.weight.detach().reshape(-1, 9) != 0
        assert len(kernels.unique(dim=0)) <= 3 and (kernels.sum(1) <= 4).all(), path
    # Every kernel took the pattern that keeps most.
    kept = (before.square() * chosen.masks["3"].kept.reshape(-1, 9)).sum(1)
    best = (before.square() @ chosen.chosen["3"].T).max(1).values
    assert torch.allclose(kept, best)


@pytest.mark.parametrize("most", [0, 1, 2, None])
def test_words_take_as_many_adders_as_allowed(samples, most):
    model = mlp()
    report = trained(model, samples, methods.AdderCost(most)).reports[0]
    words = torch.cat([layer.weight.detach().reshape(-1) for _, layer in methods_layers(model)])
    words = (words * 64).numpy()
    assert (words == np.round(words)).all() and words.min() >= -128 and words.max() <= 127
    costs = {adder_cost(int(word)) for word in np.unique(words)}
    assert max(costs) <= (8 if most is None else most)
    if most == 0:
        assert report.figures["digit adders"] == report.figures["adders, shared"] == 0


def test_frozen_weights_stay_and_all_are_frozen_in_the_end(samples):
    model, cost = mlp(), methods.AdderCost(1)
    freezing = methods.Freezing([(0.25, 0.5), (0.75, 1.0)], price=cost.adders)
    held = []

    class Watch(methods.Method):
        def attach(self, model):
            self.model = model

        def epoch(self, turn):
            own = freezing.own["0"]
            held.append((own.frozen.clone(), self.model[0].weight.detach().clone()))

        def finish(self):
            return methods.Report("watch", {})

    found = trained(model, samples, cost, freezing, Watch(), epochs=4)
    assert [float(frozen.double().mean()) for frozen, _ in held] == [0.0, 0.5, 0.5, 1.0]
    frozen, first = held[1]
    assert torch.equal(held[3][1][frozen], first[frozen])
    assert torch.equal(model[0].weight.detach(), held[3][1])
    assert not torch.equal(held[3][1], first)
    assert found.reports[1].figures["frozen"] == 64 * 64 + 64 * 32 + 320


def test_neurons_go_and_answers_stay(samples):
    model = mlp()
    chosen = methods.GroupLasso(8e-4)
    whole = {}
    finish = chosen.finish

    def remembered():
        whole["answers"] = model(samples[0]).detach()
        return finish()

    chosen.finish = remembered
    report = trained(model, samples, chosen, epochs=8).reports[0]
    assert 0.02 < report.figures["weights left"] < 0.9
    assert model[0].out_features == len(model[0].bias) == model[2].weight.shape[1]
    found = model(samples[0]).detach()
    assert torch.allclose(found, whole["answers"], atol=1e-5)
    assert torch.equal(found.argmax(1), whole["answers"].argmax(1))


def test_channels_between_convolutions_go():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(64, 10)
    )
    data = images("digits-training", False)
    chosen = methods.GroupLasso(2e-2, pairs=[("0", "2")])
    trained(model, data, chosen, epochs=4)
    assert model[0].out_channels == model[2].in_channels == model[2].weight.shape[1] < 8
    assert model(data[0][:3]).shape == (3, 10)


def test_entropy_falls_and_its_code_is_a_huffman_code(samples):
    reports = []
    for weight in (0.0, 0.3):
        model = mlp()
        reports.append(trained(model, samples, methods.Entropy(weight), epochs=6).reports[0])
    free, short = (report.figures for report in reports)
    assert short["entropy"] < free["entropy"] - 0.3
    assert short["entropy"] <= short["Huffman bits"] < short["entropy"] + 1
    path, row = next(iter(reports[1].layers.items()))
    codes = (model.get_submodule(path).weight.detach() / row["weight step"]).round().long()
    symbols = (codes - codes.min()).reshape(-1).numpy()
    codec = Huffman(limited_lengths(np.bincount(symbols).tolist()))
    bits = sum(codec.lengths[symbol] for symbol in symbols)
    assert bits / len(symbols) == pytest.approx(row["Huffman bits"])


def test_soft_bits_are_those_of_a_histogram_at_whole_codes_and_have_a_slope():
    codes = torch.tensor([0.0, 0, 1, 1, 1, 1, -2, 3])
    shares = np.array([2, 4, 1, 1]) / 8
    assert float(soft_bits(codes, 4)) == pytest.approx(
        -8 * (shares * np.log2(shares)).sum(), rel=1e-3
    )
    x = torch.tensor([0.2, 1.4, -3.3, 2.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: soft_bits(x, 4), (x,), eps=1e-7, atol=1e-4)


def test_full_ranks_change_nothing_and_lower_ones_are_the_best():
    model, x = mlp(), images("digits")[0]
    whole = copy.deepcopy(model)(x)
    methods.LowRank({"0": 64, "2": 32}).attach(model)
    assert torch.allclose(model(x), whole, atol=1e-5)
    method = methods.LowRank(5, ["2"])
    small = mlp()
    before = small[2].weight.detach().clone()
    method.attach(small)
    product = small[2][1].weight @ small[2][0].weight
    values = torch.linalg.svdvals(before)
    assert torch.dist(product, before).item() == pytest.approx(values[5:].norm().item(), rel=1e-4)
    assert method.finish().layers["2"] == {"weights before": 2048, "weights": 5 * 96}


def test_tucker_with_full_ranks_is_the_convolution():
    model, x = cnn(), images("digits", False)[0][:7]
    whole = copy.deepcopy(model)(x)
    methods.Tucker((4, 8), ["3"]).attach(model)
    assert torch.allclose(model(x), whole, atol=1e-5)
    torch.manual_seed(1)
    core, left, right = torch.randn(3, 2, 3, 3), torch.randn(8, 3), torch.randn(6, 2)
    weight = torch.einsum("pjkl,op,ij->oikl", core, left, right)
    core, left, right = tucker(weight, 3, 2)
    assert torch.allclose(torch.einsum("pjkl,op,ij->oikl", core, left, right), weight, atol=1e-4)


def test_widths_follow_the_price_of_bits(samples):
    widths = []
    for weight in (0.0, 2.0):
        model = mlp()
        method = methods.AdaQAT(weight, samples, batch=256, input_bits=5)
        report = trained(model, samples, method, epochs=6).reports[0]
        widths.append(report.figures["bit operations"])
        assert method.is_frozen and all(2 <= bits <= 8 for bits in method.history[-1])
        assert report.layers["0"]["weight bits"] == method.history[-1][0]
    assert widths[1] < 0.6 * widths[0]
    # 5 x 8 x 4096 and 8 x 8 x 2368 products count as all.
    own = [(r["weight bits"], r.get("activation bits", 5)) for r in report.layers.values()]
    counts = (4096, 2048, 320)
    found = sum(count * w * a for count, (w, a) in zip(counts, own, strict=True))
    assert widths[1] == pytest.approx(found / (4096 * 40 + 2368 * 64))


def test_products_of_convolutions_are_counted_everywhere():
    model = cnn()
    method = methods.AdaQAT(1.0, images("digits", False), batch=32)
    method.attach(model)
    assert method.products == {"0": 64 * 36, "3": 16 * 288, "7": 320}


def test_only_attention_moves(samples):
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(64, 64)

        def forward(self, x):
            return x + self.inner(x)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), Attention(), nn.Linear(64, 10))
    start = copy.deepcopy(model.state_dict())
    report = trained(model, samples, methods.Retrain("attention")).reports[0]
    changed = {n for n, v in model.state_dict().items() if not torch.equal(v, start[n])}
    assert changed == {"1.inner.weight", "1.inner.bias"}
    assert report.figures["parameters trained"] == 64 * 65
    assert all(parameter.requires_grad for parameter in model.parameters())
    trained(model, samples, methods.Retrain(["2"]))
    assert torch.equal(model[0].weight, start["0.weight"])


def test_rounded_weights_are_those_of_the_start_or_next_to_them(samples):
    model = mlp()
    trained(model, samples, epochs=3)
    start = copy.deepcopy(model)
    steps = {p: float(methods.integers.Weight(3).step(x.weight)) for p, x in methods_layers(start)}
    method = methods.TrustRegion(3, tuple(part[:256] for part in samples), rho=0.49, every=20)
    found = methods.fit(model, samples, adam(1e-3), epochs=5, methods=[method])
    report = found.reports[0]
    for path, layer in methods_layers(model):
        old = (start.get_submodule(path).weight.detach() / steps[path]).round().clamp(-3, 3)
        codes = layer.weight.detach() / steps[path]
        assert torch.equal(codes, codes.round()) and (codes - old).abs().max() <= 1
    assert report.figures["weights moved"] > 0 and len({*method.history}) > 1


def test_methods_go_together_and_reports_are_lines(samples):
    model = mlp()
    chosen = [methods.Integers(8, 8), methods.Structured(2, 4, at=1)]
    found = trained(model, samples, *chosen, epochs=2)
    step = found.reports[0].layers["0"]["weight step"]
    codes = model[0].weight.detach() / step
    assert torch.equal(codes, codes.round())
    assert ((codes.reshape(-1, 4) != 0).sum(1) <= 2).all()
    assert str(found.reports[1]).startswith("structured 2:4: density 0.")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: methods.Integers(1), "integers: bits of weight must be between 2 and 8, not 1"),
        (lambda: methods.Structured(5, 4), "structured: n must be between 1 and m, 4, not 5"),
        (lambda: methods.Patterns(0), "patterns: count and kept must be at least 1, not 0, 4"),
        (lambda: methods.AdderCost(3), "adder cost: most must be 0, 1, 2 or None, not 3"),
        (lambda: methods.AdderCost(bits=1), "adder cost: bits must be between 2 and 16, not 1"),
        (lambda: methods.Freezing([(1, 1)]), "freezing: parts and shares must be between 0 and 1"),
        (lambda: methods.GroupLasso(until=0), "group lasso: until must be above 0 and at most 1"),
        (lambda: methods.Entropy(warm=0), "entropy: warm must be above 0 and at most 1, not 0"),
        (
            lambda: methods.TrustRegion(4, (None, None), rho=0.6),
            "trust region: rho must be above 0 and at most 0.499, and that below 1/2, not 0.6",
        ),
        (
            lambda: methods.Integers(layers=["9"]).attach(mlp()),
            "integers: layers must be some of 0, 2, 4, not 9",
        ),
        (
            lambda: methods.Patterns().attach(mlp()),
            "patterns: the model must have a layer Conv2d",
        ),
        (
            lambda: methods.Patterns(kept=10).attach(cnn()),
            "patterns: 0: kept must be at most 9, not 10",
        ),
        (lambda: methods.Retrain("9").attach(mlp()), "retrain: layers must be some of the model"),
        (
            lambda: methods.LowRank(40).attach(mlp()),
            "low rank: 2: rank must be between 1 and 32, not 40",
        ),
        (
            lambda: methods.Tucker((9, 4), ["3"]).attach(cnn()),
            "tucker: 3: ranks must be at most 4 and 8, without groups, not 9 and 4",
        ),
        (
            lambda: methods.GroupLasso(pairs=[("0", "4")]).attach(mlp()),
            "group lasso: 4 must read all that 0 gives, and nothing else",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_weights_of_few_bits_are_on_their_grid():
    """Exactly, not off by a last place as x + (value - x) is."""
    from holigrail_hw.torch.methods.integers import Weight

    made, x = Weight(8), torch.randn(4000, generator=torch.Generator().manual_seed(1))
    codes = made(x) / made.step(x)
    assert torch.equal(codes, codes.round()) and float(codes.abs().max()) <= 127
