"""Matrix products rounded after every step on a GPU, in Triton: the twin of the fast CPU kernel.

To nearest even, by adding and subtracting a constant made of the exponent, as
:mod:`holigrail_hw.kernels` does; the order of sums is that of the definition. Multiplications and
additions must stay apart where both are rounded, so kernels are compiled without
``enable_fp_fusion``: by default Triton makes one operation of them, which is another arithmetic.

Covered are fused and cascade sums of finite numbers through float32 (``via="float32"``), or those
of ``via="exact"`` where :func:`holigrail_hw.golden.equals_via_float32` says that they are the same.
"""

from dataclasses import dataclass
from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from holigrail_hw.formats import Format
from holigrail_hw.formats.scalar.binary_float import BinaryFloat
from holigrail_hw.kernels.certificates import Products, loses_nothing_in_float32
from holigrail_hw.kernels.nearest import is_narrow
from holigrail_hw.kernels.operands import largest

from .arithmetic import Gemm

__all__ = ["OPTIONS", "kernel", "multiply", "wrong"]

OPTIONS = {"enable_fp_fusion": False}
"""How the kernel must be compiled."""
_BLOCK = 32


@triton.jit
def _rounded(x, LEAST: tl.constexpr, MAGIC: tl.constexpr, UP: tl.constexpr, DOWN: tl.constexpr):
    """To nearest even, with subnormal numbers and infinities; see ``native/rounding32.h``."""
    exponent = x.to(tl.int32, bitcast=True) & 0x7F800000
    constant = (tl.maximum(exponent, LEAST) + MAGIC).to(tl.float32, bitcast=True)
    nearest = (x + constant) - constant
    return (nearest * UP) * DOWN


@triton.jit
def kernel(
    a,
    b,
    initial,
    c,
    rows,
    depth,
    columns,
    CASCADE: tl.constexpr,
    LEAST: tl.constexpr,
    MAGIC: tl.constexpr,
    UP: tl.constexpr,
    DOWN: tl.constexpr,
    PRODUCT_LEAST: tl.constexpr,
    PRODUCT_MAGIC: tl.constexpr,
    PRODUCT_UP: tl.constexpr,
    PRODUCT_DOWN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """A block of ROWS x COLUMNS sums, kept in registers over all of K."""
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    begin = tl.load(initial + j, mask=j < columns, other=0.0)
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32) + begin[None, :]
    for k in range(depth):
        left = tl.load(a + i * depth + k, mask=i < rows, other=0.0)
        right = tl.load(b + k * columns + j, mask=j < columns, other=0.0)
        if CASCADE:
            product = left[:, None] * right[None, :]
            product = _rounded(product, PRODUCT_LEAST, PRODUCT_MAGIC, PRODUCT_UP, PRODUCT_DOWN)
            total = _rounded(total + product, LEAST, MAGIC, UP, DOWN)
        else:
            total = _rounded(tl.fma(left[:, None], right[None, :], total), LEAST, MAGIC, UP, DOWN)
    place = i[:, None] * columns + j[None, :]
    tl.store(c + place, total, mask=(i[:, None] < rows) & (j[None, :] < columns))


@dataclass(frozen=True)
class _Constants:
    """Of one rounding; the exponent's bits, and factors that make infinities."""

    least: int
    magic: int
    up: float
    down: float

    @classmethod
    def of(cls, format: Format) -> "_Constants":
        assert isinstance(format, BinaryFloat)
        top, drop = format.maximum_exponent, 23 - format.fraction_width
        magic = (drop << 23) | 0x400000
        least = (format.minimum_exponent + 127) << 23
        return cls(least, magic, 2.0 ** (127 - top), 2.0 ** (top - 127))


def _overflows_to_infinity(format: Format) -> bool:
    """Whether infinity stands where the next power of two would, as in IEEE 754."""
    assert isinstance(format, BinaryFloat)
    whole = 2 * 2.0**format.maximum_exponent * (1 - 2.0 ** -(format.fraction_width + 1))
    usual = largest(format) == whole and format.maximum_exponent >= 0
    return usual and format.has_infinity and not format.saturates


def wrong(how: Gemm) -> list[str]:
    """Why the kernel does not compute a product; empty if it does."""
    found = []
    formats = [f for f in (how.accumulator, how.product) if f is not None]
    if how.accumulation not in ("fused", "cascade") or how.chunk is not None:
        found.append("sums must be fused or cascade, without chunks")
    if how.rounding != "nearest_even" or how.start != "zero" or how.via == "mptorch":
        found.append("rounding must be nearest_even, start zero, via exact or float32")
    for format in formats:
        usual = is_narrow(format) and format.has_negative_zero and _overflows_to_infinity(format)
        # Else the constant of the largest numbers is no float32.
        if not usual or format.maximum_exponent + 24 - format.fraction_width > 127:  # type: ignore
            found.append(f"{format} must be a float with infinities and fewer than 8 exponent bits")
    products = Products.of(how.a, how.b)
    if not products.are_float32:
        found.append("products must be exact in float32")
    if not found and how.via == "exact" and not loses_nothing_in_float32(how, products):
        found.append("sums must be the same through float32")
    return found


def arguments(how: Gemm) -> dict[str, Any]:
    """The compile-time arguments of the kernel."""
    sums, product = (_Constants.of(f) for f in (how.accumulator, how.product or how.accumulator))
    given = {"LEAST": sums.least, "MAGIC": sums.magic, "UP": sums.up, "DOWN": sums.down}
    given |= {"PRODUCT_LEAST": product.least, "PRODUCT_MAGIC": product.magic}
    given |= {"PRODUCT_UP": product.up, "PRODUCT_DOWN": product.down}
    return {"CASCADE": how.product is not None, "ROWS": _BLOCK, "COLUMNS": _BLOCK, **given}


def multiply(how: Gemm, a: Tensor, b: Tensor, initial: Tensor | None = None) -> Tensor:
    """The product of two matrices of finite numbers on their device; float32.

    Raises
    ------
    ValueError
        If the kernel does not compute it; all reasons at once.
    """
    if reasons := wrong(how):
        raise ValueError(f"triton: {'; '.join(reasons)}")
    a, b = a.float().contiguous(), b.float().contiguous()
    (rows, depth), columns = a.shape, b.shape[1]
    begin = a.new_zeros(columns) if initial is None else initial.float().contiguous()
    result = a.new_empty((rows, columns))
    grid = (triton.cdiv(rows, _BLOCK), triton.cdiv(columns, _BLOCK))
    if result.numel():
        launched: Any = kernel[grid]
        launched(a, b, begin, result, rows, depth, columns, **arguments(how), **OPTIONS)
    return result + 0.0
