"""The fast path: float32 numbers, to nearest even, with what certificates allow left out."""

import ctypes
import functools
import math
from typing import Any

import numpy as np

from holigrail_hw.formats import Format, Rounding, parse
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from .certificates import (
    Products,
    are_finite,
    bounds,
    can_be_moved,
    loses_nothing_in_float32,
    never_overflows,
    products_of,
    tops_of,
)
from .library import called, library
from .operands import is_held_by, largest, reach
from .shape import GemmShape

__all__ = [
    "NearestRounding",
    "Step32",
    "Sums",
    "is_narrow",
    "multiply32",
    "native_bits",
    "overflow32",
    "rounding32_of",
    "static_step",
    "step32",
    "sums_of",
]

_NONE, _INFINITE, _SATURATE, _NOTHING = range(4)
_FLOATS: dict[int, Any] = {16: parse("fp16"), 32: parse("fp32")}


class NearestRounding(ctypes.Structure):
    """What the compiled kernels know of a narrow float."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("least", "magic")),
        *((name, ctypes.c_float) for name in ("up", "down", "largest")),
    )


class Sums(ctypes.Structure):
    """What the compiled kernels know of sums."""

    _fields_ = (
        *(
            (name, ctypes.c_int64)
            for name in ("native", "cascade", "odd", "small", "over", "chunk")
        ),
        ("limit", ctypes.c_double),
        *((name, NearestRounding) for name in ("sum", "product")),
        ("start", ctypes.c_float),
    )


class _Request(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("a", "b", "initial", "c")),
        *((name, ctypes.c_int64) for name in ("rows", "depth", "columns", "threads")),
        ("sums", Sums),
    )


class Step32:
    """What a step does: whether sums are rounded to odd first, and what may happen to them.

    ``native``: 16 or 32, the bits of floats that the processor itself multiplies and adds as the
    sums are defined; else 0.
    """

    def __init__(self, odd: bool, small: bool, over: int, native: int = 0):
        self.odd, self.small, self.over, self.native = odd, small, over, native

    def __str__(self) -> str:
        if self.native:
            return f"float{self.native} of the processor"
        parts = ["float32"]
        parts += ["exact sums"] * self.odd
        parts += ["subnormal numbers"] * self.small
        parts += [("", "infinities", "saturation", "overflow to NaN")[self.over]] * bool(self.over)
        return ", ".join(parts) if len(parts) > 1 else "float32, certified"


def step32(
    shape: GemmShape,
    x: np.ndarray,
    y: np.ndarray,
    certify: bool = True,
    initial: np.ndarray | None = None,
) -> Step32 | None:
    """How float32 computes a product of these numbers as defined; None if it does not.

    ``certify``: leave out what the numbers never need.
    """
    formats = [f for f in (shape.accumulator, shape.product) if f is not None]
    bits = native_bits(shape)
    if not bits and (not _is_nearest(shape) or not all(map(is_narrow, formats))):
        return None
    # Every step keeps signs of zeros, the product's too; those of sums are taken off at the end.
    if shape.accumulator.has_negative_zero and not all(f.has_negative_zero for f in formats):
        return None
    found = library("gemm32")
    tops = tops_of(x, y)
    if found is None or not are_finite(shape, tops, initial):
        return None
    if bits:
        return Step32(False, False, _INFINITE, bits)
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
    small = shape.is_negative_start or _underflows(shape, products)
    fits = certify and never_overflows(known)
    over = _NONE if fits else overflow32(tuple(format for format, _ in known))
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


def sums_of(shape: GemmShape, step: Step32, limit: float = 0.0) -> Sums:
    """Sums for the kernels; ``limit``: what sums of magnitudes may reach if none overflows."""
    return Sums(
        *(
            step.native,
            shape.product is not None,
            step.odd,
            step.small,
            step.over,
            shape.chunk or 0,
        ),
        limit,
        rounding32_of(shape.accumulator),
        rounding32_of(shape.product or shape.accumulator),
        -0.0 if shape.is_negative_start else 0.0,
    )


def static_step(shape: GemmShape) -> Step32 | None:
    """What float32 has to do for any numbers of the formats; None if it does not for some.

    ``over`` is that of sums that may leave the range; -1 if these are not float32's.
    """
    if bits := native_bits(shape):
        return Step32(False, False, _INFINITE, bits)
    formats = [f for f in (shape.accumulator, shape.product) if f is not None]
    if not _is_nearest(shape) or not all(is_narrow(f) and f.has_negative_zero for f in formats):
        return None
    products = Products.of(shape.a, shape.b)
    if shape.via != "exact" or not products.are_float32:
        return None
    odd = not loses_nothing_in_float32(shape, products)
    if odd and max(f.fraction_width for f in formats) > 21:
        return None
    floats = [f for f in formats if isinstance(f, BinaryFloat)]
    over = overflow32(tuple(floats))
    largest_factors = largest(shape.a), largest(shape.b)
    if over is None or not can_be_moved([(f, math.inf) for f in floats], largest_factors):
        over = -1
    return Step32(odd, shape.is_negative_start or _underflows(shape, products), over)


def native_bits(shape: GemmShape) -> int:
    """16 or 32 if every step is an operation of the processor on IEEE 754's floats; else 0."""
    bits, is_exact = _wanted_float(shape)
    found = library("gemm32") if bits else None
    if found is None or (bits == 16 and not found.gemm32_has_float16()):
        return 0
    if bits == 32 and not is_exact and shape.product is None and not found.gemm32_is_fused():
        return 0
    return bits


