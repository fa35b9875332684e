"""Products and roundings of tensors as functions; modules are made of them."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .arithmetic import Arithmetic, Conversion, Gemm
from .operators import gemm as gemm_operator
from .operators import round as round_operator
from .random import part_key

__all__ = ["convert", "gemm", "linear", "round"]


def round(x: Tensor, how: Conversion | str, *, key: int = 0, operation: str = "input") -> Tensor:
    """Numbers of a format, in a tensor of float32 or, where that does not hold them, float64.

    Gradients pass as ``how.ste`` says. ``key`` and ``operation`` choose random words.
    """
    how = how if isinstance(how, Conversion) else Conversion.of(how)
    return round_operator(x, how.text, key, operation)


convert = round


def gemm(
    a: Tensor,
    b: Tensor,
    forward: Gemm,
    *,
    grad_a: Gemm | None = None,
    grad_b: Gemm | None = None,
    grad: Conversion | None = None,
    initial: Tensor | None = None,
    key: int = 0,
    checked: bool = True,
) -> Tensor:
    """a b for matrices of numbers, M x K and K x N; with one more axis, as many of them.

    Parameters
    ----------
    grad_a, grad_b : Gemm or None
        The products of output gradients (``a``) by b, and by a; None: in float.
    grad : Conversion or None
        Of output gradients.
    initial : Tensor or None
        N numbers that sums begin with.
    checked : bool
        Raise ValueError for what is no number of the formats.
    """
    return gemm_operator(
        a,
        b,
        initial,
        forward.text,
        "" if grad_a is None else grad_a.text,
        "" if grad_b is None else grad_b.text,
        "" if grad is None else grad.text,
        key,
        "forward",
        checked,
    )


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, arithmetic: Arithmetic, *, key: int = 0
) -> Tensor:
    """x W^T + bias in an arithmetic: inputs and weights are rounded, multiplied, added."""
    how = arithmetic
    left = round(x, how.of_inputs, key=key, operation="input")
    right = round(weight, how.of_weights, key=key, operation="weight")
    return product(left, right.mT, bias, how, key)


def products(a: Tensor, b: Tensor, arithmetic: Arithmetic, key: int = 0) -> Tensor:
    """Batches of products of activations: a is rounded as inputs are, b as weights are."""
    how = arithmetic
    left = round(a, how.of_inputs, key=key, operation="input")
    right = round(b, how.of_weights, key=key, operation="weight")
    return product(left, right, None, how, key)


def product(a: Tensor, b: Tensor, bias: Tensor | None, arithmetic: Arithmetic, key: int) -> Tensor:
    """a b + bias of numbers that are rounded already; the last axis of a is summed up."""
    how, initial = arithmetic, None
    if bias is not None and how.bias == "initial":
        initial = round(bias, how.start, key=key, operation="bias")
    flat = a if b.dim() == 3 else a.reshape(-1, a.shape[-1])
    result = gemm(
        flat,
        b,
        how.forward,
        grad_a=how.grad_input,
        grad_b=how.grad_weight,
        grad=how.grad,
        initial=initial,
        key=key,
        checked=False,
    ).reshape(*a.shape[:-1], b.shape[-1])
    if bias is not None and initial is None:
        result = result + bias
    return result if how.output is None else round(result, how.output, key=key, operation="output")


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
    total = _sums(windows.flatten(0, 1), how.sums, key).reshape(*x.shape[:2], -1)
    count: Tensor | int = size[0] * size[1] if divisor is None else divisor
    if divisor is None and not count_padding:
        count = unfold(torch.ones_like(x[:1, :1]), size, 1, pads, step).sum(1)
    rows, columns = _places(x.shape[2:], size, step, (1, 1), pads)
    means = (total / count).reshape(*x.shape[:2], rows, columns)
    return round(means, how.output or how.start, key=key, operation="output")


def function(
    x: Tensor, wanted: Callable[[Tensor], Tensor], arithmetic: Arithmetic, *, key: int = 0
) -> Tensor:
    """A function of rounded numbers in float64, rounded to the output's or the input's format."""
    how = arithmetic
    found = wanted(round(x, how.of_inputs, key=key, operation="input").double())
    return round(found, how.output or how.of_inputs, key=key, operation="output")


def softmax(x: Tensor, arithmetic: Arithmetic, axis: int = -1, *, key: int = 0) -> Tensor:
    """Softmax: numbers less their maximum, and powers, are rounded as inputs are.

    Powers are added in the arithmetic, each quotient is float64 and rounded to the output's
    format, or that of inputs. What is -infinity, as of masks, stays so.
    """
    how = arithmetic
    moved = x.transpose(axis, -1)
    rounded = round(moved, how.of_inputs, key=key, operation="input").double()
    rounded = torch.where(moved == -torch.inf, -torch.inf, rounded)
    powers = (rounded - rounded.amax(-1, keepdim=True)).exp()
    powers = round(powers, how.of_inputs, key=part_key(key, 1), operation="input")
    total = _sums(powers.reshape(-1, x.shape[axis]), how.sums, key).reshape(*moved.shape[:-1], 1)
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
    mean = _sums(rows, how.sums, key)[:, None] / count
    rows = round(rows - mean, how.of_inputs, key=part_key(key, 1), operation="input")
    squares = round(rows.double().square(), how.start, key=part_key(key, 1), operation="bias")
    variance = _sums(squares, how.sums_of_squares, part_key(key, 1))[:, None] / count
    found = rows.double() / (variance + eps).sqrt()
    if weight is not None:
        found = found * round(weight, how.of_weights, key=key, operation="weight").flatten()
    if bias is not None:
        found = found + round(bias, how.start, key=key, operation="bias").flatten()
    found = found.reshape(x.shape)
    return round(found, how.output or how.of_inputs, key=key, operation="output")


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


def _sums(rows: Tensor, how: Gemm, key: int) -> Tensor:
    """Sums of the rows of a matrix, each number times 1, as float64."""
    ones = rows.new_ones((1, rows.shape[1]))
    found = gemm(ones, rows.mT, how, key=part_key(key, 2), checked=False)
    return found[0].double()


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
