"""Neurons that are taken away as a whole.

Wen and others, Learning structured sparsity in deep neural networks, 2016: a penalty on the norm of
every group, here by its proximal step after that of the optimiser.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from .base import Method, Report, Turn, checked_layers, plain, stored

__all__ = ["GroupLasso"]


class GroupLasso(Method):
    """Hidden neurons, or channels between two convolutions, whose weights all become zero go.

    A group is a row of weights with its bias, and the column of the next layer that reads it. A
    function between the layers must keep 0, as ReLU and pooling do.

    Parameters
    ----------
    weight : float
        Of the penalty, sum over groups of sqrt(size) * norm, at its largest.
    until : float
        The part of all steps after which nothing is shrunk any more.
    pairs : list of (str, str) or None
        Paths of a layer and the next one; None: linear layers that fit each other in their order.
    power : float
        The penalty falls along (1 - part)^power.
    """

    def __init__(
        self,
        weight: float = 1e-3,
        *,
        until: float = 0.5,
        pairs: Any = None,
        power: float = 1.0,
    ):
        if not 0 < until <= 1 or weight < 0:
            raise ValueError(
                f"group lasso: until must be above 0 and at most 1, and weight not negative,"
                f" not {until} and {weight}"
            )
        self.weight, self.until, self.pairs, self.power = weight, until, pairs, power
        self.found: list[tuple[str, Any, str, Any]] = []
        self.gone: dict[str, Tensor] = {}

    def attach(self, model: nn.Module) -> None:
        if self.pairs is None:
            layers = [*checked_layers("group lasso", model, None, (nn.Linear,)).items()]
            self.pairs = [
                (a, b)
                for (a, first), (b, second) in zip(layers, layers[1:], strict=False)
                if first.out_features == second.in_features
            ]
        kinds = (nn.Linear, nn.Conv2d)
        layers = checked_layers(
            "group lasso", model, [p for pair in self.pairs for p in pair], kinds
        )
        for a, b in self.pairs:
            if type(layers[a]) is not type(layers[b]) or len(layers[a].weight) != _width(layers[b]):
                raise ValueError(f"group lasso: {b} must read all that {a} gives, and nothing else")
            self.found.append((a, layers[a], b, layers[b]))
            self.gone[a] = torch.zeros(len(layers[a].weight), dtype=torch.bool)

    def step(self, turn: Turn) -> None:
        part = turn.step / (self.until * turn.steps)
        for path, layer, _, following in self.found:
            gone = self.gone[path].to(layer.weight.device)
            if part < 1:
                amount = self.weight * (1 - part) ** self.power
                gone = gone | self._shrink(turn.optimizer, layer, following, amount)
                self.gone[path] = gone
            with torch.no_grad():
                stored(layer)[gone] = 0
                stored(following)[:, gone] = 0
                if layer.bias is not None:
                    stored(layer, "bias")[gone] = 0

    def _shrink(self, optimizer: Any, layer: Any, following: Any, amount: float) -> Tensor:
        """The proximal step; which groups are zero."""
        parts = [(stored(layer), 0), (stored(following), 1)]
        parts += [] if layer.bias is None else [(stored(layer, "bias"), 0)]
        square, slowness, size = 0.0, 0.0, 0
        for parameter, axis in parts:
            flat = parameter.detach().transpose(0, axis).reshape(parameter.shape[axis], -1)
            slow = _slowness(optimizer, parameter).transpose(0, axis).reshape(flat.shape)
            square, slowness = square + flat.square().sum(1), slowness + slow.square().sum(1)
            size += flat.shape[1]
        # Weights that never had a gradient would go infinitely far: the mean is one of divisors.
        norm, rate = square**0.5, (slowness / size) ** -0.5
        left = (1 - rate * amount * math.sqrt(size) / norm.clamp_min(1e-20)).clamp_min(0)
        with torch.no_grad():
            for parameter, axis in parts:
                shape = [1] * parameter.dim()
                shape[axis] = -1
                parameter *= left.reshape(shape)
        return left == 0

    def finish(self) -> Report:
        rows, before, after = {}, 0, 0
        layers = {path: layer for a, x, b, y in self.found for path, layer in ((a, x), (b, y))}
        before = sum(layer.weight.numel() for layer in layers.values())
        for path, layer, _, following in self.found:
            kept = ~self.gone[path].to(layer.weight.device)
            if not kept.any():
                kept[0] = True
            rows[path] = {"neurons before": len(kept), "neurons": int(kept.sum())}
            _cut(layer, kept, 0)
            _cut(following, kept, 1)
        after = sum(layer.weight.numel() for layer in layers.values())
        return Report("group lasso", {"weights left": after / before}, rows)


def _width(layer: Any) -> int:
    return layer.weight.shape[1]


def _slowness(optimizer: Any, parameter: Tensor) -> Tensor:
    """What a gradient is divided by for a step, element by element: Adam has its own divisors."""
    for group in optimizer.param_groups:
        if any(parameter is p for p in group["params"]):
            state = optimizer.state.get(parameter, {})
            if "exp_avg_sq" in state:
                beta, steps = group["betas"][1], float(state["step"])
                mean = state["exp_avg_sq"] / (1 - beta**steps)
                return (mean.sqrt() + group["eps"]) / group["lr"]
            return torch.full_like(parameter, 1 / group["lr"])
    raise ValueError("group lasso: the optimiser must have the parameters of all layers")


def _cut(layer: Any, kept: Tensor, axis: int) -> None:
    """Keep some of the results (0) or operands (1) of a layer, in place."""
    places = kept.nonzero()[:, 0]
    layer.weight = nn.Parameter(plain(layer).index_select(axis, places))
    names = ("out_features", "in_features") if isinstance(layer, nn.Linear) else _CHANNELS
    setattr(layer, names[axis], len(places))
    if axis == 0 and layer.bias is not None:
        layer.bias = nn.Parameter(plain(layer, "bias")[places])


_CHANNELS = ("out_channels", "in_channels")