@functools.cache
def _wanted_float(shape: GemmShape) -> tuple[int, bool]:
    """Bits of the float whose operations are the steps, or 0; whether float32 holds products."""
    products = Products.of(shape.a, shape.b)
    if not _is_nearest(shape):
        return 0, products.are_float32
    if shape.via != "exact" and not (
        products.are_float32 and loses_nothing_in_float32(shape, products)
    ):
        return 0, products.are_float32
    for bits, format in _FLOATS.items():
        same = {shape.accumulator, shape.product or shape.accumulator} == {format}
        if same and is_held_by(shape.a, format) and is_held_by(shape.b, format):
            return bits, products.are_float32
    return 0, products.are_float32


def _is_nearest(shape: GemmShape) -> bool:
    return shape.rounding is Rounding.NEAREST_EVEN and shape.accumulation in ("fused", "cascade")


@functools.cache
def is_narrow(format: Format) -> bool:
    """Whether float32 holds the format's numbers with some bits to spare, subnormal ones too."""
    return (
        isinstance(format, BinaryFloat)
        and bool(format.signed)
        and bool(format.subnormals)
        and not format.keeps_infinity
        and 1 <= format.fraction_width <= 21
        and format.least_place >= -149
        # Below, the exponent of a float32 says nothing of the last place.
        and format.minimum_exponent >= -126
        and format.maximum_exponent <= 127
    )


@functools.cache
def overflow32(formats: tuple[BinaryFloat, ...]) -> int | None:
    """The number of what becomes of sums beyond the range; None if the formats differ."""
    kinds = set()
    for format in formats:
        if format.saturates:
            kinds.add(_SATURATE)
        elif format.has_infinity:
            whole = 2 * 2.0**format.maximum_exponent * (1 - 2.0 ** -(format.fraction_width + 1))
            # Else float32 does not hold the factor that makes infinities.
            usual = float(format.number_range[1]) == whole and format.maximum_exponent >= 0
            kinds.add(_INFINITE if usual else None)
        else:
            kinds.add(_NOTHING)
    return kinds.pop() if len(kinds) == 1 else None


def _underflows(shape: GemmShape, products: Products) -> bool:
    """Whether anything may be rounded at a fixed place, below the smallest normal number."""
    low = products.reach.low
    if shape.product is not None:
        if low < shape.product.least_place:
            return True
        low = max(low, reach(shape.product).low)
    return low < shape.accumulator.least_place


def rounding32_of(format: Format) -> NearestRounding:
    """The rounding to a format that :func:`is_narrow`."""
    return NearestRounding(*_constants(format))


@functools.cache
def _constants(format: Format) -> tuple[int | float, ...]:
    assert isinstance(format, BinaryFloat)
    exponent, drop = format.maximum_exponent, 23 - format.fraction_width
    return (
        (format.minimum_exponent + 127) << 23,
        (drop << 23) | 0x400000,
        2.0 ** (127 - exponent),
        2.0 ** (exponent - 127),
        largest(format),
    )
