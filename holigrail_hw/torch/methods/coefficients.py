"""Weights of words that hardware multiplies by cheaply, and weights that are frozen one by one.

Garcia and others, Hardware-aware training for multiplierless convolutional neural networks, ARITH
2025; Zhou and others, Incremental network quantization, 2017.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from holigrail_hw.mcm.single.closure import nonzero_digits
from holigrail_hw.nn.training.coefficients import NAMED, Coefficients, coefficients
from holigrail_hw.nn.training.columns import product_adders

from ..quantizers.base import straight
from .base import Method, Report, Turn, checked_layers, plain

__all__ = ["AdderCost", "Freezing"]

_KINDS = (nn.Linear, nn.Conv2d)
_NAMES = {cost: name for name, cost in NAMED.items()}


class _Words(nn.Module):
    """Parametrisation: the nearest allowed word times a step."""

    words: Tensor
    middles: Tensor

    def __init__(self, allowed: Coefficients, fraction: int, device: Any):
        super().__init__()
        self.step = 2.0**-fraction
        words = torch.as_tensor(allowed.words, dtype=torch.float32, device=device)
        self.register_buffer("words", words, persistent=False)
        self.register_buffer("middles", (words[1:] + words[:-1]) / 2, persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        places = torch.searchsorted(self.middles, (weight.detach() / self.step).contiguous())
        return straight(weight, self.words[places] * self.step)


class AdderCost(Method):
    """Words whose products take at most so many adders, where shifts and signs are free.

    Every step takes the nearest word, and gradients go straight through. A model with cost 0 has
    products of shifts only.

    Parameters
    ----------
    most : int or None
        0, 1 or 2; None for all words.
    bits, fraction : int
        Of a word, two's complement, and how many of them are behind the point.
    layers : list of str or None
        Paths; None for all linear layers and convolutions.
    """

    def __init__(
        self, most: int | None = 0, *, bits: int = 8, fraction: int = 6, layers: Any = None
    ):
        if most not in _NAMES:
            raise ValueError(f"adder cost: most must be 0, 1, 2 or None, not {most!r}")
        if not 2 <= bits <= 16:
            raise ValueError(f"adder cost: bits must be between 2 and 16, not {bits}")
        self.most, self.bits, self.fraction, self.layers = most, bits, fraction, layers
        self.allowed = coefficients(_NAMES[most], bits)
        self.costs = dict(
            zip(self.allowed.words.tolist(), self.allowed.costs.tolist(), strict=True)
        )
        self.found: dict[str, Any] = {}

    def attach(self, model: nn.Module) -> None:
        self.found = checked_layers("adder cost", model, self.layers, _KINDS)
        for layer in self.found.values():
            words = _Words(self.allowed, self.fraction, layer.weight.device)
            parametrize.register_parametrization(layer, "weight", words)

    def adders(self, weight: Tensor) -> Tensor:
        """Adders of each weight's product by itself."""
        words = torch.round(weight.detach() * 2.0**self.fraction).to(torch.int64)
        found = [float(self.costs[word]) for word in words.reshape(-1).tolist()]
        return torch.tensor(found, device=weight.device).reshape(weight.shape)

    def finish(self) -> Report:
        rows: dict[str, dict[str, Any]] = {}
        for path, layer in self.found.items():
            weight = plain(layer)
            words = (weight * 2.0**self.fraction).round().to(torch.int64).cpu().numpy()
            digits = sum(max(nonzero_digits(abs(int(w))) - 1, 0) for w in words.reshape(-1))
            # Operands by results: what an operand is multiplied by lies in one row.
            by_operand = words.reshape(len(words), -1).T
            rows[path] = {
                "fraction bits": self.fraction,
                "digit adders": digits,
                "adders, shared": product_adders(by_operand),
                "zeros": int((words == 0).sum()),
            }
        total = {name: sum(row[name] for row in rows.values()) for name in _TOTALS}
        return Report(f"adder cost {_NAMES[self.most]}", total, rows)


_TOTALS = ("digit adders", "adders, shared", "zeros")


class _Frozen(nn.Module):
    """Parametrisation: held values in frozen places, without a gradient."""

    frozen: Tensor
    held: Tensor

    def __init__(self, like: Tensor):
        super().__init__()
        self.register_buffer("frozen", torch.zeros_like(like, dtype=torch.bool))
        self.register_buffer("held", like.clone())

    def forward(self, weight: Tensor) -> Tensor:
        return torch.where(self.frozen, self.held, weight)


class Freezing(Method):
    """Rounded weights are frozen in shares that grow, the others make up for them.

    The nearest to what they are rounded to go first, cheap ones before dear ones. To be given
    behind the method that rounds: :class:`AdderCost`, :class:`.Integers` or another one.

    Parameters
    ----------
    at : sequence of (float, float)
        Parts of all turns, and which share of weights is then frozen.
    price : callable or None
        Of the rounded weights of a layer, what each costs, a Tensor; ``AdderCost.adders`` say.
    worth : float
        What a cost of 1 is worth, in squared weights relative to their mean square.
    layers : list of str or None
        Paths; None for all linear layers and convolutions.
    """

    def __init__(
        self,
        at: Any = ((0.5, 0.5), (0.6, 0.75), (0.7, 0.875), (0.8, 1.0)),
        *,
        price: Callable[[Tensor], Tensor] | None = None,
        worth: float = 0.01,
        layers: Any = None,
    ):
        self.at = [(float(when), float(share)) for when, share in at]
        if any(not (0 <= when < 1 and 0 < share <= 1) for when, share in self.at):
            raise ValueError("freezing: parts and shares must be between 0 and 1")
        self.price, self.worth, self.layers = price, worth, layers
        self.found: dict[str, Any] = {}
        self.own: dict[str, _Frozen] = {}
        self.done = 0

    def attach(self, model: nn.Module) -> None:
        self.found = checked_layers("freezing", model, self.layers, _KINDS)
        for path, layer in self.found.items():
            self.own[path] = _Frozen(layer.weight.detach())
            parametrize.register_parametrization(layer, "weight", self.own[path])

    def epoch(self, turn: Turn) -> None:
        while self.done < len(self.at) and turn.epoch >= self.at[self.done][0] * turn.epochs:
            self.freeze(self.at[self.done][1])
            self.done += 1

    def freeze(self, share: float) -> None:
        """Freeze weights until they are that share of each layer."""
        for path, layer in self.found.items():
            own = self.own[path]
            value = layer.weight.detach()
            original = layer.parametrizations.weight.original.detach()
            distance = (value - original) ** 2 / original.square().mean().clamp_min(1e-30)
            if self.price is not None:
                distance = distance + self.worth * self.price(value).to(value.device)
            distance[own.frozen] = -1.0
            count = round(share * value.numel())
            chosen = distance.reshape(-1).argsort(stable=True)[:count]
            frozen = own.frozen.reshape(-1).clone()
            frozen[chosen] = True
            own.held.copy_(value)
            own.frozen.copy_(frozen.reshape(value.shape))

    def finish(self) -> Report:
        rows = {}
        for path, layer in self.found.items():
            plain(layer)
            frozen = self.own[path].frozen
            rows[path] = {"frozen": int(frozen.sum()), "weights": frozen.numel()}
        total = sum(row["frozen"] for row in rows.values())
        return Report("freezing", {"frozen": total}, rows)
