"""The custom operators of PyTorch: products and roundings with gradients, by the kernels.

Arguments are tensors, numbers and texts, so that graphs of ``torch.export`` say what is computed.
Random words are those of the seed in use when an operator runs.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from holigrail_hw import kernels

from .arithmetic import Conversion, Gemm
from .random import OPERATIONS, source

__all__ = ["gemm", "round"]

_TYPES = {np.float32: torch.float32, np.float64: torch.float64}


def number_type(format: Any) -> torch.dtype:
    """The tensor type that holds every number of a format; raises FormatError if none does."""
    return _TYPES[kernels.number_type(format)]  # type: ignore[index]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy()


def _multiplied(
    how: Gemm, a: Tensor, b: Tensor, initial: Tensor | None, key: int, operation: str, checked: bool
) -> Tensor:
    x, y = _array(a), _array(b)
    start = None if initial is None else _array(initial)
    threads = torch.get_num_threads()

    def one(x: np.ndarray, y: np.ndarray, batch: int) -> np.ndarray:
        random = source(key, OPERATIONS[operation], batch) if how.streams else None
        found = how.numbers(x, y, random=random, threads=threads, trusted=not checked)
        if start is not None:
            found = kernels.quantise(how.accumulator, found + start)
        return found

    if x.ndim == 2:
        found = one(x, y, 0)
    else:
        found = np.stack([one(x[i], y[i] if y.ndim == 3 else y, i) for i in range(len(x))])
    return torch.from_numpy(np.ascontiguousarray(found)).to(a.device)


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
    return _multiplied(Gemm.from_text(forward), a, b, initial, key, operation, checked)


@gemm.register_fake
def _(a, b, initial, forward, grad_a, grad_b, grad, key, operation, checked):
    shape = (*a.shape[:-1], b.shape[-1])
    return a.new_empty(shape, dtype=number_type(Gemm.from_text(forward).accumulator))


def _keep(ctx: Any, inputs: tuple, output: Tensor) -> None:
    a, b, initial, _, ctx.grad_a, ctx.grad_b, ctx.grad, ctx.key, _, _ = inputs
    ctx.save_for_backward(a, b)
    ctx.initial = None if initial is None else initial.dtype


def _product(ctx: Any, text: str, grad: Tensor, other: Tensor, operation: str) -> Tensor:
    """A product of the backward pass."""
    if not text:
        return torch.matmul(grad.to(other.dtype), other)
    how = Gemm.from_text(text)
    grad = round(grad, f"format={how.a}", ctx.key, "grad")
    other = round(other, f"format={how.b}", ctx.key, "grad")
    return gemm(grad, other, None, text, "", "", "", ctx.key, operation, False)


def _gradients(ctx: Any, grad: Tensor) -> tuple:
    a, b = ctx.saved_tensors
    if ctx.grad:
        grad = round(grad, ctx.grad, ctx.key, "grad")
    grad_a = grad_b = initial = None
    if ctx.needs_input_grad[0]:
        grad_a = _product(ctx, ctx.grad_a, grad, b.mT, "grad_input").to(a.dtype)
    if ctx.needs_input_grad[1]:
        turned = grad.mT
        left = a
        if b.dim() == 2 and a.dim() == 3:
            turned, left = grad.flatten(0, 1).mT, a.flatten(0, 1)
        grad_b = _product(ctx, ctx.grad_b, turned, left, "grad_weight").mT.to(b.dtype)
    if ctx.needs_input_grad[2]:
        initial = grad.flatten(0, -2).sum(0).to(ctx.initial)
    return grad_a, grad_b, initial, *[None] * 7


gemm.register_autograd(_gradients, setup_context=_keep)


@torch.library.custom_op("holigrail::round", mutates_args=())
def round(x: Tensor, how: str, key: int, operation: str) -> Tensor:
    """Numbers of a format; ``how`` is the text of a :class:`Conversion`."""
    given = Conversion.from_text(how)
    random, width = None, 0
    if given.rounding.is_stochastic:
        width = given.random_width
        random = source(key, OPERATIONS[operation]).numbers(x.numel(), width).reshape(x.shape)
    found = kernels.quantise(
        given.format,
        _array(x),
        given.rounding,
        random=random,
        random_width=width,
        overflow=given.overflow,
        via=given.via,
        threads=torch.get_num_threads(),
    )
    return torch.from_numpy(np.array(found)).to(x.device)


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
