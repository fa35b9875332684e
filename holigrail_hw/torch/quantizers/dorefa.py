"""DoReFa-Net's quantisers (Zhou et al., DoReFa-Net: Training low bitwidth convolutional neural
networks with low bitwidth gradients, 2016)."""

import torch
from torch import Tensor

from ..scales import of_few_bits
from .base import SCALE_BITS, Quantizer, straight

__all__ = ["DoReFa"]


class DoReFa(Quantizer):
    """Weights as odd integers of a common scale, or activations from 0 to 1.

    Parameters
    ----------
    bits : int
        1 to 15.
    activation : bool
        Activations: round((2^bits - 1) clip(x, 0, 1)). Weights: tanh(w) / max(tanh(w)) becomes one
        of 2^bits numbers, evenly from the least to the greatest; none of them is 0.
    power_of_two : bool
        Whether the unit is 2^-bits, as hardware likes it, and not 1 / (2^bits - 1) rounded to 8
        significant bits.
    """

    unit: Tensor

    def __init__(self, bits: int, activation: bool = False, power_of_two: bool = True):
        if not 1 <= bits <= 15:
            raise ValueError(f"DoReFa: bits must be 1 to 15, not {bits}")
        super().__init__(f"uint{bits}" if activation else f"int{bits + 1}")
        self.bits, self.activation = bits, activation
        unit = 2.0**-bits if power_of_two else 1 / (2**bits - 1)
        self.register_buffer("unit", of_few_bits(torch.tensor(unit), SCALE_BITS))

    def scales(self) -> Tensor:
        return self.unit

    def forward(self, x: Tensor) -> Tensor:
        steps, unit = 2**self.bits - 1, self.unit.to(x.dtype)
        if self.activation:
            y = x.clamp(0, 1)
            return straight(y, torch.round(y.detach() * steps) * unit)
        bent = torch.tanh(x)
        y = bent / bent.detach().abs().max().clamp(min=2.0**-60)
        codes = 2 * torch.round((y.detach() + 1) / 2 * steps) - steps
        return straight(y, codes * unit)
