"""What all quantisers are: codes of a format times a scale, with gradients straight through."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from holigrail_hw.formats import FixedFormat, Format, FormatError, Rounding, parse

from ..arithmetic import Conversion
from ..functional import round as rounded
from ..scales import of_few_bits, powers_of_two

__all__ = ["Quantizer", "attach", "input_quantizer", "settled_scale", "straight"]

INPUT = "input"
_ROUNDED_INPUT = "rounded_input"

SCALE_BITS = 8
"""Of scales that are no power of two."""


class _Straight(torch.autograd.Function):
    """Gives ``y``; the gradient goes to ``x`` where ``passes`` says so."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, passes: Tensor | None) -> Tensor:
        ctx.save_for_backward(*(() if passes is None else (passes,)))
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        grad, saved = grads[0], ctx.saved_tensors
        return (grad * saved[0] if saved else grad), None, None


def straight(x: Tensor, y: Tensor, passes: Tensor | None = None) -> Tensor:
    """``y``, with the gradient of ``x``."""
    return _Straight.apply(x, y.detach(), passes)  # type: ignore[return-value]


class Quantizer(nn.Module):
    """What all quantisers are to an export: codes of ``format`` times a scale.

    Attributes
    ----------
    format : Format
        Of the codes.
    rounding : Rounding
        In which mode numbers become codes.
    """

    def __init__(self, format: Format | str, rounding: str = Rounding.NEAREST_EVEN):
        super().__init__()
        self.format, self.rounding = parse(format), Rounding(rounding)
        self.random_key = 0

    def scales(self) -> Tensor:
        """The scales in use: one, or broadcast against what is rounded."""
        raise NotImplementedError

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest number of the format."""
        low, high = self.format.number_range
        return float(low), float(high)

    def codes(self, x: Tensor) -> Tensor:
        """Codes as integers in units of the scale's last place; of fixed-point formats only."""
        if not isinstance(self.format, FixedFormat):
            raise FormatError(f"quantizer: codes must be integers or fixed, not {self.format}")
        numbers = self(x).detach()
        unit = self.scales() * 2.0**-self.format.fraction_width
        return torch.round(numbers / unit).to(torch.int64)

    def extra_repr(self) -> str:
        return f"{self.format}, {self.rounding}"

    def _in_format(self, x: Tensor, random_width: int = 16, overflow: str | None = None) -> Tensor:
        """Rounded, with the type of ``x``."""
        how = Conversion(
            format=self.format,
            rounding=self.rounding,
            random_width=random_width,
            overflow=overflow,
        )
        return rounded(x, how, key=self.random_key).to(x.dtype)


def settled_scale(scale: Tensor, power_of_two: bool) -> Tensor:
    """The nearest power of two, or a number of 8 significant bits."""
    if power_of_two:
        return powers_of_two(torch.round(torch.log2(scale)))
    return of_few_bits(scale, SCALE_BITS)


def attach(module: nn.Module, quantizer: nn.Module, name: str = "weight") -> nn.Module:
    """Rounds a parameter wherever it is used, or the ``input`` of a layer; gives the module back.

    Raises
    ------
    ValueError
        If a layer's input is rounded already.
    """
    if name != INPUT:
        parametrize.register_parametrization(module, name, quantizer)
        return module
    if input_quantizer(module) is not None:
        raise ValueError("attach: a layer's input must have one quantiser, not two")
    module.register_module(_ROUNDED_INPUT, quantizer)
    module.register_forward_pre_hook(_round_input)
    return module


def input_quantizer(module: nn.Module) -> Any:
    """What rounds the input of a layer, or None."""
    return dict(module.named_children()).get(_ROUNDED_INPUT)


def _round_input(layer: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (layer.rounded_input(inputs[0]), *inputs[1:])
