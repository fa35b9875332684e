"""Convolutions, and means of windows, as matrix products."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..arithmetic import Arithmetic
from ..operators import is_eager
from ..random import part_key
from .layers import layer
from .products import product, round, sums

__all__ = ["conv2d", "conv_transpose2d", "window_means"]

_MOST_KEPT = 1 << 18
"""Numbers in the windows of an image, of which it is kept where they come from."""


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    arithmetic: Arithmetic,
    *,
    stride: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
    padding: Sequence[int] = (0, 0, 0, 0),
    key: int = 0,
) -> Tensor:
    """A convolution as one product for each group, K ordered (channel, ky, kx).

    ``padding``: zeros left, right, above and below.
    """
    how = arithmetic

    def parts(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padded = torch.nn.functional.pad(x, [*padding]) if any(padding) else x
        left = round(padded, how.of_inputs, key=key, operation="input")
        right = round(weight, how.of_weights, key=key, operation="weight")
        return _convolved(left, right, bias, how, stride, dilation, groups, key)

    fits = x.dim() == weight.dim() == 4 and x.shape[1] == weight.shape[1]
    if fits and groups == 1 and len(padding) == 4 and min(padding) >= 0:
        kernel, ways = tuple(weight.shape[2:]), (tuple(stride), tuple(dilation), tuple(padding))
        found = layer(x, weight, bias, how, (*x.shape, weight.shape[0], kernel, *ways), parts)
        if found is not None:
            return found
    return parts(x, weight, bias)


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    arithmetic: Arithmetic,
    *,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    output_padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
    key: int = 0,
) -> Tensor:
    """A convolution of the input with zeros between its pixels, weights turned by 180 degrees."""
    how = arithmetic
    left = round(x, how.of_inputs, key=key, operation="input")
    right = round(weight, how.of_weights, key=key, operation="weight")
    high, wide = ((size - 1) * by + 1 for size, by in zip(x.shape[2:], stride, strict=True))
    spread = left.new_zeros((*x.shape[:2], high, wide))
    spread[:, :, :: stride[0], :: stride[1]] = left
    pads = []
    for axis in (1, 0):
        before = dilation[axis] * (weight.shape[2 + axis] - 1) - padding[axis]
        pads += [before, before + output_padding[axis]]
    spread = torch.nn.functional.pad(spread, pads)
    turned = right.flip(2, 3).unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return _convolved(spread, turned, bias, how, (1, 1), dilation, groups, key)


def window_means(
    x: Tensor,
    arithmetic: Arithmetic,
    *,
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    count_padding: bool = True,
    divisor: int | None = None,
    key: int = 0,
) -> Tensor:
    """Means of windows of every channel; see :class:`AvgPool2d`."""
    how, size = arithmetic, _pair(kernel)
    step, pads = size if stride is None else _pair(stride), _pair(padding)
    rounded = round(x, how.of_inputs, key=key, operation="input")
    unfold = torch.nn.functional.unfold
    windows = unfold(rounded.flatten(0, 1)[:, None], size, 1, pads, step).transpose(1, 2)
    total = sums(windows.flatten(0, 1), how.sums, key).reshape(*x.shape[:2], -1)
    count: Tensor | int = size[0] * size[1] if divisor is None else divisor
    if divisor is None and not count_padding:
        count = unfold(torch.ones_like(x[:1, :1]), size, 1, pads, step).sum(1)
    rows, columns = _places(x.shape[2:], size, step, (1, 1), pads)
    means = (total / count).reshape(*x.shape[:2], rows, columns)
    return round(means, how.output or how.start, key=key, operation="output")


def _convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    how: Arithmetic,
    stride: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    key: int,
) -> Tensor:
    """The convolution of numbers that are rounded already."""
    size = tuple(weight.shape[2:])
    rows, columns = _places(x.shape[2:], size, stride, dilation, (0, 0))
    windows = _windows(x, size, tuple(dilation), tuple(stride))
    parts, each = [], weight.shape[0] // groups
    for group, part in enumerate(windows.chunk(groups, -1) if groups > 1 else (windows,)):
        own = slice(group * each, (group + 1) * each)
        given = bias if bias is None or groups == 1 else bias[own]
        matrix = (weight if groups == 1 else weight[own]).flatten(1).mT
        parts.append(product(part, matrix, given, how, part_key(key, group)))
    result = parts[0] if groups == 1 else torch.cat(parts, -1)
    return result.mT.reshape(x.shape[0], weight.shape[0], rows, columns)


class _Windows(torch.autograd.Function):
    """What ``unfold`` gives, turned, but not through its loops, which take longer than products.

    In gradients, windows are added as ``unfold`` adds them.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, *given: tuple[int, ...]) -> Tensor:
        ctx.size, ctx.given = x.shape[2:], given
        places = _pixels(tuple(x.shape[1:]), *given)
        return x.flatten(1).index_select(1, places.flatten()).unflatten(1, places.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        size, dilation, stride = ctx.given
        fold = torch.nn.functional.fold
        return fold(grads[0].mT, ctx.size, size, dilation, 0, stride), None, None, None


@functools.lru_cache(maxsize=64)
def _pixels(
    shape: tuple[int, ...],
    size: tuple[int, ...],
    dilation: tuple[int, ...],
    stride: tuple[int, ...],
) -> Tensor:
    """For every window, and every place in it, which number of an image is there."""
    numbers = torch.arange(math.prod(shape), dtype=torch.float64).reshape(1, *shape)
    return torch.nn.functional.unfold(numbers, size, dilation, 0, stride)[0].mT.long()


def _windows(
    x: Tensor, size: tuple[int, ...], dilation: tuple[int, ...], stride: tuple[int, ...]
) -> Tensor:
    """Windows of images: (images, windows, channel * ky * kx)."""
    rows, columns = _places(x.shape[2:], size, stride, dilation, (0, 0))
    numbers = rows * columns * x.shape[1] * math.prod(size)
    if is_eager(x) and len(x) and 0 < numbers <= _MOST_KEPT:
        found = _Windows.apply(x, size, dilation, stride)
        assert isinstance(found, Tensor)
        return found
    return torch.nn.functional.unfold(x, size, dilation, 0, stride).mT


def _places(
    size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
) -> tuple[int, int]:
    """Rows and columns of windows."""
    rows, columns = (
        (size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1
        for i in range(2)
    )
    return rows, columns


def _pair(given: int | tuple[int, int]) -> tuple[int, int]:
    return (given, given) if isinstance(given, int) else (given[0], given[1])
