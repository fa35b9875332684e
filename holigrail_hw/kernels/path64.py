"""The general path: float64 numbers, every rounding mode, random words, windows."""

import ctypes
from typing import Any

import numpy as np

from .library import library
from .operands import Reach, is_exact_in, reach, significant_bits, tops
from .random_words import Philox, RandomWords
from .roundings import Rounding64, is_described, rounding64, threshold_offset
from .shape import GemmShape

__all__ = ["is_general", "multiply64", "sums_are_exact"]

_WINDOW_BITS = 50
_BLOCK_WORDS = 1 << 24


class _Random(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("source", "width", "both")),
        ("offset", ctypes.c_double),
        ("ties_to_even", ctypes.c_int64),
        ("key", ctypes.c_uint32 * 2),
        ("first", ctypes.c_uint32 * 3),
        ("unused", ctypes.c_int32),
        ("words", ctypes.c_void_p * 2),
    )


class _Request(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("a", "b", "a_top", "b_top", "c")),
        *((name, ctypes.c_int64) for name in ("rows", "depth", "columns", "chunk", "threads")),
        *((name, ctypes.c_int64) for name in ("kind", "exact", "down")),
        *((name, ctypes.c_double) for name in ("start", "window", "sum_least")),
        *((name, Rounding64) for name in ("sum", "product")),
        ("random", _Random),
    )


def is_general(shape: GemmShape) -> bool:
    """Whether this path, or its twin in NumPy, computes such a product."""
    rounded = [f for f in (shape.accumulator, shape.product) if f is not None]
    if not all(is_described(format, shape.overflow) for format in rounded):
        return False
    if not all(is_exact_in(f, np.float64) for f in (shape.a, shape.b)):
        return False
    products = reach(shape.a) * reach(shape.b)
    if significant_bits(shape.a) + significant_bits(shape.b) > 53:
        return False
    if not products.fits(Reach(-800, 800)):
        return False
    if shape.rounding.is_stochastic:
        widest = max(significant_bits(f) for f in rounded)
        if widest + shape.random_width + 2 > 53 and not sums_are_exact(shape):
            return False
    if any(significant_bits(f) + 2 > 53 for f in rounded) and not sums_are_exact(shape):
        return False
    is_float = shape.accumulator.subnormal_place is not None
    if shape.accumulation == "window" and not (is_float and shape.window <= _WINDOW_BITS):
        return False
    return shape.accumulation != "exact"


def sums_are_exact(shape: GemmShape) -> bool:
    """Whether float64 holds every sum of a number of the accumulator and a product."""
    added = reach(shape.a) * reach(shape.b)
    if shape.product is not None:
        added = reach(shape.product)
    return (added | reach(shape.accumulator)).bits + 1 <= 53


def multiply64(
    shape: GemmShape, x: np.ndarray, y: np.ndarray, random: RandomWords | None, threads: int
) -> Any:
    """The numbers of the product, float64; None without a compiler."""
    found = library("gemm64")
    if found is None:
        return None
    rows, depth, columns = len(x), len(y), y.shape[1]
    result = np.empty((rows, columns), np.float64)
    above = (
        [tops(f, v) for f, v in ((shape.a, x), (shape.b, y))]
        if shape.accumulation == ("window")
        else [x, y]
    )
    block = rows
    if random is not None and not isinstance(random, Philox):
        block = max(1, min(rows, _BLOCK_WORDS // max(1, depth * columns)))
    for first in range(0, rows, max(block, 1)):
        part = slice(first, min(first + block, rows))
        given, kept = _random(shape, random, range(rows)[part], depth, columns)
        request = _Request(
            x[part].ctypes.data,
            y.ctypes.data,
            above[0][part].ctypes.data,
            above[1].ctypes.data,
            result[part].ctypes.data,
            part.stop - first,
            depth,
            columns,
            shape.chunk or 0,
            threads,
            ("fused", "cascade", "window").index(shape.accumulation),
            sums_are_exact(shape),
            shape.rounding == "down",
            -0.0 if shape.is_negative_start else 0.0,
            2.0**-shape.window,
            _sum_least(shape),
            rounding64(shape.accumulator, shape.rounding, shape.overflow, shape.via),
            rounding64(shape.product or shape.accumulator, shape.rounding, None, shape.via),
            given,
        )
        found.gemm64(ctypes.byref(request))
        del kept
    return result


def _sum_least(shape: GemmShape) -> float:
    place = shape.accumulator.subnormal_place
    return 0.0 if place is None else 2.0**place


def _random(
    shape: GemmShape, random: RandomWords | None, rows: range, depth: int, columns: int
) -> tuple[_Random, Any]:
    """The random words of some rows, and arrays that must live as long as they are used."""
    if random is None or not shape.streams:
        return _Random(), None
    offset, ties = threshold_offset(shape.rounding)
    found = _Random(
        width=shape.random_width, both=shape.streams == 2, offset=offset, ties_to_even=ties
    )
    if isinstance(random, Philox):
        found.source = 1
        found.key[:] = random.seed, random.operation
        found.first[:] = rows.start, 0, random.last
        return found, None
    words = random.words(rows, depth, columns, shape.random_width, shape.streams)
    found.source = 2
    found.words[:] = [w.ctypes.data for w in (*words, words[0])][:2]
    return found, words
