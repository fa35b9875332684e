"""Weights and activations of few bits: multiples of a power of two, gradients straight through.

The step of weights is what loses least of normally distributed ones (Max, Quantizing for minimum
distortion, 1960), or what their largest magnitude needs, whichever is finer, as a power of two.
Activations have a limit that is learnt (Choi and others, PACT, 2018).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..quantizers.base import straight
from .base import Method, Report, checked_layers, plain

__all__ = ["Activation", "Integers", "Weight"]

# Steps for a deviation of 1, by bits.
_STEPS = {2: 0.996, 3: 0.586, 4: 0.335, 5: 0.188, 6: 0.104, 7: 0.0569, 8: 0.0308}
_KINDS = (nn.Linear, nn.Conv2d)


def power_of_two(x: Tensor) -> Tensor:
    """The nearest power of two, geometrically."""
    return torch.exp2(torch.round(torch.log2(x.clamp_min(2.0**-60))))


class Weight(nn.Module):
    """Parametrisation: integers of so many bits, symmetric, times a step."""

    def __init__(self, bits: int, free: bool = False):
        super().__init__()
        self.bits, self.free = bits, free
        self.last_step = 0.0

    def step(self, weight: Tensor) -> Tensor:
        """The step of these weights."""
        high = 2.0 ** (self.bits - 1) - 1
        with torch.no_grad():
            full = weight.abs().max() / high
            found = torch.minimum(full, weight.std() * _STEPS[self.bits]) if high > 0 else full
            return found.clamp_min(2.0**-60) if self.free else power_of_two(found)

    def codes(self, weight: Tensor, bits: int | None = None) -> tuple[Tensor, Tensor]:
        """Integers of weights, and their step."""
        step, high = self.step(weight), 2.0 ** ((bits or self.bits) - 1) - 1
        return torch.round(weight / step).clamp(-high, high), step

    def forward(self, weight: Tensor) -> Tensor:
        codes, step = self.codes(weight.detach())
        self.last_step = float(step)
        return straight(weight, codes * step)


class Activation(nn.Module):
    """Unsigned integers of so many bits, up to a limit that is learnt; for what follows a ReLU."""

    seen: Tensor

    def __init__(self, bits: int, device: Any = None):
        super().__init__()
        self.bits = bits
        self.limit = nn.Parameter(torch.tensor(4.0, device=device))
        self.register_buffer("seen", torch.tensor(False, device=device))

    def forward(self, x: Tensor) -> Tensor:
        if not bool(self.seen):
            with torch.no_grad():
                self.limit.copy_(x.abs().max().clamp_min(2.0**-20))
                self.seen.fill_(True)
        limit = self.limit.clamp_min(2.0**-20)
        inside = torch.minimum(x.clamp_min(0), limit)
        step = power_of_two(limit.detach() / (2.0**self.bits - 1))
        codes = torch.round(inside.detach() / step).clamp(0, 2.0**self.bits - 1)
        return straight(inside, codes * step)


class Integers(Method):
    """Few bits in every layer; the inputs of the model stay as they are.

    Parameters
    ----------
    weight : int
        Bits of weights, 2 to 8.
    activation : int or None
        Bits of what every layer but the first reads, which must not be negative; None: not rounded.
    layers : list of str or None
        Paths; None for all linear layers and convolutions.
    free : bool
        Steps of weights are no powers of two.
    """

    def __init__(
        self, weight: int = 8, activation: int | None = 8, layers: Any = None, free: bool = False
    ):
        for name, bits in (("weight", weight), ("activation", activation)):
            if bits is not None and not 2 <= bits <= 8:
                raise ValueError(f"integers: bits of {name} must be between 2 and 8, not {bits}")
        self.weight, self.activation = weight, activation
        self.layers, self.free = layers, free
        self.found: dict[str, Any] = {}
        self.weights: dict[str, Weight] = {}
        self.activations: dict[str, Activation] = {}

    def attach(self, model: nn.Module) -> None:
        self.found = checked_layers("integers", model, self.layers, _KINDS)
        for index, (path, layer) in enumerate(self.found.items()):
            self.weights[path] = Weight(self.weight, self.free)
            parametrize.register_parametrization(layer, "weight", self.weights[path])
            if self.activation is not None and index:
                rounding = Activation(self.activation, layer.weight.device)
                layer.register_module("rounded_input", rounding)
                layer.register_forward_pre_hook(_round_input)
                self.activations[path] = rounding

    def finish(self) -> Report:
        rows: dict[str, dict[str, Any]] = {}
        for path, layer in self.found.items():
            plain(layer)
            own = self.weights[path]
            rows[path] = {"weight bits": own.bits, "weight step": own.last_step}
            if path in self.activations:
                rows[path]["activation bits"] = self.activations[path].bits
        mean = sum(row["weight bits"] for row in rows.values()) / len(rows)
        return Report("integers", {"mean weight bits": mean}, rows)


def _round_input(layer: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (layer.rounded_input(inputs[0]), *inputs[1:])
