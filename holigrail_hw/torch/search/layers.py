"""Layers of a model in formats that can be changed at any time."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from holigrail_hw.formats import Format, parse
from holigrail_hw.kernels import quantise

from ..quantizers import Quantize, attach

__all__ = ["Choice", "Layer", "Rounded"]

_SCALES = 4


@dataclass(frozen=True)
class Choice:
    """Formats of a layer's weights and of what it reads, each times a power of two.

    ``accumulator`` is the format of its sums for those who count costs; None: fp32 for floats, and
    integers of 32 bits else.
    """

    weight: Format
    input: Format
    accumulator: Format | None = None
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for which in ("weight", "input", "accumulator"):
            given = getattr(self, which)
            if given is not None:
                object.__setattr__(self, which, parse(given))
        if not self.name:
            same = self.weight == self.input
            text = str(self.weight) if same else f"{self.weight}/{self.input}"
            object.__setattr__(self, "name", text)

    @classmethod
    def of(cls, given: Any) -> "Choice":
        """A choice, or the format of both by its name."""
        return given if isinstance(given, cls) else cls(given, given)

    def sums(self) -> Format:
        """The format of sums."""
        if self.accumulator is not None:
            return self.accumulator
        fixed = self.weight.codes_are_integers and self.input.codes_are_integers
        return parse("int32") if fixed else parse("fp32")


@dataclass(frozen=True)
class Layer:
    """What costs are counted of: products for one sample, and weights.

    ``alone`` makes of a choice the layer by itself, without its bias, between quantisers of the
    formats, and one of its inputs.
    """

    path: str
    products: int
    weights: int
    alone: Callable[[Choice], tuple[nn.Module, Tensor]] | None = field(
        default=None, compare=False, repr=False
    )


class Rounded:
    """Weights and inputs of one layer, in the format that is chosen now, or as they are.

    Scales are powers of two: those whose squared error is least on the weights, and on inputs that
    were seen. ``made`` keeps what was found for formats, for others of the same layer.
    """

    def __init__(self, layer: Any, made: dict[Any, Any]):
        self.layer, self._made = layer, made
        self.weight = _Switch()
        self.input = _Switch()
        self.seen: Tensor | None = None
        self._choice: Choice | None = None
        self._values = layer.weight.detach().clone()
        self.handles = [layer.register_forward_pre_hook(self._before)]
        parametrize.register_parametrization(layer, "weight", self.weight)

    def _before(self, _: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        x = inputs[0]
        if self._choice is None:
            # Of the model itself, before any layer is changed.
            self.seen = x.detach() if self.seen is None else self.seen
            return inputs
        scale = self._scale_of_inputs(self._choice.input)
        return (_rounded(self._choice.input, x.detach(), scale), *inputs[1:])

    def choose(self, choice: Choice | None) -> None:
        """Round to the formats of a choice from here on; None: not at all."""
        self._choice = choice
        self.weight.value = None if choice is None else self._weights(choice.weight)

    def _weights(self, format: Format) -> Tensor:
        key = ("weight", format)
        if key not in self._made:
            scale = best_scale(format, self._values)
            self._made[key] = _rounded(format, self._values, scale)
        return self._made[key]

    def _scale_of_inputs(self, format: Format) -> float:
        key = ("input", format)
        if key not in self._made:
            assert self.seen is not None
            self._made[key] = best_scale(format, self.seen)
        return self._made[key]

    def alone(self, choice: Choice) -> tuple[nn.Module, Tensor]:
        """The layer by itself, as :class:`Layer` wants it; in float64, whose sums are exact."""
        given, seen = self.layer, self.seen
        assert seen is not None
        if isinstance(given, nn.Conv2d):
            names = ("kernel_size", "stride", "padding", "dilation", "groups")
            window = {name: getattr(given, name) for name in names}
            made: Any = nn.Conv2d(given.in_channels, given.out_channels, bias=False, **window)
        else:
            made, seen = nn.Linear(given.in_features, given.out_features, bias=False), seen[:1]
            seen = seen.reshape(-1, given.in_features)
        with torch.no_grad():
            made.weight.copy_(self._values)
        attach(made, Quantize(choice.weight, best_scale(choice.weight, self._values)))
        first = Quantize(choice.input, self._scale_of_inputs(choice.input))
        return nn.Sequential(first, made).double().eval(), seen[:1].double()

    def remove(self) -> None:
        """Leave the layer as it was."""
        for handle in self.handles:
            handle.remove()
        self.weight.value = None
        parametrize.remove_parametrizations(self.layer, "weight", leave_parametrized=False)


class _Switch(nn.Module):
    """Parametrisation: a given value instead of the weights, if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.value: Tensor | None = None

    def forward(self, weight: Tensor) -> Tensor:
        return weight if self.value is None else self.value


def best_scale(format: Format, values: Tensor) -> float:
    """The power of two, of some below the one that fits all, with the least squared error."""
    numbers = values.detach().cpu().numpy().astype(np.float64).reshape(-1)
    largest = float(np.abs(numbers).max(initial=0.0))
    if not largest:
        return 1.0
    top = float(format.number_range[1])
    first = 2.0 ** math.ceil(math.log2(largest / top))
    scales = [first * 2.0**-place for place in range(_SCALES)]
    errors = [np.square(_limited(format, numbers / s) * s - numbers).sum() for s in scales]
    return scales[int(np.argmin(errors))]


def _limited(format: Format, numbers: np.ndarray) -> np.ndarray:
    """Rounded to nearest even, what is too large to the largest number."""
    low, high = (float(end) for end in format.number_range)
    return quantise(format, np.clip(numbers, low, high)).astype(np.float64)


def _rounded(format: Format, values: Tensor, scale: float) -> Tensor:
    numbers = values.detach().cpu().numpy().astype(np.float64) / scale
    found = _limited(format, numbers) * scale
    return torch.as_tensor(found, dtype=values.dtype, device=values.device)
