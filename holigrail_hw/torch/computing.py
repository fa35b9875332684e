"""Products and roundings of tensors by the kernels, at once and without gradients.

Tensors on other devices are computed on the processor, with the same bits.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from holigrail_hw import kernels

from .arithmetic import Conversion, Gemm
from .random import OPERATIONS, source
from .random import numbers as random_numbers

__all__ = ["array", "check_sizes", "convert", "multiply", "number_type", "observers", "threads_for"]

_TYPES = {np.float32: torch.float32, np.float64: torch.float64}
_KNOWN = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_KNOWN += (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)
_WORTH = 17
"""Logarithm of the number of steps that a thread should have."""
Observer = Callable[[Any, dict[str, Any], np.ndarray], None]
observers: list[Observer] = []
"""Called after every product and rounding with what was asked, and what was found.

After layers that are computed as one operation, too: with their arithmetic and what single products
and roundings, called before, make of it.
"""


def number_type(format: Any) -> torch.dtype:
    """The tensor type that holds every number of a format; raises FormatError if none does."""
    return _TYPES[kernels.number_type(format)]  # type: ignore[index]


def array(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor on any device; shares its memory where it can."""
    tensor = tensor.detach()
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    return tensor.cpu().contiguous().numpy(force=True)


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


def check_sizes(a: Tensor, b: Tensor, initial: Tensor | None) -> None:
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


def multiply(
    how: Gemm, a: Tensor, b: Tensor, initial: Tensor | None, key: int, operation: str, checked: bool
) -> Tensor:
    """What :func:`.operators.gemm` says, now."""
    check_sizes(a, b, initial)
    x, y = array(a), array(b)
    start = None if initial is None else array(initial)
    threads = threads_for(x.shape[-2] * x.shape[-1] * y.shape[-1])

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


def convert(x: Tensor, given: Conversion, key: int, operation: str) -> Tensor:
    """What :func:`.operators.round` says, now."""
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
        threads=threads_for(x.numel()),
    )
    for observer in observers:
        observer(given, {"x": numbers, "random": random, "width": width}, found)
    return torch.from_numpy(np.asarray(found)).to(x.device)


def threads_for(work: int) -> int:
    """Threads that so many steps of products or roundings are worth."""
    return max(1, min(torch.get_num_threads(), work >> _WORTH))
