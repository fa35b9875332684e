"""Codes instead of numbers: tensors of bit patterns, as ports of operators take them.

Patterns of up to 8 bits are uint8; of up to 16, 32 and 64 bits int16, int32 and int64, whose sign
is the highest bit of the pattern.
"""

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor

from holigrail_hw import kernels
from holigrail_hw.formats import Format, FormatError, parse

from ..arithmetic import Conversion, Gemm
from ..computing import array
from ..random import OPERATIONS, numbers, source

__all__ = [
    "code_type",
    "convert_codes",
    "decode",
    "encode",
    "exact_gemm",
    "gemm_codes",
    "table_gemm",
]

_TYPES = ((8, np.uint8), (16, np.int16), (32, np.int32), (64, np.int64))


def code_type(format: Format | str) -> Any:
    """The NumPy type of a format's patterns; raises FormatError above 64 bits."""
    width = parse(format).width
    for bits, kind in _TYPES:
        if width <= bits:
            return kind
    raise FormatError(f"codes: format must have at most 64 bits, not {format}")


def encode(x: Tensor, how: Conversion | Format | str, *, key: int = 0) -> Tensor:
    """Codes of numbers, each rounded once."""
    how = Conversion.of(how)
    random, width = None, 0
    if how.rounding.is_stochastic:
        width = how.random_width
        random = numbers(key, OPERATIONS["input"], x.numel(), width).reshape(x.shape)
    given = {"random": random, "random_width": width, "overflow": how.overflow}
    threads = torch.get_num_threads()
    if how.via == "exact":
        found = kernels.encode(how.format, array(x), how.rounding, threads=threads, **given)
    else:
        rounded = kernels.quantise(how.format, array(x), how.rounding, via=how.via, **given)
        found = kernels.encode(how.format, rounded)
    return _tensor(how.format, found, x.device)


def decode(codes: Tensor, format: Format | str) -> Tensor:
    """Numbers of codes, float32 or, where that does not hold them, float64."""
    found = kernels.decode(format, _patterns(format, codes))
    return torch.from_numpy(np.ascontiguousarray(found)).to(codes.device)


def convert_codes(
    codes: Tensor, source: Format | str, how: Conversion | Format | str, *, key: int = 0
) -> Tensor:
    """Codes of one format, ``source``, as codes of another one, each number rounded once."""
    return encode(decode(codes, source), how, key=key)


def gemm_codes(
    a: Tensor, b: Tensor, how: Gemm, *, initial: Tensor | None = None, key: int = 0
) -> Tensor:
    """Codes of the product of two matrices of codes; ``initial``: codes of the accumulator."""
    random = source(key, OPERATIONS["forward"]) if how.streams else None
    found = how.codes(
        _patterns(how.a, a),
        _patterns(how.b, b),
        random=random,
        threads=torch.get_num_threads(),
        initial=None if initial is None else _patterns(how.accumulator, initial),
    )
    return _tensor(how.accumulator, found, a.device)


def exact_gemm(a: Tensor, b: Tensor, how: Gemm, *, checked: bool = True) -> Tensor:
    """The product of two matrices of numbers, rounded once to the accumulator at the end.

    ``how`` gives formats and rounding, however it adds itself.
    """
    once = dataclasses.replace(
        how, accumulation="exact", product=None, chunk=None, order="sequential", via="exact"
    )
    random = source(0, OPERATIONS["forward"]) if once.streams else None
    found = once.numbers(array(a), array(b), random=random, trusted=not checked)
    return torch.from_numpy(found).to(a.device)


def table_gemm(a: Tensor, b: Tensor, table: Any) -> Tensor:
    """Sums of products that a table gives, int64: sum over k of table[a[i, k], b[k, j]].

    ``table``: 256 x 256 integers, or a :class:`holigrail_hw.kernels.TableProduct`, which has looked
    at them already; ``a`` and ``b`` hold bytes.
    """
    if not isinstance(table, kernels.TableProduct):
        table = kernels.TableProduct(array(table) if isinstance(table, Tensor) else table)
    found = table.sums(array(a), array(b))
    return torch.from_numpy(np.asarray(found, np.int64)).to(a.device)


def _patterns(format: Format | str, codes: Tensor) -> np.ndarray:
    """Unsigned codes; raises ValueError for what is no tensor of integers."""
    if codes.dtype.is_floating_point or codes.dtype.is_complex or codes.dtype == torch.bool:
        raise ValueError(f"codes: a tensor of codes must be of integers, not {codes.dtype}")
    found = array(codes)
    if found.dtype.kind == "i" and found.dtype == code_type(format):
        found = found.view(np.dtype(f"u{found.dtype.itemsize}"))
    return found


def _tensor(format: Format | str, codes: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(codes).astype(code_type(format))).to(device)
