"""Optimisers with weights and states in a format."""

import copy

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import holigrail_hw.torch as hgt
from holigrail_hw.formats import FormatError
from holigrail_hw.kernels import ShiftRegister

pytestmark = pytest.mark.xdist_group("torch")

ROUNDED = {"weight": "e5m4", "rounding": "stochastic", "state": "bf16"}


def steps(model, optimizer, count, seed):
    x = torch.linspace(-1, 1, 40).reshape(8, 5)
    with hgt.seed(seed) as used:
        for _ in range(count):
            optimizer.zero_grad()
            (model(x) ** 2).mean().backward()
            optimizer.step()
        return used


def is_in(tensor, format):
    return torch.equal(hgt.Quantize(format)(tensor), tensor)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_weights_and_states_are_numbers_of_their_formats(kind):
    torch.manual_seed(0)
    model = nn.Linear(5, 3)
    more = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    optimizer = hgt.optim.Rounded(kind(model.parameters(), 0.1, **more), **ROUNDED)
    assert is_in(model.weight.detach(), "e5m4")
    before = model.weight.detach().clone()
    used = steps(model, optimizer, 3, 1)
    assert used.training_step == 3 and not torch.equal(before, model.weight)
    for parameter in model.parameters():
        assert is_in(parameter.detach(), "e5m4")
        states = [v for v in optimizer.state[parameter].values() if v.shape == parameter.shape]
        assert len(states) == (1 if more else 2)
        assert all(is_in(state, "bf16") and not is_in(state, "e5m2") for state in states)


def test_a_training_can_be_repeated_and_resumed():
    torch.manual_seed(0)
    start = nn.Linear(5, 3)

    def made(model):
        return hgt.optim.Rounded(torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), **ROUNDED)

    whole, again, other, parts = (copy.deepcopy(start) for _ in range(4))
    for model, seed in ((whole, 1), (again, 1), (other, 2)):
        steps(model, made(model), 4, seed)
    assert torch.equal(whole.weight, again.weight)
    assert not torch.equal(whole.weight, other.weight)

    first = made(parts)
    used = steps(parts, first, 2, 1)
    resumed = copy.deepcopy(parts)
    second = made(resumed)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    x = torch.linspace(-1, 1, 40).reshape(8, 5)
    seed = hgt.seed(9)
    seed.load_state_dict(used.state_dict())
    with seed:
        for _ in range(2):
            second.zero_grad()
            (resumed(x) ** 2).mean().backward()
            second.step()
    assert torch.equal(resumed.weight, whole.weight)


def test_stochastic_updates_keep_what_rounding_to_nearest_loses():
    found = {}
    for rounding in ("nearest_even", "stochastic"):
        weight = nn.Parameter(torch.full((4000,), 1.0))
        optimizer = hgt.optim.Rounded(torch.optim.SGD([weight], 1.0), "e5m4", rounding)
        with hgt.seed(3):
            for _ in range(10):
                weight.grad = torch.full_like(weight, -0.005)
                optimizer.step()
        found[rounding] = weight.detach().mean().item()
    assert found["nearest_even"] == 1.0
    assert found["stochastic"] == pytest.approx(1.05, abs=0.004)


def test_schedulers_and_names_of_states():
    model = nn.Linear(5, 3)
    inner = torch.optim.Adam(model.parameters(), 0.1)
    optimizer = hgt.optim.Rounded(inner, state={"exp_avg": "e5m2"})
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    steps(model, optimizer, 1, 1)
    scheduler.step()
    assert inner.param_groups[0]["lr"] == 0.05
    state = optimizer.state[model.weight]
    assert is_in(state["exp_avg"], "e5m2") and not is_in(state["exp_avg_sq"], "e5m2")
    assert not is_in(model.weight.detach(), "bf16")


def test_any_words_and_short_types():
    model = nn.Linear(5, 3).bfloat16()
    with hgt.seed(1, words=ShiftRegister(5)):
        made = torch.optim.SGD(model.parameters(), 0.1)
        optimizer = hgt.optim.Rounded(made, weight="fp8_e4m3", rounding="stochastic")
        model(torch.ones(2, 5).bfloat16()).sum().backward()
        optimizer.step()
    assert model.weight.dtype == torch.bfloat16
    assert is_in(model.weight.detach().float(), "fp8_e4m3")


def test_names_of_states_must_be_known():
    model = nn.Linear(5, 3)
    made = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    optimizer = hgt.optim.Rounded(made, state={"momentum": "bf16"})
    with pytest.raises(ValueError, match=r"^Rounded: states must be some of momentum_buffer, not"):
        steps(model, optimizer, 1, 1)


def test_what_does_not_fit_is_refused():
    model = nn.Linear(2, 2)
    inner = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(FormatError, match="numbers that float32 holds, not int32"):
        hgt.optim.Rounded(inner, weight="int32")
    with pytest.raises(FormatError, match="fp9"):
        hgt.optim.Rounded(inner, state={"momentum_buffer": "fp9"})
    optimizer = hgt.optim.Rounded(inner, "bf16", "stochastic")
    model(torch.ones(1, 2)).sum().backward()
    with pytest.raises(RuntimeError, match="stochastic rounding must have a seed"):
        optimizer.step()
