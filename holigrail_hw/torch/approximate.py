"""Networks whose multipliers are replaced by others: approximate ones, or those of short formats.

Layers round weights and inputs to the formats of a multiplier's factors and add up what its table
gives: exactly, as one product of matrices where the table is a sum of few products, or rounded in
an accumulator. Gradients are those of exact products, or go along slopes of the smoothed table
(Meng and others, Gradient estimation methods of approximate multipliers, 2025).
"""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from holigrail_hw.kernels import decode, encode
from holigrail_hw.kernels.multipliers import Multiplier

from .convert import keep_to_layers

__all__ = ["ApproximateConv2d", "ApproximateLinear", "replace_multipliers"]

SLOPES = ("exact", "smoothed")
_WINDOW = 0.08
_TOLERANCE = 1e-3


class _Product:
    """A multiplier as tensors: products of codes, and slopes of both factors."""

    def __init__(self, multiplier: Multiplier, accumulator: str | None, slope: str):
        if slope not in SLOPES:
            raise ValueError(f"multiplier: slope must be {' or '.join(SLOPES)}, not {slope!r}")
        if multiplier.table is None and accumulator is None:
            raise ValueError(
                f"multiplier: sums of {multiplier.name} must have an accumulator, not be exact"
            )
        self.multiplier, self.accumulator, self.slope = multiplier, accumulator, slope
        # Integers are symmetric: the least one has no magnitude in as many bits.
        self.tops = [float(f.number_range[1]) for f in (multiplier.a, multiplier.b)]
        self.lows = [
            max(-top, float(f.number_range[0]))
            for top, f in zip(self.tops, (multiplier.a, multiplier.b), strict=True)
        ]
        # Floats and posits are densest around 1.
        self.units = [
            top if f.is_fixed_like else 1.0
            for top, f in zip(self.tops, (multiplier.a, multiplier.b), strict=True)
        ]
        self.slopes = None
        if slope == "smoothed":
            self.slopes = _slopes(multiplier, 0), _slopes(multiplier, 1)

    def codes(self, x: Tensor, scale: Tensor, which: int) -> tuple[np.ndarray, Tensor]:
        """Codes of x / scale, and their numbers."""
        format = (self.multiplier.a, self.multiplier.b)[which]
        numbers = (x.detach() / scale).clamp(self.lows[which], self.tops[which])
        codes = np.asarray(encode(format, numbers.cpu().numpy().astype(np.float64)))
        values = np.asarray(decode(format, codes), np.float32)
        return codes.astype(np.int64), torch.as_tensor(values, device=x.device)

    def sums(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of the products of codes a (M x K) and b (K x N)."""
        if self.accumulator is None:
            return self.multiplier.sums(a, b, threads=torch.get_num_threads())
        found = self.multiplier.rounded_sums(a, b, accumulator=self.accumulator)
        return np.asarray(decode(self.accumulator, found), np.float64)


def _slopes(multiplier: Multiplier, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Slopes along a factor, as few products P (codes of a, r) and Q (r, codes of b).

    Products are averaged over neighbouring numbers of that factor before differences are taken.
    """
    format = (multiplier.a, multiplier.b)[axis]
    numbers = np.asarray(decode(format, np.arange(1 << format.width)), np.float64)
    usable = np.isfinite(numbers)
    order = np.flatnonzero(usable)[np.argsort(numbers[usable], kind="stable")]
    table = np.nan_to_num(multiplier.products if axis == 0 else multiplier.products.T)
    reach = max(1, round(_WINDOW * len(order) / 2))
    sums = np.cumsum(np.pad(table[order], ((1, 0), (0, 0))), axis=0)
    places = np.arange(len(order))
    first, last = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(order))
    smooth = (sums[last] - sums[first]) / (last - first)[:, None]
    along = np.cumsum(np.pad(numbers[order], (1, 0)))
    centre = (along[last] - along[first]) / (last - first)
    before, after = np.maximum(places - 1, 0), np.minimum(places + 1, len(order) - 1)
    step = np.where(centre[after] > centre[before], centre[after] - centre[before], 1.0)
    slopes = np.zeros(table.shape)
    slopes[order] = (smooth[after] - smooth[before]) / step[:, None]
    slopes = slopes if axis == 0 else slopes.T
    left, values, right = np.linalg.svd(slopes, full_matrices=False)
    kept = max(1, int((values > _TOLERANCE * values[0]).sum()))
    return left[:, :kept] * values[:kept], right[:kept]


