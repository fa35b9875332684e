"""The matrix product of narrow floats as a Triton kernel, with the bits of the processor's.

A block of sums stays in registers over all of K, in its order. A step is that of
``kernels/native/rounding32.h``: adding and subtracting 3/2 of a power of two rounds a float32 to
fewer bits. Contraction of a product and a sum would be another arithmetic, so that kernels must be
compiled with ``enable_fp_fusion=False``, as :func:`gemm` does. Without a GPU Triton's interpreter
(TRITON_INTERPRET=1) runs them on tensors of the processor, slowly.
"""

from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from holigrail_hw.kernels.certificates import Products
from holigrail_hw.kernels.nearest import step32
from holigrail_hw.kernels.sums import rounding32_of

from .arithmetic import Gemm

__all__ = ["OPTIONS", "gemm", "gemm_kernel", "settings"]

OPTIONS = {"enable_fp_fusion": False}
"""What every compilation of the kernel needs."""

_INFINITE, _SATURATE, _NOTHING = 1, 2, 3


@triton.jit
def _rounded(x, least, magic, largest, OVER: tl.constexpr):
    """A float32 rounded to nearest even; ``OVER`` says what becomes of too large numbers."""
    bits = x.to(tl.int32, bitcast=True)
    power = tl.maximum(bits & 0x7F800000, least)
    c = (power + magic).to(tl.float32, bitcast=True)
    y = (x + c) - c
    y = (y.to(tl.int32, bitcast=True) | (bits & -2147483648)).to(tl.float32, bitcast=True)
    if OVER == 1:
        infinite = ((bits & -2147483648) | 0x7F800000).to(tl.float32, bitcast=True)
        y = tl.where(tl.abs(y) > largest, infinite, y)
    if OVER == 2:
        y = tl.minimum(tl.maximum(y, -largest), largest)
    if OVER == 3:
        y = tl.where(tl.abs(y) > largest, float("nan"), y)
    return y


@triton.jit
def _to_odd(x, y):
    """x + y rounded to odd, by Knuth's error of an addition."""
    total = x + y
    part = total - x
    lost = (x - (total - part)) + (y - part)
    bits = total.to(tl.int32, bitcast=True)
    # Not where it is NaN, behind an infinity.
    inexact = (lost < 0.0) | (lost > 0.0)
    opposite = (bits ^ lost.to(tl.int32, bitcast=True)) < 0
    bits = bits - tl.where(inexact & opposite, 1, 0)
    return (bits | tl.where(inexact, 1, 0)).to(tl.float32, bitcast=True)


@triton.jit
def gemm_kernel(
    a,
    b,
    c,
    rows,
    columns,
    depth,
    chunk,
    sum_least,
    sum_magic,
    sum_largest,
    product_least,
    product_magic,
    product_largest,
    CASCADE: tl.constexpr,
    ODD: tl.constexpr,
    OVER: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """One block of c = a b, all of them in C order; sums of ``chunk`` products are added up."""
    i = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    j = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for first in range(0, depth, chunk):
        sums = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
        for k in range(first, tl.minimum(first + chunk, depth)):
            x = tl.load(a + i * depth + k, mask=i < rows, other=0.0)[:, None]
            y = tl.load(b + k * columns + j, mask=j < columns, other=0.0)[None, :]
            x, y = tl.broadcast(x, y)
            if CASCADE:
                p = _rounded(x * y, product_least, product_magic, product_largest, OVER)
                exact = _to_odd(sums, p) if ODD else sums + p
            else:
                exact = _to_odd(sums, x * y) if ODD else tl.fma(x, y, sums)
            sums = _rounded(exact, sum_least, sum_magic, sum_largest, OVER)
        if chunk < depth:
            exact = _to_odd(total, sums) if ODD else total + sums
            total = _rounded(exact, sum_least, sum_magic, sum_largest, OVER)
        else:
            total = sums
    place = i[:, None] * columns + j[None, :]
    tl.store(c + place, total, mask=(i[:, None] < rows) & (j[None, :] < columns))


def settings(how: Gemm) -> dict[str, Any]:
    """Numbers and constants of the kernel for a product.

    Raises
    ------
    ValueError
        If float32 does not hold its products, or for other roundings and ways of adding than the
        kernel knows: fused and cascade, to nearest even.
    """
    ends = [np.full((1, 1), float(f.number_range[1]), np.float32) for f in (how.a, how.b)]
    exact = Products.of(how.a, how.b).are_float32
    step = step32(how, *ends, certify=False, native=False) if exact else None
    if step is None or how.start != "zero":
        raise ValueError(
            f"triton: products must be of narrow floats, to nearest even, not {how.text}"
        )
    found: dict[str, Any] = {}
    for name, format in (("sum", how.accumulator), ("product", how.product or how.accumulator)):
        rounding = rounding32_of(format)
        found[f"{name}_least"], found[f"{name}_magic"] = rounding.least, rounding.magic
        found[f"{name}_largest"] = rounding.largest
    return found | {"CASCADE": how.product is not None, "ODD": step.odd, "OVER": step.over}


def gemm(how: Gemm, a: Tensor, b: Tensor, *, block: tuple[int, int] = (64, 64)) -> Tensor:
    """The product of two matrices of numbers of the formats, float32, on their device.

    Parameters
    ----------
    how : Gemm
    a, b : Tensor
        float32, M x K and K x N.
    block : pair of int
        Rows and columns of sums that a program keeps, powers of two.

    Raises
    ------
    ValueError
        For sizes or types that do not fit, and what :func:`settings` refuses.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"triton: matrices must fit, not {tuple(a.shape)} and {tuple(b.shape)}")
    if a.dtype != torch.float32 or b.dtype != torch.float32:
        raise ValueError(f"triton: matrices must be float32, not {a.dtype} and {b.dtype}")
    given = settings(how)
    (rows, depth), columns = a.shape, b.shape[1]
    result = torch.zeros((rows, columns), dtype=torch.float32, device=a.device)
    if rows and columns and depth:
        grid = (triton.cdiv(rows, block[0]), triton.cdiv(columns, block[1]))
        launch: Any = gemm_kernel[grid]
        launch(
            a.contiguous(),
            b.contiguous(),
            result,
            rows,
            columns,
            depth,
            how.chunk or depth,
            **given,
            BLOCK_M=block[0],
            BLOCK_N=block[1],
            **OPTIONS,
        )
    return result if how.accumulator.has_negative_zero else result + 0.0
