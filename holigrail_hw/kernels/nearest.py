"""The fast path: float32 numbers, to nearest even, with what certificates allow left out."""

import ctypes
from typing import Any

import numpy as np

from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from .certificates import (
    are_finite,
    bounds,
    can_be_moved,
    loses_nothing_in_float32,
    never_overflows,
    products_of,
    tops_of,
)
from .library import called, library
from .shape import GemmShape
from .sums import (
    INFINITE,
    NONE,
    Step32,
    Sums,
    is_narrow,
    is_nearest,
    native_bits,
    overflow32,
    sums_of,
    underflows,
)

__all__ = ["multiply32", "step32"]


class _Request(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("a", "b", "initial", "c")),
        *((name, ctypes.c_int64) for name in ("rows", "depth", "columns", "threads")),
        ("sums", Sums),
    )


def step32(
    shape: GemmShape,
    x: np.ndarray,
    y: np.ndarray,
    certify: bool = True,
    initial: np.ndarray | None = None,
    native: bool = True,
) -> Step32 | None:
    """How float32 computes a product of these numbers as defined; None if it does not.

    ``certify``: leave out what the numbers never need. ``native``: take operations of this
    processor where these are the steps.
    """
    formats = [f for f in (shape.accumulator, shape.product) if f is not None]
    bits = native_bits(shape) if native else 0
    if not bits and (not is_nearest(shape) or not all(map(is_narrow, formats))):
        return None
    # Every step keeps signs of zeros, the product's too; those of sums are taken off at the end.
    if shape.accumulator.has_negative_zero and not all(f.has_negative_zero for f in formats):
        return None
    found = library("gemm32")
    tops = tops_of(x, y)
    if found is None or not are_finite(shape, tops, initial):
        return None
    if bits:
        return Step32(False, False, INFINITE, bits)
    products = products_of(shape, x, y)
    odd = False
    if shape.via == "exact":
        if not products.are_float32:
            return None
        odd = not loses_nothing_in_float32(shape, products)
        if odd and max(f.fraction_width for f in formats) > 21:
            return None
    elif not products.are_float32 and shape.product is None and not found.gemm32_is_fused():
        return None
    known = bounds(shape, x, y, tops, initial)
    if not can_be_moved(known, tops):
        return None
    # Where zeros are rounded their signs stay, too.
    small = shape.is_negative_start or underflows(shape, products)
    fits = certify and never_overflows(known)
    over = NONE if fits else overflow32(tuple(format for format, _ in known))
    return None if over is None else Step32(odd, small, over)


def multiply32(
    shape: GemmShape,
    x: np.ndarray,
    y: np.ndarray,
    step: Step32,
    threads: int,
    initial: np.ndarray | None = None,
) -> Any:
    """The numbers of the product, float32."""
    result = np.empty((len(x), y.shape[1]), np.float32)
    found = library("gemm32")
    assert found is not None and isinstance(shape.accumulator, BinaryFloat)
    begin = None if initial is None else np.ascontiguousarray(initial, np.float32)
    request = _Request(
        x.ctypes.data,
        y.ctypes.data,
        None if begin is None else begin.ctypes.data,
        result.ctypes.data,
        *(len(x), len(y), y.shape[1], threads),
        sums_of(shape, step),
    )
    called(found.gemm32, request)
    return result if shape.accumulator.has_negative_zero else result + np.float32(0)