class _Sums(torch.autograd.Function):
    """x (M x K) by w (N x K), rounded and multiplied by the multiplier."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, scales: Tensor, product: _Product) -> Tensor:
        a, a_numbers = product.codes(x, scales[0], 0)
        b, b_numbers = product.codes(w, scales[1], 1)
        sums = product.sums(a, np.ascontiguousarray(b.T))
        ctx.product, ctx.codes = product, (a, b)
        # Where x lies within the range gradients pass.
        numbers, low, top = x.detach(), product.lows[0], product.tops[0]
        inside = (numbers >= scales[0] * low) & (numbers <= scales[0] * top)
        ctx.save_for_backward(a_numbers, b_numbers, scales, inside)
        found = torch.as_tensor(sums, dtype=torch.float64, device=x.device)
        return (found * scales[0].double() * scales[1].double()).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        a, b, scales, inside = ctx.saved_tensors
        g, product = gradients[0], ctx.product
        if product.slopes is None:
            of_x, of_w = g @ (b * scales[1]), g.T @ (a * scales[0])
        else:
            of_x = _along(g, ctx.codes, product.slopes[0], 0) * scales[1]
            of_w = _along(g, ctx.codes, product.slopes[1], 1) * scales[0]
        return of_x * inside, of_w, None, None


def _along(g: Tensor, codes: Any, slopes: Any, axis: int) -> Tensor:
    """sum_n g[m, n] S[a[m, k], b[n, k]] for the first factor, sum_m for the second."""
    a, b = codes
    p = torch.as_tensor(slopes[0], dtype=g.dtype, device=g.device)[torch.as_tensor(a)]
    q = torch.as_tensor(slopes[1].T, dtype=g.dtype, device=g.device)[torch.as_tensor(b)]
    own, other = (p, q) if axis == 0 else (q, p)
    summed = (g if axis == 0 else g.T) @ other.reshape(len(other), -1)
    return (own * summed.reshape(own.shape)).sum(2)


class _Approximate(nn.Module):
    """What both layers have: a multiplier, and the step of inputs."""

    weight: Tensor
    input_step: Tensor

    def set_multiplier(self, product: _Product, scale: str) -> None:
        """Use a multiplier; the step of inputs follows the largest one of the first batch."""
        self.product, self.scale = product, scale
        weight = self.weight
        self.register_buffer("input_step", torch.zeros((), device=weight.device))

    def step_of(self, values: Tensor, top: float) -> Tensor:
        """The step with which the largest value becomes ``top``."""
        found = values.detach().abs().max().clamp_min(2.0**-60) / top
        return torch.exp2(torch.ceil(torch.log2(found))) if self.scale == "power_of_two" else found

    def sums(self, x: Tensor, w: Tensor) -> Tensor:
        """x (M x K) by w (N x K)."""
        if not float(self.input_step):
            with torch.no_grad():
                self.input_step.copy_(self.step_of(x, self.product.units[0]))
        steps = torch.stack([self.input_step, self.step_of(w, self.product.units[1])])
        found = _Sums.apply(x, w, steps, self.product)
        assert isinstance(found, Tensor)
        return found

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        memo[id(self.product)] = self.product
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made


class ApproximateLinear(_Approximate, nn.Linear):
    """``torch.nn.Linear`` with a replaced multiplier; made by :func:`replace_multipliers`."""

    def forward(self, input: Tensor) -> Tensor:
        flat = input.reshape(-1, input.shape[-1])
        found = self.sums(flat, self.weight)
        if self.bias is not None:
            found = found + self.bias
        return found.reshape(*input.shape[:-1], -1)


class ApproximateConv2d(_Approximate, nn.Conv2d):
    """``torch.nn.Conv2d`` with a replaced multiplier; made by :func:`replace_multipliers`."""

    def forward(self, input: Tensor) -> Tensor:
        window = {
            "kernel_size": self.kernel_size,
            "dilation": self.dilation,
            "padding": self.padding,
            "stride": self.stride,
        }
        taps = functional.unfold(input, **window).transpose(1, 2)  # type: ignore[arg-type]
        found = self.sums(taps.reshape(-1, taps.shape[2]), self.weight.flatten(1))
        if self.bias is not None:
            found = found + self.bias
        assert not isinstance(self.padding, str)
        sizes = [
            (size + 2 * pad - far * (taps - 1) - 1) // stride + 1
            for size, pad, far, taps, stride in zip(
                input.shape[2:],
                self.padding,
                self.dilation,
                self.kernel_size,
                self.stride,
                strict=True,
            )
        ]
        return found.reshape(len(input), -1, len(self.weight)).mT.reshape(
            len(input), len(self.weight), *(int(size) for size in sizes)
        )


_COUNTERPARTS = {nn.Linear: ApproximateLinear, nn.Conv2d: ApproximateConv2d}


def replace_multipliers(
    model: nn.Module,
    multiplier: Multiplier,
    *,
    accumulator: str | None = None,
    slope: str = "exact",
    scale: str = "power_of_two",
) -> nn.Module:
    """A copy of a model whose linear layers and convolutions use a multiplier.

    Parameters
    ----------
    multiplier : Multiplier
        Its factor a is an input, b a weight.
    accumulator : str or None
        A float that sums are rounded to at every step; None: exact sums.
    slope : str
        Of gradients: ``exact``, those of a * b, or ``smoothed``, those of the table.
    scale : str
        ``power_of_two`` or ``float``: the steps of weights, whose largest magnitude becomes the
        largest integer, or 1 in floats and posits, and of inputs, which follow the first batch.

    Raises
    ------
    ValueError
        For convolutions with groups or padding other than zeros, named by their paths, and without
        a layer that could be replaced.
    """
    if scale not in ("power_of_two", "float"):
        raise ValueError(f"multiplier: scale must be power_of_two or float, not {scale!r}")
    product = _Product(multiplier, accumulator, slope)
    result = copy.deepcopy(model)
    found = {p: m for p, m in result.named_modules() if type(m) in _COUNTERPARTS}
    wrong = [
        path or "(model)"
        for path, layer in found.items()
        if isinstance(layer, nn.Conv2d)
        and (layer.groups != 1 or layer.padding_mode != "zeros" or isinstance(layer.padding, str))
    ]
    if wrong or not found:
        what = f"not {', '.join(wrong)}" if wrong else "not none"
        raise ValueError(
            "multiplier: layers must be linear, or convolutions without groups and with zeros"
            f" around, {what}"
        )
    for layer in found.values():
        layer.__class__ = _COUNTERPARTS[type(layer)]
        layer.set_multiplier(product, scale)  # type: ignore[operator]
    keep_to_layers(result, _Approximate)
    return result
