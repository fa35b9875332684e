"""Layers with replaced multipliers: sums of the table's products, and their gradients."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - only where there is torch

import holigrail_hw.torch as hgt  # noqa: E402
from holigrail_hw.core import find  # noqa: E402
from holigrail_hw.kernels import decode, encode  # noqa: E402
from holigrail_hw.kernels.multipliers import (  # noqa: E402
    Multiplier,
    broken_array,
    drum,
    mitchell,
    signed,
)

pytestmark = pytest.mark.xdist_group("torch")


def of(function):
    return Multiplier.from_function(signed(function), "int8", "int8")


@pytest.mark.parametrize("function", [drum(3), broken_array(8), mitchell()])
@pytest.mark.parametrize("scale", ["power_of_two", "float"])
def test_answers_are_sums_of_the_table(function, scale):
    torch.manual_seed(0)
    multiplier, x = of(function), torch.randn(7, 20)
    model = hgt.replace_multipliers(nn.Linear(20, 5), multiplier, scale=scale)
    found = model(x).detach().numpy()
    steps = [float(model.input_step), float(model.step_of(model.weight, 127.0))]
    if scale == "power_of_two":
        assert all(np.log2(step) % 1 == 0 for step in steps)
    codes = [
        np.clip(np.rint(v.detach().numpy().astype(np.float64) / s), -127, 127).astype(int) & 255
        for v, s in zip((x, model.weight), steps, strict=True)
    ]
    products = multiplier.products[codes[0][:, None], codes[1]]
    wanted = products.sum(2) * steps[0] * steps[1] + model.bias.detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_convolutions_are_those_of_windows():
    torch.manual_seed(1)
    layer = nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2))
    x = torch.randn(2, 3, 9, 8)
    exact = hgt.replace_multipliers(layer, of(lambda a, b: a * b), scale="float")
    found = exact(x)
    x_step, w_step = exact.input_step, exact.step_of(layer.weight, 127.0)
    rounded = copy.deepcopy(layer)
    with torch.no_grad():
        rounded.weight.copy_((layer.weight / w_step).round() * w_step)
    wanted = rounded((x / x_step).round() * x_step)
    assert found.shape == wanted.shape and torch.allclose(found, wanted, atol=1e-4)
    assert exact(torch.randn(1, 3, 9, 8)).shape == (1, *wanted.shape[1:])


def test_gradients_are_those_of_exact_products():
    torch.manual_seed(2)
    model = hgt.replace_multipliers(nn.Linear(6, 3), of(drum(4)), scale="float")
    x = torch.randn(5, 6, requires_grad=True)
    g = torch.randn(5, 3)
    (model(x) * g).sum().backward()
    w = (model.weight / model.step_of(model.weight, 127.0)).round()
    w = w * model.step_of(model.weight, 127.0)
    assert torch.allclose(x.grad, g @ w.detach(), atol=1e-5)
    rounded = (x.detach() / model.input_step).round() * model.input_step
    assert torch.allclose(model.weight.grad, g.T @ rounded, atol=1e-4)
    # What lies beyond the range of the first batch has no gradient.
    far = torch.full((1, 6), 99.0, requires_grad=True)
    model(far).sum().backward()
    assert not far.grad.any()


def test_smoothed_slopes_of_exact_products_are_the_other_factor():
    torch.manual_seed(3)
    layer, x = nn.Linear(6, 3), torch.randn(5, 6)
    gradients = []
    for slope in ("exact", "smoothed"):
        model = hgt.replace_multipliers(layer, of(lambda a, b: a * b), slope=slope)
        given = x.clone().requires_grad_()
        model(given).square().sum().backward()
        gradients.append((given.grad, model.weight.grad))
    for exact, smooth in zip(*gradients, strict=True):
        assert torch.allclose(exact, smooth, rtol=0.02, atol=0.02 * float(exact.abs().max()))


def test_smoothed_slopes_see_a_multiplier_that_is_too_small():
    half = of(lambda a, b: a * b // 2)
    layer, gradients = nn.Linear(4, 2), []
    x = torch.randn(3, 4)
    for slope in ("exact", "smoothed"):
        model = hgt.replace_multipliers(layer, half, slope=slope)
        model(x).sum().backward()
        gradients.append(model.weight.grad)
    ratio = gradients[1].norm() / gradients[0].norm()
    assert 0.45 < float(ratio) < 0.55


@pytest.mark.parametrize("name", ["posit8_2", "fp8_e4m3"])
def test_floats_and_posits_are_summed_in_an_accumulator(name):
    torch.manual_seed(4)
    multiplier = Multiplier.from_operator(find("multiply")(a=name, b=name, result="fp16"))
    x, layer = torch.rand(3, 10), nn.Linear(10, 4, bias=False)
    model = hgt.replace_multipliers(layer, multiplier, accumulator="fp16")
    found = model(x).detach().numpy()
    steps = [float(model.input_step), float(model.step_of(layer.weight, model.product.units[1]))]
    codes = [
        np.asarray(encode(name, v.detach().numpy().astype(np.float64) / s)).astype(int)
        for v, s in zip((x, layer.weight), steps, strict=True)
    ]
    sums = multiplier.rounded_sums(codes[0], codes[1].T, accumulator="fp16")
    wanted = decode("fp16", sums).astype(np.float64) * steps[0] * steps[1]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    copied = copy.deepcopy(model)
    assert torch.equal(copied(x), model(x)) and copied.product is model.product
    model.load_state_dict(copied.state_dict())


def test_what_cannot_be_replaced_is_refused():
    model = nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 2, 3, padding="same"))
    with pytest.raises(ValueError, match="with zeros around, not 0, 1"):
        hgt.replace_multipliers(model, of(drum(3)))
    with pytest.raises(ValueError, match="with zeros around, not none"):
        hgt.replace_multipliers(nn.ReLU(), of(drum(3)))
    with pytest.raises(ValueError, match="slope must be exact or smoothed, not 'steep'"):
        hgt.replace_multipliers(nn.Linear(2, 2), of(drum(3)), slope="steep")
    with pytest.raises(ValueError, match="scale must be power_of_two or float, not 'none'"):
        hgt.replace_multipliers(nn.Linear(2, 2), of(drum(3)), scale="none")
    wide = Multiplier.from_operator(find("multiply")(a="posit8_2", b="posit8_2", result="fp32"))
    with pytest.raises(ValueError, match="sums of .* must have an accumulator, not be exact"):
        hgt.replace_multipliers(nn.Linear(2, 2), wide)


def test_numbers_out_of_range_have_no_gradient():
    multiplier = Multiplier.from_function(lambda a, b: a * b, "uint8", "int8")
    model = hgt.replace_multipliers(nn.Linear(3, 2, bias=False), multiplier)
    model.input_step.fill_(2.0**-8)
    x = torch.tensor([[-0.5, 0.5, 1.5]], requires_grad=True)
    model(x).sum().backward()
    assert (x.grad != 0).tolist() == [[False, True, False]]


def test_encoders_use_the_multiplier_for_evaluation_too():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    model, x = hgt.replace_multipliers(layer, of(broken_array(10))), torch.randn(2, 3, 8)
    with torch.no_grad():
        model(x)
    assert float(model.linear1.input_step) > 0 and float(model.linear2.input_step) > 0
