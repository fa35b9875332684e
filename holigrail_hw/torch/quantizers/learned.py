"""Scales and limits that are learned with the weights."""

import torch
from torch import Tensor, nn

from .base import Quantizer, settled_scale, straight

__all__ = ["LSQ", "PACT"]


class LSQ(Quantizer):
    """Integers of ``bits``, times a learned scale.

    Parameters
    ----------
    bits : int
        2 to 16, or 1 to 16 unsigned.
    signed : bool
        Whether codes may be negative.
    initial : tensor or None
        What the first scale is found from, 2 mean(abs(x)) / sqrt(largest code); if none, the first
        numbers that are rounded while training.
    power_of_two : bool
        Whether the scale is rounded to a power of two, with its gradient straight through; else to
        8 significant bits.
    """

    begun: Tensor

    def __init__(
        self,
        bits: int,
        signed: bool = True,
        initial: Tensor | None = None,
        power_of_two: bool = True,
    ):
        if not (2 if signed else 1) <= bits <= 16:
            raise ValueError(f"LSQ: bits must be {2 if signed else 1} to 16, not {bits}")
        super().__init__(f"{'' if signed else 'u'}int{bits}")
        self.power_of_two = power_of_two
        self.step = nn.Parameter(torch.ones(()))
        self.register_buffer("begun", torch.tensor(False))
        if initial is not None:
            self._begin(initial)

    def _begin(self, x: Tensor) -> None:
        start = 2 * x.detach().abs().mean() / self.limits[1] ** 0.5
        self.step.data.copy_(torch.where((start > 0) & start.isfinite(), start, 1.0))
        self.begun.fill_(True)

    def _settled(self, step: Tensor) -> Tensor:
        return settled_scale(step.abs().clamp(min=2.0**-60), self.power_of_two)

    def scales(self) -> Tensor:
        return self._settled(self.step.detach())

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.numel() and not bool(self.begun):
            self._begin(x)
        low, high = self.limits
        slope = 1 / (max(1, x.numel()) * high) ** 0.5
        step = self.step * slope + (self.step * (1 - slope)).detach()
        unit = straight(step, self._settled(step.detach())).to(x.dtype)
        y = (x / unit).clamp(low, high)
        return straight(y, torch.round(y.detach())) * unit


class PACT(Quantizer):
    """Activations from 0 to a learned limit, in integers of ``bits``.

    The loss should have a term for the limits: :meth:`penalty` times some factor.

    Parameters
    ----------
    bits : int
        1 to 16.
    limit : float
        The limit to begin with.
    power_of_two : bool
        Whether the scale, limit / (2^bits - 1), is rounded to a power of two; else to 8 significant
        bits.
    """

    def __init__(self, bits: int, limit: float = 6.0, power_of_two: bool = True):
        if not 1 <= bits <= 16:
            raise ValueError(f"PACT: bits must be 1 to 16, not {bits}")
        if not 0 < limit < float("inf"):
            raise ValueError(f"PACT: limit must be a positive number, not {limit}")
        super().__init__(f"uint{bits}")
        self.power_of_two = power_of_two
        self.limit = nn.Parameter(torch.tensor(float(limit)))

    def scales(self) -> Tensor:
        least = self.limit.detach().clamp(min=2.0**-60) / self.limits[1]
        return settled_scale(least, self.power_of_two)

    def penalty(self) -> Tensor:
        """The limit's square."""
        return self.limit**2

    def forward(self, x: Tensor) -> Tensor:
        unit = self.scales().to(x.dtype)
        most = straight(self.limit, unit * self.limits[1]).to(x.dtype)
        # The gradient of the limit is 1 where numbers reach it.
        y = torch.minimum(x.clamp(min=0), most)
        return straight(y, torch.round(y.detach() / unit) * unit)
