"""Convolutions, and means of windows, as matrix products."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..arithmetic import Arithmetic
from ..random import part_key
from .products import product, round, sums

__all__ = ["conv2d", "conv_transpose2d", "window_means"]


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    arithmetic: Arithmetic,
    *,
    stride: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
    key: int = 0,
) -> Tensor:
    """A convolution as one product for each group, K ordered (channel, ky, kx); no padding."""
    how = arithmetic
    left = round(x, how.of_inputs, key=key, operation="input")
    right = round(weight, how.of_weights, key=key, operation="weight")
    return _convolved(left, right, bias, how, stride, dilation, groups, key)


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
    windows = torch.nn.functional.unfold(x, size, tuple(dilation), 0, tuple(stride))
    rows, columns = _places(x.shape[2:], size, stride, dilation, (0, 0))
    parts, each = [], weight.shape[0] // groups
    for group, part in enumerate(windows.chunk(groups, 1) if groups > 1 else (windows,)):
        own = slice(group * each, (group + 1) * each)
        given = bias if bias is None or groups == 1 else bias[own]
        matrix = (weight if groups == 1 else weight[own]).flatten(1).mT
        parts.append(product(part.mT, matrix, given, how, part_key(key, group)))
    result = parts[0] if groups == 1 else torch.cat(parts, -1)
    return result.mT.reshape(x.shape[0], weight.shape[0], rows, columns)


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
