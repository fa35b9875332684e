"""Roundings and matrix products of tensors."""

import math

from torch import Tensor

from ..arithmetic import Arithmetic, Conversion, Gemm
from ..operators import multiplied, rounded
from ..random import part_key
from .codes import gemm_codes
from .layers import layer

__all__ = ["gemm", "linear", "product", "products", "round", "sums"]

_MATRIX = ((1, 1), (1, 1), (1, 1), (0, 0, 0, 0), True)
"""Kernel, step, gap and zeros of a matrix that is a convolution."""


def round(x: Tensor, how: Conversion | str, *, key: int = 0, operation: str = "input") -> Tensor:
    """Numbers of a format, in a tensor of float32 or, where that does not hold them, float64.

    Gradients pass as ``how.ste`` says. ``key`` and ``operation`` choose random words.
    """
    how = how if isinstance(how, Conversion) else Conversion.of(how)
    return rounded(x, how.text, key, operation)


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
    codes: bool = False,
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
    codes : bool
        All tensors hold codes (:mod:`.codes`) instead of numbers; without gradients.
    """
    if codes:
        return gemm_codes(a, b, forward, initial=initial, key=key)
    return multiplied(
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

    def parts(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        left = round(x, how.of_inputs, key=key, operation="input")
        right = round(weight, how.of_weights, key=key, operation="weight")
        return product(left, right.mT, bias, how, key)

    if x.dim() > 0 and weight.dim() == 2 and x.shape[-1] == weight.shape[1]:
        sizes = (math.prod(x.shape[:-1]), x.shape[-1], 1, 1, len(weight), *_MATRIX)
        found = layer(x, weight, bias, how, sizes, lambda *given: _images(parts(*given)))
        if found is not None:
            return found.view(*x.shape[:-1], len(weight))
    return parts(x, weight, bias)


def _images(x: Tensor) -> Tensor:
    """Vectors as images of one pixel."""
    return x.reshape(-1, x.shape[-1], 1, 1)


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
    flat = a if b.dim() == 3 else a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
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


def sums(rows: Tensor, how: Gemm, key: int) -> Tensor:
    """Sums of the rows of a matrix, each number times 1, as float64."""
    ones = rows.new_ones((1, rows.shape[1]))
    found = gemm(ones, rows.mT, how, key=part_key(key, 2), checked=False)
    return found[0].double()
