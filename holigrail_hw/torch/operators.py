"""The custom operators of PyTorch: products and roundings with gradients, by the kernels.

Arguments are tensors, numbers and texts, so that graphs of ``torch.export`` say what is computed.
Random words are those of the seed in use when an operator runs.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from holigrail_hw import kernels
from holigrail_hw.formats import Format

from .arithmetic import Conversion, Gemm, holds
from .random import OPERATIONS, source
from .random import numbers as random_numbers

__all__ = ["array", "gemm", "multiplied", "number_type", "observers", "round", "rounded"]

_TYPES = {np.float32: torch.float32, np.float64: torch.float64}
_KNOWN = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_KNOWN += (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)
_WORTH = 17
"""Logarithm of the number of steps that a thread should have."""
Observer = Callable[[Any, dict[str, Any], np.ndarray], None]
observers: list[Observer] = []
"""Called after every product and rounding with what was asked, and what was found."""


def number_type(format: Any) -> torch.dtype:
    """The tensor type that holds every number of a format; raises FormatError if none does."""
    return _TYPES[kernels.number_type(format)]  # type: ignore[index]


def array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    return tensor.cpu().contiguous().numpy()


def _check(who: str, **tensors: Tensor | None) -> None:
    """Raises ValueError for tensors on several devices, or of types that are no numbers."""
    given = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    wrong = []
    devices = {tensor.device for tensor in given.values()}
    if len(devices) > 1:
        where = " and ".join(f"{name} on {tensor.device}" for name, tensor in given.items())
        wrong.append(f"tensors must be on one device, not {where}")
    wrong += [
        f"{name} must be of floats or integers, not {tensor.dtype}"
        for name, tensor in given.items()
        if tensor.dtype not in _KNOWN
    ]
    if wrong:
        raise ValueError(f"{who}: {'; '.join(wrong)}")


def _check_sizes(a: Tensor, b: Tensor, initial: Tensor | None) -> None:
    """Raises ValueError for sizes that do not fit."""
    _check("gemm", a=a, b=b, initial=initial)
    wrong = []
    if a.dim() not in (2, 3) or b.dim() not in (2, a.dim()):
        wrong.append(
            f"a and b must be matrices, or batches of them, not of {a.dim()}, {b.dim()} axes"
        )
    elif a.shape[-1] != b.shape[-2]:
        wrong.append(f"b must have {a.shape[-1]} rows, as many as a has columns, not {b.shape[-2]}")
    elif b.dim() == 3 and a.shape[0] != b.shape[0]:
        wrong.append(f"b must be {a.shape[0]} matrices, not {b.shape[0]}")
    elif initial is not None and initial.shape != b.shape[-1:]:
        wrong.append(f"initial must be of {b.shape[-1]} numbers, not {tuple(initial.shape)}")
    if wrong:
        raise ValueError(f"gemm: {'; '.join(wrong)}")


def _multiplied(
    how: Gemm, a: Tensor, b: Tensor, initial: Tensor | None, key: int, operation: str, checked: bool
) -> Tensor:
    _check_sizes(a, b, initial)
    x, y = array(a), array(b)
    start = None if initial is None else array(initial)
    threads = _threads(x.shape[-2] * x.shape[-1] * y.shape[-1])

    def one(x: np.ndarray, y: np.ndarray, batch: int) -> np.ndarray:
        random = source(key, OPERATIONS[operation], batch) if how.streams else None
        given = {"random": random, "initial": start}
        found = how.numbers(x, y, threads=threads, trusted=not checked, **given)
        for observer in observers:
            observer(how, {"a": x, "b": y, **given}, found)
        return found

    if x.ndim == 2:
        found = one(x, y, 0)
    else:
        size = (*x.shape[:2], y.shape[-1])
        found = np.empty(size, kernels.number_type(how.accumulator))
        for i in range(len(x)):
            found[i] = one(x[i], y[i] if y.ndim == 3 else y, i)
    return torch.from_numpy(found).to(a.device)


def _rounded(x: Tensor, given: Conversion, key: int, operation: str) -> Tensor:
    _check("round", x=x)
    random, width = None, 0
    if given.rounding.is_stochastic:
        width = given.random_width
        random = random_numbers(key, OPERATIONS[operation], x.numel(), width).reshape(x.shape)
    numbers = array(x)
    found = kernels.quantise(
        given.format,
        numbers,
        given.rounding,
        random=random,
        random_width=width,
        overflow=given.overflow,
        via=given.via,
        threads=_threads(x.numel()),
    )
    for observer in observers:
        observer(given, {"x": numbers, "random": random, "width": width}, found)
    return torch.from_numpy(np.asarray(found)).to(x.device)


def _threads(work: int) -> int:
    """Threads that so many steps are worth."""
    return max(1, min(torch.get_num_threads(), work >> _WORTH))


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
    _check_sizes(a, b, initial)
    shape = (*a.shape[:-1], b.shape[-1])
    return a.new_empty(shape, dtype=number_type(Gemm.from_text(forward).accumulator))


def _keep(ctx: Any, inputs: tuple, output: Tensor) -> None:
    a, b, initial, ctx.forward, ctx.grad_a, ctx.grad_b, ctx.grad, ctx.key, _, _ = inputs
    ctx.save_for_backward(a, b)
    ctx.initial = None if initial is None else initial.dtype


def _product(ctx: Any, text: str, grad: Tensor, other: Tensor, operation: str) -> Tensor:
    """A product of the backward pass, with b for gradients of a, and the other way round."""
    if not text:
        return torch.matmul(grad.to(other.dtype), other)
    how, forward = Gemm.from_text(text), Gemm.from_text(ctx.forward)
    grad = _fitted(grad, _format_of(ctx.grad), how.a, ctx.key)
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
    grad = _fitted(grad, _format_of(ctx.grad), how.b, ctx.key)
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
        initial = _sum_of_rows(ctx, grad.flatten(0, -2)).to(ctx.initial)
    return grad_a, grad_b, initial, *[None] * 7


gemm.register_autograd(_gradients, setup_context=_keep)


@torch.library.custom_op("holigrail::round", mutates_args=())
def round(x: Tensor, how: str, key: int, operation: str) -> Tensor:
    """Numbers of a format; ``how`` is the text of a :class:`Conversion`."""
    return _rounded(x, Conversion.from_text(how), key, operation)


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


def _is_eager(*tensors: Tensor | None) -> bool:
    """Whether tensors hold numbers of this machine that nobody traces."""
    return not torch.compiler.is_compiling() and all(
        tensor is None or (type(tensor) in (Tensor, Parameter) and tensor.device.type == "cpu")
        for tensor in tensors
    )


class _Product(torch.autograd.Function):
    """The operator, but not through PyTorch's dispatcher, which takes longer than many layers."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        a, b, initial, forward, *_, key, operation, checked = given
        _keep(ctx, given, a)
        return _multiplied(Gemm.from_text(forward), a, b, initial, key, operation, checked)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple:
        return _gradients(ctx, *grad)


class _Rounding(torch.autograd.Function):
    """The same for roundings."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        x, how, key, operation = given
        _keep_range(ctx, given, x)
        return _rounded(x, Conversion.from_text(how), key, operation)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple:
        return _passed(ctx, *grad)


def multiplied(a: Tensor, b: Tensor, initial: Tensor | None, *given: Any) -> Tensor:
    """:func:`gemm`, on the shortest way."""
    if _is_eager(a, b, initial):
        return _Product.apply(a, b, initial, *given)  # type: ignore[return-value]
    return gemm(a, b, initial, *given)


def rounded(x: Tensor, *given: Any) -> Tensor:
    """:func:`round`, on the shortest way."""
    return _Rounding.apply(x, *given) if _is_eager(x) else round(x, *given)  # type: ignore
