"""Products and roundings of tensors as functions; modules are made of them."""

import torch
from torch import Tensor

from .arithmetic import Arithmetic, Conversion, Gemm
from .operators import gemm as gemm_operator
from .operators import round as round_operator

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
    assert how.input is not None and how.weight is not None
    left = round(x, how.input, key=key, operation="input")
    right = round(weight, how.weight, key=key, operation="weight")
    return product(left, right.mT, bias, how, key)


def product(a: Tensor, b: Tensor, bias: Tensor | None, how: Arithmetic, key: int) -> Tensor:
    """a b + bias of numbers that are rounded already; the last axis of a is summed up."""
    shape = a.shape[:-1]
    initial = None
    if bias is not None and how.bias == "initial":
        initial = round(bias, how.start, key=key, operation="bias")
    result = gemm(
        a.reshape(-1, a.shape[-1]),
        b,
        how.forward,
        grad_a=how.grad_input,
        grad_b=how.grad_weight,
        grad=how.grad,
        initial=initial,
        key=key,
        checked=False,
    ).reshape(*shape, b.shape[-1])
    if bias is not None and initial is None:
        result = result + bias
    if how.output is not None:
        result = round(result, how.output, key=key, operation="output")
    return result


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    arithmetic: Arithmetic,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    key: int = 0,
) -> Tensor:
    """A convolution as one product per group, K ordered (channel, ky, kx)."""
    how = arithmetic
    assert how.input is not None and how.weight is not None
    left = round(x, how.input, key=key, operation="input")
    right = round(weight, how.weight, key=key, operation="weight")
    windows = torch.nn.functional.unfold(left, weight.shape[2:], dilation, padding, stride)
    rows = [
        (size + 2 * pad - step * (kernel - 1) - 1) // by + 1
        for size, pad, step, kernel, by in zip(
            x.shape[2:], padding, dilation, weight.shape[2:], stride, strict=True
        )
    ]
    parts = []
    channels = weight.shape[0] // groups
    for group, part in enumerate(windows.chunk(groups, 1)):
        own = slice(group * channels, (group + 1) * channels)
        given = None if bias is None else bias[own]
        parts.append(product(part.mT, right[own].flatten(1).mT, given, how, key + group))
    result = parts[0] if groups == 1 else torch.cat(parts, -1)
    return result.mT.reshape(x.shape[0], weight.shape[0], *rows)
