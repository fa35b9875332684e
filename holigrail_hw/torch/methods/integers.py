"""Weights and activations of few bits: multiples of a power of two, gradients straight through.

The step of weights is what loses least of normally distributed ones (Max, Quantizing for minimum
distortion, 1960), or what their largest magnitude needs, whichever is finer, as a power of two.
Activations have a limit that is learnt (Choi and others, PACT, 2018). Both are quantisers, so that
an export knows their codes.
"""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from holigrail_hw.formats import FixedFormat, Format, parse

from ..quantizers import Quantize, Quantizer, attach
from ..quantizers.base import straight
from ..scales import of_few_bits
from .base import Method, Report, checked_layers, plain

__all__ = ["Activation", "Integers", "Weight"]

# Steps for a deviation of 1, by bits.
_STEPS = {2: 0.996, 3: 0.586, 4: 0.335, 5: 0.188, 6: 0.104, 7: 0.0569, 8: 0.0308}
_FREE_BITS = 8
_KINDS = (nn.Linear, nn.Conv2d)


def power_of_two(x: Tensor) -> Tensor:
    """The nearest power of two, geometrically."""
    return torch.exp2(torch.round(torch.log2(x.clamp_min(2.0**-60))))


class _FewBits(Quantizer):
    """Integers whose number of bits can be changed, and is part of the state."""

    @property
    def bits(self) -> int:
        return self.format.width

    @bits.setter
    def bits(self, bits: int) -> None:
        self.format = _integers(bits, self.is_signed)

    @property
    def is_signed(self) -> bool:
        assert isinstance(self.format, FixedFormat)
        return self.format.signed

    def get_extra_state(self) -> str:
        return str(self.format)

    def set_extra_state(self, state: Any) -> None:
        self.format = parse(state)


def _integers(bits: int, is_signed: bool) -> Format:
    return parse(f"{'' if is_signed else 'u'}int{bits}")


class Weight(_FewBits):
    """Parametrisation: integers of so many bits, symmetric, times a step."""

    def __init__(self, bits: int, free: bool = False):
        super().__init__(f"int{bits}")
        self.free = free
        self.last_step = 1.0

    def scales(self) -> Tensor:
        """The step of the weights that were rounded last."""
        return torch.tensor(self.last_step)

    def step(self, weight: Tensor) -> Tensor:
        """The step of these weights: a power of two, or free, a number of 8 significant bits."""
        high = 2.0 ** (self.bits - 1) - 1
        with torch.no_grad():
            full = weight.abs().max() / high
            spread = weight.std() if weight.numel() > 1 else full.new_tensor(math.inf)
            found = torch.minimum(full, spread * _STEPS[self.bits]) if high > 0 else full
            least = found.clamp_min(2.0**-60)
            return of_few_bits(least, _FREE_BITS) if self.free else power_of_two(found)

    def integers(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Integers of weights, and their step."""
        step, high = self.step(weight), 2.0 ** (self.bits - 1) - 1
        return torch.round(weight / step).clamp(-high, high), step

    def forward(self, weight: Tensor) -> Tensor:
        codes, step = self.integers(weight.detach())
        self.last_step = float(step)
        return straight(weight, codes * step)


class Activation(_FewBits):
    """Integers of so many bits, up to a limit that is learnt; what is beyond saturates.

    They are unsigned, for what follows a ReLU, unless some of the first numbers are negative.
    """

    seen: Tensor

    def __init__(self, bits: int, device: Any = None):
        super().__init__(f"uint{bits}")
        self.limit = nn.Parameter(torch.tensor(4.0, device=device))
        self.register_buffer("seen", torch.tensor(False, device=device))

    def scales(self) -> Tensor:
        return power_of_two(self.limit.detach().clamp_min(2.0**-20) / self.limits[1])

    def _observe(self, x: Tensor) -> None:
        with torch.no_grad():
            self.limit.copy_(x.abs().max().clamp_min(2.0**-20))
            self.seen.fill_(True)
            self.format = _integers(self.bits, bool((x < 0).any()))

    def forward(self, x: Tensor) -> Tensor:
        if not bool(self.seen):
            self._observe(x)
        unit, (low, high) = self.scales().to(x.dtype), self.limits
        # The gradient of the limit is 1 where numbers reach it.
        inside = torch.minimum(x, straight(self.limit, unit * high).to(x.dtype))
        least = straight(-self.limit, unit * low).to(x.dtype) if self.is_signed else 0 * unit
        inside = torch.maximum(inside, least)
        return straight(inside, torch.round(inside.detach() / unit) * unit)


class Integers(Method):
    """Few bits in every layer. With ``input`` and ``bias`` what comes out can be exported.

    Parameters
    ----------
    weight : int or None
        Bits of weights, 2 to 8; None: another method rounds them, or they stay.
    activation : int or None
        Bits of what every layer but the first reads; None: not rounded.
    layers : list of str or None
        Paths; None for all linear layers and convolutions.
    free : bool
        Steps of weights are no powers of two.
    input : Quantizer or None
        Rounds what the first layer reads, a copy of it; None: nothing does.
    bias : format or None
        Of biases, fixed point; None: they stay.
    """

    def __init__(
        self,
        weight: int | None = 8,
        activation: int | None = 8,
        layers: Any = None,
        free: bool = False,
        *,
        input: Quantizer | None = None,
        bias: Format | str | None = None,
    ):
        for name, bits in (("weight", weight), ("activation", activation)):
            if bits is not None and not 2 <= bits <= 8:
                raise ValueError(f"integers: bits of {name} must be between 2 and 8, not {bits}")
        self.weight, self.activation = weight, activation
        self.layers, self.free = layers, free
        self.input, self.bias = input, None if bias is None else parse(bias)
        self.found: dict[str, Any] = {}
        self.weights: dict[str, Weight] = {}
        self.activations: dict[str, Activation] = {}

    def attach(self, model: nn.Module) -> None:
        self.found = checked_layers("integers", model, self.layers, _KINDS)
        for index, (path, layer) in enumerate(self.found.items()):
            if self.weight is not None:
                self.weights[path] = Weight(self.weight, self.free)
                attach(layer, self.weights[path])
            if self.bias is not None and layer.bias is not None:
                attach(layer, Quantize(self.bias).to(layer.weight.device), "bias")
            if index and self.activation is not None:
                self.activations[path] = Activation(self.activation, layer.weight.device)
                attach(layer, self.activations[path], "input")
            elif not index and self.input is not None:
                attach(layer, copy.deepcopy(self.input).to(layer.weight.device), "input")

    def finish(self) -> Report:
        rows: dict[str, dict[str, Any]] = {}
        for path, layer in self.found.items():
            rows[path] = {}
            plain(layer)
            if self.bias is not None and layer.bias is not None:
                plain(layer, "bias")
            if path in self.weights:
                own = self.weights[path]
                rows[path] = {"weight bits": own.bits, "weight step": own.last_step}
                if own.free:
                    # Such a step cannot be found in the weights again.
                    attach(layer, Quantize(own.format, own.last_step))
            if path in self.activations:
                rows[path]["activation bits"] = self.activations[path].bits
        bits = [row["weight bits"] for row in rows.values() if "weight bits" in row]
        figures = {"mean weight bits": sum(bits) / len(bits)} if bits else {"layers": len(rows)}
        return Report("integers", figures, rows)
