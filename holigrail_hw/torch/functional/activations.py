"""Functions of activations: sums in an arithmetic, everything else float64 and rounded once."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..arithmetic import Arithmetic
from ..random import part_key
from .products import round, sums

__all__ = ["function", "layer_norm", "softmax"]


def function(
    x: Tensor, wanted: Callable[[Tensor], Tensor], arithmetic: Arithmetic, *, key: int = 0
) -> Tensor:
    """A function of rounded numbers in float64, rounded to the output's or the input's format."""
    how = arithmetic
    found = wanted(round(x, how.of_inputs, key=key, operation="input").double())
    return round(found, how.output or how.of_inputs, key=key, operation="output")


def softmax(x: Tensor, arithmetic: Arithmetic, axis: int = -1, *, key: int = 0) -> Tensor:
    """Softmax: numbers, and powers of them less their maximum, are rounded as inputs are.

    Powers are added in the arithmetic, each quotient is float64 and rounded to the output's
    format, or that of inputs. What is -infinity, as of masks, stays so.
    """
    how = arithmetic
    moved = x.transpose(axis, -1)
    rounded = round(moved, how.of_inputs, key=key, operation="input").double()
    rounded = torch.where(moved == -torch.inf, -torch.inf, rounded)
    powers = (rounded - rounded.amax(-1, keepdim=True)).exp()
    powers = round(powers, how.of_inputs, key=part_key(key, 1), operation="input")
    total = sums(powers.reshape(-1, x.shape[axis]), how.sums, key).reshape(*moved.shape[:-1], 1)
    shares = powers.double() / total
    found = round(shares, how.output or how.of_inputs, key=key, operation="output")
    return found.transpose(axis, -1)


def layer_norm(
    x: Tensor,
    arithmetic: Arithmetic,
    shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *,
    key: int = 0,
) -> Tensor:
    """Layer normalisation: the sums of numbers, and of squares, are made in the arithmetic.

    Numbers less their mean are rounded as inputs are, their squares to the accumulator; all else
    is float64, and the result rounded to the output's format, or that of inputs.
    """
    how, count = arithmetic, math.prod(shape)
    rows = round(x, how.of_inputs, key=key, operation="input").reshape(-1, count)
    mean = sums(rows, how.sums, key)[:, None] / count
    rows = round(rows - mean, how.of_inputs, key=part_key(key, 1), operation="input")
    squares = round(rows.double().square(), how.start, key=part_key(key, 1), operation="bias")
    variance = sums(squares, how.sums_of_squares, part_key(key, 1))[:, None] / count
    found = rows.double() / (variance + eps).sqrt()
    if weight is not None:
        found = found * round(weight, how.of_weights, key=key, operation="weight").flatten()
    if bias is not None:
        found = found + round(bias, how.start, key=key, operation="bias").flatten()
    found = found.reshape(x.shape)
    return round(found, how.output or how.of_inputs, key=key, operation="output")
