"""Quantisers: numbers of the format, exactly, with the gradients of their papers."""

import copy

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import holigrail_hw.torch as hgt
from holigrail_hw.formats import FormatError, parse

pytestmark = pytest.mark.xdist_group("torch")


def drawn(*shape, seed=0, spread=1.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * spread


@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero", "down", "nearest_away"])
@pytest.mark.parametrize("format", ["int4", "ufix6_en3", "fp8_e4m3_sat", "bf16"])
def test_numbers_are_those_of_the_format(format, rounding):
    x = drawn(301, spread=3)
    found = hgt.Quantize(format, 0.25, rounding)(x)
    known = parse(format)
    wanted = known.decode(known.encode(x.double().numpy() / 0.25, rounding)) * 0.25
    assert np.array_equal(found.double().numpy(), wanted.astype(np.float64))


@pytest.mark.parametrize("method", ["maximum", "percentile", "error"])
@pytest.mark.parametrize("rule", [hgt.PowerOfTwo, hgt.Float])
def test_scales_are_found(rule, method):
    x = drawn(3, 200) * torch.tensor([[1.0], [0.1], [0.0]])
    quantizer = hgt.Quantize("int6", rule(method=method, axis=0), like=x)
    error = (quantizer(x) - x)[:2].abs().amax(1)
    scales = quantizer.scales()
    assert scales.shape == (3, 1) and float(scales[2]) == 1.0
    mantissa, _ = torch.frexp(scales)
    bits = 1 if rule is hgt.PowerOfTwo else 8
    assert torch.equal(mantissa * 2.0**bits, torch.round(mantissa * 2.0**bits))
    if method == "maximum":
        assert (error <= scales[:2, 0] * 0.5001 + 1e-9).all()
    assert (quantizer(x)[2] == 0).all()
    before = scales.clone()
    quantizer.eval()(100 * x)
    assert torch.equal(quantizer.scales(), before)


def test_the_least_error_is_least():
    x = drawn(2000)
    x[0] = 40.0
    least = hgt.Quantize("int4", hgt.PowerOfTwo(method="error"))
    widest = hgt.Quantize("int4", hgt.PowerOfTwo(method="maximum"))
    errors = [float(((q(x) - x) ** 2).mean()) for q in (least, widest)]
    assert errors[0] <= errors[1]
    assert float(least.scales()) < float(widest.scales())


def test_scales_follow_what_comes_and_freeze():
    quantizer = hgt.Quantize("uint4", hgt.PowerOfTwo(method="maximum"))
    quantizer(torch.tensor([7.5]))
    quantizer(torch.tensor([1.0]))
    assert float(quantizer.scales()) == 0.5
    quantizer.freeze()(torch.tensor([1000.0]))
    assert float(quantizer.scales()) == 0.5
    other = hgt.Quantize("uint4", hgt.PowerOfTwo(method="maximum"))
    other.load_state_dict(quantizer.state_dict())
    assert float(other.scales()) == 0.5 and bool(other.frozen)
    assert float(copy.deepcopy(quantizer).scales()) == 0.5


def test_gradients_pass_where_numbers_do_not_saturate():
    x = torch.tensor([-9.0, -2.0, 0.3, 7.0, 9.0], requires_grad=True)
    hgt.Quantize("int4")(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 1, 1, 1, 0]
    x.grad = None
    hgt.Quantize("int4", ste="identity")(x).sum().backward()
    assert x.grad.tolist() == [1] * 5


def test_stochastic_rounding_is_reproducible_and_without_bias():
    x = torch.full((20000,), 0.3)
    quantizer = hgt.Quantize("int4", rounding="stochastic")
    with hgt.seed(5):
        first = quantizer(x)
    with hgt.seed(5) as seed:
        assert torch.equal(quantizer(x), first)
        seed.advance()
        assert not torch.equal(quantizer(x), first)
    assert abs(float(first.mean()) - 0.3) < 4 * (0.21 / 20000) ** 0.5


def test_lsq_gradients_are_those_of_the_paper():
    quantizer = hgt.LSQ(3, initial=torch.ones(1))
    quantizer.step.data.fill_(0.5)
    x = torch.tensor([-9.0, -0.6, 0.2, 0.6, 9.0], requires_grad=True)
    quantizer(x).sum().backward()
    assert quantizer.step.grad is not None and x.grad is not None
    inside = [v / 0.5 for v in (-0.6, 0.2, 0.6)]
    wanted = (-4 + 3 + sum(round(v) - v for v in inside)) / (5 * 3) ** 0.5
    assert float(quantizer.step.grad) == pytest.approx(wanted, abs=1e-6)
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


def test_pact_learns_its_limit():
    quantizer = hgt.PACT(4, limit=3.75)
    x = torch.tensor([-1.0, 0.2, 3.0, 8.0, 9.0], requires_grad=True)
    y = quantizer(x)
    assert y.tolist() == [0, 0.25, 3.0, 3.75, 3.75]
    y.sum().backward()
    assert quantizer.limit.grad is not None and x.grad is not None
    assert float(quantizer.limit.grad) == 2 and x.grad.tolist() == [0, 1, 1, 0, 0]
    assert float(quantizer.penalty().detach()) == 3.75**2


def test_dorefa_gives_evenly_spaced_weights():
    found = hgt.DoReFa(2)(drawn(500))
    assert found.unique().tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert hgt.DoReFa(2, activation=True)(drawn(500)).unique().tolist() == [0, 0.25, 0.5, 0.75]


def test_empty_batches_change_nothing():
    for made in (hgt.Quantize("int8", hgt.PowerOfTwo()), hgt.LSQ(4), hgt.PACT(4)):
        before = copy.deepcopy(made.state_dict())
        nothing = torch.zeros(0, 4, requires_grad=True)
        made.train()(nothing).sum().backward()
        assert all(torch.equal(before[name], value) for name, value in made.state_dict().items())


def test_words_are_the_nearest_allowed():
    quantizer = hgt.Words([0, 1, 2, 4, -4], 0.5)
    x = torch.tensor([-9.0, -1.01, -0.99, 0.2, 0.75, 1.4, 1.6, 5.0])
    assert quantizer(x).tolist() == [-2, -2, 0, 0, 0.5, 1, 2, 2]
    assert quantizer.codes(x).tolist() == [-4, -4, 0, 0, 1, 2, 4, 4]
    assert hgt.Words([3], 1.0)(x).unique().tolist() == [3]


@pytest.mark.parametrize("format", ["mxfp8_e4m3", "mxfp4_e2m1", "mxint8", "block4_fp4_e2m1_e8m0"])
def test_blocks_are_those_of_the_format(format):
    x = drawn(3, 70) * torch.exp2(drawn(3, 70, seed=1) * 4)
    known = parse(format)
    size = known.block_size
    padded = np.pad(x.double().numpy(), ((0, 0), (0, -70 % size))).reshape(3, -1, size)
    wanted = known.decode(known.encode(padded)).reshape(3, -1)[:, :70]
    assert np.array_equal(hgt.BlockScaled(format)(x).double().numpy(), wanted)
    assert np.array_equal(hgt.BlockScaled(format, axis=0)(x.T).T.double().numpy(), wanted)


def test_parametrised_layers_keep_their_numbers_for_the_optimiser():
    layer = hgt.attach(nn.Linear(4, 3), hgt.Quantize("int3", 0.5))
    own = layer.parametrizations.weight.original
    assert torch.equal(layer.weight, torch.round(own / 0.5).clamp(-4, 3) * 0.5)
    layer(torch.ones(1, 4)).sum().backward()
    assert own.grad is not None and bool((own.grad == 1).all())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hgt.Quantize("int4", -1.0), "scale must be a positive number, not -1.0"),
        (lambda: hgt.Quantize("int4", overflow="round"), "overflow must be one of"),
        (lambda: hgt.Quantize("int4", ste="none"), "ste must be identity or clipped, not 'none'"),
        (lambda: hgt.Quantize("int4", hgt.PowerOfTwo(axis=0)), "like must be given"),
        (lambda: hgt.PowerOfTwo(method="best"), "method must be maximum or percentile or error"),
        (lambda: hgt.PowerOfTwo(momentum=1.0), "momentum must be at least 0 and below 1"),
        (lambda: hgt.Float(percentile=0), "percentile must be above 0"),
        (lambda: hgt.Float(bits=0), "bits must be between 1 and 12, not 0"),
        (lambda: hgt.LSQ(1), "LSQ: bits must be 2 to 16, not 1"),
        (lambda: hgt.PACT(0), "PACT: bits must be 1 to 16, not 0"),
        (lambda: hgt.PACT(4, 0.0), "PACT: limit must be a positive number"),
        (lambda: hgt.DoReFa(16), "DoReFa: bits must be 1 to 15, not 16"),
        (lambda: hgt.Words([], 1.0), "there must be a word"),
        (lambda: hgt.Words([1], 0.0), "Words: scale must be a positive number"),
        (lambda: hgt.BlockScaled("int8"), "format must be a block with a scale e8m0, not int8"),
        (lambda: hgt.Quantize("fp8_e4m3").codes(torch.ones(1)), "codes must be integers or fixed"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises((ValueError, FormatError), match=message):
        make()
