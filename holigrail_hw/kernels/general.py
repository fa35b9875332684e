"""The general path: every rounding mode, random words and windows; in float32 if that does."""

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats import Rounding

from .certificates import (
    are_finite,
    bounds,
    can_be_moved,
    has_exact_thresholds,
    has_near_rests,
    knows_rest,
    never_overflows,
    products_of,
    sums_are_float32,
    tops_of,
)
from .library import called, library
from .operands import Reach, is_exact_in, reach, significant_bits, tops
from .random_words import Philox, RandomWords
from .roundings import (
    Rounding32,
    Rounding64,
    is_described,
    rounding32,
    rounding64,
    threshold_offset,
)
from .shape import GemmShape
from .sums import is_narrow

__all__ = ["Step", "is_general", "multiply_general", "step_general", "sums_are_exact"]

_DIRECTED = (Rounding.UP, Rounding.DOWN, Rounding.TO_ODD)
_WINDOW_BITS = 50
_BLOCK_WORDS = 1 << 24


class _Random(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("source", "width")),
        *((name, ctypes.c_double) for name in ("last", "most")),
        ("ties_to_even", ctypes.c_int64),
        ("key", ctypes.c_uint32 * 2),
        ("first", ctypes.c_uint32 * 3),
        ("mask", ctypes.c_uint32),
        ("words", ctypes.c_void_p * 2),
    )


def _structure(real: type, rounding: type) -> type[ctypes.Structure]:
    class Request(ctypes.Structure):
        _fields_ = (
            *((name, ctypes.c_void_p) for name in ("a", "b", "a_top", "b_top", "initial", "c")),
            *((name, ctypes.c_int64) for name in ("rows", "depth", "columns", "chunk", "threads")),
            *((name, ctypes.c_int64) for name in ("kind", "exact", "down")),
            *((name, real) for name in ("start", "window", "sum_least")),
            *((name, rounding) for name in ("sum", "product")),
            ("random", _Random),
        )

    return Request


_REQUESTS = {
    np.float32: _structure(ctypes.c_float, Rounding32),
    np.float64: _structure(ctypes.c_double, Rounding64),
}


@dataclass(frozen=True)
class Step:
    """The float type of a step, and whether it holds every sum."""

    real: type
    exact: bool

    def __str__(self) -> str:
        name = "float32, certified" if self.real is np.float32 else "float64"
        return f"general, {name}" + ", rest kept" * (not self.exact)


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
    # No product is so small that a threshold would not see it.
    if not products.fits(Reach(-480, 800)):
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


def step_general(
    shape: GemmShape, x: np.ndarray, y: np.ndarray, initial: np.ndarray | None = None
) -> Step:
    """How a product of these numbers is computed, whose shape is general.

    Float32 does where nothing leaves the range, factors and products are exact in it, and what its
    sums lose is known: to odd, if the formats have at most 22 bits; beside the sum, for random
    words, if that has at most 24 bits.
    """
    wide = Step(np.float64, sums_are_exact(shape))
    floats = [f for f in (shape.product, shape.accumulator) if f is not None]
    narrow = all(is_narrow(f) and f.has_negative_zero for f in floats)
    narrow = narrow and all(is_exact_in(f, np.float32) for f in (shape.a, shape.b))
    if not narrow or shape.accumulation == "window" or shape.via != "exact":
        return wide
    above = tops_of(x, y)
    if not are_finite(shape, above, initial):
        return wide
    if shape.rounding.is_stochastic and not has_exact_thresholds(shape):
        return wide
    known, products = bounds(shape, x, y, above, initial), products_of(shape, x, y)
    if not never_overflows(known) or not can_be_moved(known, above) or not products.are_float32:
        return wide
    if shape.rounding in _DIRECTED and not has_near_rests(shape, products):
        return wide
    exact = sums_are_float32(shape, products)
    return Step(np.float32, exact) if exact or knows_rest(shape, products) else wide


def multiply_general(
    shape: GemmShape,
    x: np.ndarray,
    y: np.ndarray,
    step: Step,
    random: RandomWords | None,
    threads: int,
    initial: np.ndarray | None = None,
) -> Any:
    """The numbers of the product, of the step's type; None without a compiler."""
    real = step.real
    found = library("general32" if real is np.float32 else "general64")
    if found is None:
        return None
    x, y = np.ascontiguousarray(x, real), np.ascontiguousarray(y, real)
    rows, depth, columns = len(x), len(y), y.shape[1]
    result = np.empty((rows, columns), real)
    above = [x, y]
    begin = None if initial is None else np.ascontiguousarray(initial, real)
    if shape.accumulation == "window":
        above = [tops(f, v) for f, v in ((shape.a, x), (shape.b, y))]
    block = max(rows, 1)
    if random is not None and not isinstance(random, Philox):
        block = max(1, min(rows, _BLOCK_WORDS // max(1, depth * columns)))
    rounding = rounding32 if real is np.float32 else rounding64
    for first in range(0, rows, block):
        part = slice(first, min(first + block, rows))
        given, kept = _random(shape, random, range(rows)[part], depth, columns)
        request = _REQUESTS[real](
            x[part].ctypes.data,
            y.ctypes.data,
            above[0][part].ctypes.data,
            above[1].ctypes.data,
            None if begin is None else begin.ctypes.data,
            result[part].ctypes.data,
            part.stop - first,
            depth,
            columns,
            shape.chunk or 0,
            threads,
            ("fused", "cascade", "window").index(shape.accumulation),
            step.exact,
            shape.rounding is Rounding.DOWN,
            -0.0 if shape.is_negative_start else 0.0,
            2.0**-shape.window,
            _sum_least(shape),
            rounding(shape.accumulator, shape.rounding, shape.overflow, shape.via),
            rounding(shape.product or shape.accumulator, shape.rounding, None, shape.via),
            given,
        )
        called(found.general32 if real is np.float32 else found.general64, request)
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
    last = 2.0**-shape.random_width
    found = _Random(
        width=shape.random_width,
        last=last,
        most=1 - offset * last,
        ties_to_even=ties,
        mask=(1 << shape.random_width) - 1,
    )
    if isinstance(random, Philox):
        found.source = 1
        found.key[:] = random.seed, random.operation
        found.first[:] = rows.start, 0, random.last
        return found, None
    words = tuple(
        np.ascontiguousarray(part, np.uint32)
        for part in random.words(rows, depth, columns, shape.random_width, shape.streams)
    )
    sizes = (depth, len(rows), columns)
    if [part.shape for part in words] != [sizes] * shape.streams:
        raise ValueError(f"gemm: random words must be {shape.streams} arrays of {sizes}")
    found.source = 2
    found.words[:] = [w.ctypes.data for w in (*words, words[0])][:2]
    return found, words
