"""The custom operators of PyTorch: products and roundings with gradients, by the kernels.

Arguments are tensors, numbers and texts, so that graphs of ``torch.export`` say what is computed.
Random words are those of the seed in use when an operator runs.
"""

import dataclasses
import functools
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from holigrail_hw.formats import Format

from .arithmetic import Conversion, Gemm, holds
from .computing import check_sizes, convert, multiply, number_type

__all__ = ["gemm", "is_eager", "multiplied", "round", "rounded"]

_PLAIN = (Tensor, Parameter)


@torch.library.custom_op("holigrail::gemm", mutates_args=())
def gemm(
    a: Tensor,
    b: Tensor,
    initial: Tensor | None,
    forward: str,
    grad_a: str,
    grad_b: str,
    grad: str,
    key: int,
    operation: str,
    checked: bool,
) -> Tensor:
    """a b, matrices of numbers, or as many of them as there are; sums begin with ``initial``.

    ``forward``, ``grad_a`` and ``grad_b`` are texts of :class:`Gemm`, the latter "" for float;
    ``grad`` is the format of output gradients, "" for those of the products.
    """
    return multiply(Gemm.from_text(forward), a, b, initial, key, operation, checked)


@gemm.register_fake
def _(a, b, initial, forward, grad_a, grad_b, grad, key, operation, checked):
    check_sizes(a, b, initial)
    shape = (*a.shape[:-1], b.shape[-1])
    return a.new_empty(shape, dtype=number_type(Gemm.from_text(forward).accumulator))


def _keep(ctx: Any, inputs: tuple, output: Tensor) -> None:
    a, b, initial, ctx.forward, ctx.grad_a, ctx.grad_b, ctx.grad, ctx.key, _, _ = inputs
    ctx.save_for_backward(a, b)
    ctx.initial = None if initial is None else initial.dtype


def _product(ctx: Any, text: str, grad: Tensor, other: Tensor, operation: str) -> Tensor:
    """A product of the backward pass, with b for gradients of a, and the other way round.

    ``grad`` are numbers of the product's format already.
    """
    if not text:
        return torch.matmul(grad.to(other.dtype), other)
    how, forward = Gemm.from_text(text), Gemm.from_text(ctx.forward)
    other = _fitted(other, forward.b if operation == "grad_input" else forward.a, how.b, ctx.key)
    return multiplied(grad, other, None, text, "", "", "", ctx.key, operation, False)


def _fitted(x: Tensor, given: Format | None, wanted: Format, key: int) -> Tensor:
    """Numbers of a format rounded to another one, unless that has them all."""
    if given is not None and holds(wanted, given):
        return x
    return rounded(x, _to(wanted), key, "grad")


@functools.cache
def _to(format: Format) -> str:
    return Conversion(format=format).text


def _format_of(text: str) -> Format | None:
    return Conversion.from_text(text).format if text else None


def _sum_of_rows(ctx: Any, grad: Tensor) -> Tensor:
    """The gradient of what sums begin with: output gradients times ones."""
    if not ctx.grad_b:
        return grad.sum(0)
    how = _with_ones(ctx.grad_b)
    ones = grad.new_ones((1, len(grad)))
    return multiplied(ones, grad, None, how.text, "", "", "", ctx.key, "bias", False)[0]


@functools.cache
def _with_ones(text: str) -> Gemm:
    how = Gemm.from_text(text)
    return dataclasses.replace(how, a="uint1", b=how.a)


def _gradients(ctx: Any, grad: Tensor) -> tuple:
    a, b = ctx.saved_tensors
    if ctx.grad:
        grad = rounded(grad, ctx.grad, ctx.key, "grad")
    known: dict[Format | None, Tensor] = {None: grad}

    def fitted(text: str) -> Tensor:
        """Output gradients for a product, rounded once for all that want the same format."""
        format = Gemm.from_text(text).a if text else None
        if format not in known:
            assert format is not None
            known[format] = _fitted(grad, _format_of(ctx.grad), format, ctx.key)
        return known[format]

    grad_a = grad_b = initial = None
    if ctx.needs_input_grad[0]:
        grad_a = _product(ctx, ctx.grad_a, fitted(ctx.grad_a), b.mT, "grad_input").to(a.dtype)
    if ctx.needs_input_grad[1]:
        turned = fitted(ctx.grad_b).mT
        left = a
        if b.dim() == 2 and a.dim() == 3:
            turned, left = fitted(ctx.grad_b).flatten(0, 1).mT, a.flatten(0, 1)
        grad_b = _product(ctx, ctx.grad_b, turned, left, "grad_weight").mT.to(b.dtype)
    if ctx.needs_input_grad[2]:
        initial = _sum_of_rows(ctx, fitted(ctx.grad_b).flatten(0, -2)).to(ctx.initial)
    return grad_a, grad_b, initial, *[None] * 7


gemm.register_autograd(_gradients, setup_context=_keep)


@torch.library.custom_op("holigrail::round", mutates_args=())
def round(x: Tensor, how: str, key: int, operation: str) -> Tensor:
    """Numbers of a format; ``how`` is the text of a :class:`Conversion`."""
    return convert(x, Conversion.from_text(how), key, operation)


@round.register_fake
def _(x, how, key, operation):
    return x.new_empty(x.shape, dtype=number_type(Conversion.from_text(how).format))


def _keep_range(ctx: Any, inputs: tuple, output: Tensor) -> None:
    x, how, _, _ = inputs
    given = Conversion.from_text(how)
    ctx.dtype, ctx.limits = x.dtype, None
    if given.ste == "clipped":
        ctx.limits = tuple(map(float, given.format.number_range))
        ctx.save_for_backward(x)


def _passed(ctx: Any, grad: Tensor) -> tuple:
    grad = grad.to(ctx.dtype)
    if ctx.limits is not None:
        (x,) = ctx.saved_tensors
        grad = torch.where((x < ctx.limits[0]) | (x > ctx.limits[1]), 0.0, grad)
    return grad, None, None, None


round.register_autograd(_passed, setup_context=_keep_range)


def is_eager(*tensors: Tensor | None) -> bool:
    """Whether tensors hold numbers of this machine that nobody traces."""
    if torch.compiler.is_compiling():
        return False
    for tensor in tensors:
        if tensor is not None and not (type(tensor) in _PLAIN and tensor.is_cpu):
            return False
    return True


class _Product(torch.autograd.Function):
    """The operator, but not through PyTorch's dispatcher, which takes longer than many layers."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        a, b, initial, forward, *_, key, operation, checked = given
        _keep(ctx, given, a)
        return multiply(Gemm.from_text(forward), a, b, initial, key, operation, checked)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple:
        return _gradients(ctx, *grad)


class _Rounding(torch.autograd.Function):
    """The same for roundings."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        x, how, key, operation = given
        _keep_range(ctx, given, x)
        return convert(x, Conversion.from_text(how), key, operation)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple:
        return _passed(ctx, *grad)


def multiplied(a: Tensor, b: Tensor, initial: Tensor | None, *given: Any) -> Tensor:
    """:func:`gemm`, on the shortest way."""
    if is_eager(a, b, initial):
        return _Product.apply(a, b, initial, *given)  # type: ignore[return-value]
    return gemm(a, b, initial, *given)


def rounded(x: Tensor, *given: Any) -> Tensor:
    """:func:`round`, on the shortest way."""
    return _Rounding.apply(x, *given) if is_eager(x) else round(x, *given)  # type: ignore
