"""Sums of products from a table, rounded to a float after every addition: the compiled kernel."""

import ctypes

import numpy as np

from ..certificates import FLOAT32, bounds, can_be_moved
from ..gemm import Gemm
from ..library import called, library
from ..operands import measured, reach
from ..sums import NearestRounding, is_narrow, overflow32, rounding32_of

__all__ = ["float_sums"]


class _Request(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("table", "a", "b", "sums")),
        *((name, ctypes.c_int64) for name in ("rows", "depth", "columns", "threads")),
        *((name, ctypes.c_int64) for name in ("odd", "over")),
        ("sum", NearestRounding),
    )


def float_sums(
    gemm: Gemm, products: np.ndarray, a: np.ndarray, b: np.ndarray, threads: int
) -> np.ndarray | None:
    """float32 numbers of the accumulator, M x N; None where float32 does not give the right ones.

    Parameters
    ----------
    gemm : Gemm
        How sums are rounded; its ``b`` is the format of the products.
    products : array
        By the codes of both factors.
    """
    format = gemm.accumulator
    if (
        not a.size
        or not b.size
        or gemm.accumulation != "fused"
        or gemm.chunk is not None
        or (gemm.rounding, gemm.via, gemm.start) != ("nearest_even", "exact", "zero")
        or not is_narrow(format)
        or not format.has_negative_zero
        or not np.isfinite(products).all()
    ):
        return None
    table = np.zeros((256, 256), np.float32)
    with np.errstate(over="ignore"):
        table[: len(products), : products.shape[1]] = products
    if not np.array_equal(table[: len(products), : products.shape[1]], products):
        return None
    top = float(np.abs(products).max())
    known = bounds(gemm, np.ones((1, len(b))), np.full((len(b), 1), top), (1.0, top))
    over, found = overflow32(tuple(narrow for narrow, _ in known)), library("float_tables")
    if found is None or over is None or not can_be_moved(known, (1.0, top)):
        return None
    sums = np.empty((len(a), b.shape[1]), np.float32)
    left, right = np.ascontiguousarray(a, np.uint8), np.ascontiguousarray(b, np.uint8)
    matrices = (table, left, right, sums)
    request = _Request(
        *(matrix.ctypes.data for matrix in matrices),
        len(left),
        len(right),
        right.shape[1],
        threads,
        not _is_exact(gemm, table),
        over,
        rounding32_of(format),
    )
    called(found.float_table_sums, request)
    return sums


def _is_exact(gemm: Gemm, table: np.ndarray) -> bool:
    """Whether float32 holds every sum of a product and a number of the accumulator."""
    own = measured(table)
    both = reach(gemm.accumulator) if own is None else own | reach(gemm.accumulator)
    return both.bits + 1 <= 24 and both.fits(FLOAT32)
