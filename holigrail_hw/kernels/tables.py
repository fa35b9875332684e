"""Matrix products with any multiplier of two 8-bit factors, given as a table of its products.

Many such tables are short sums of products: a multiplier that leaves out partial products, or one
that rounds its factors first. If table[a][b] = sum_r u_r[a] * v_r[b] with integers u and v for r
terms, a product of matrices is one of matrices r times as deep, exact as long as its sums fit a
float's significand. Every such factorisation is checked on all 65536 entries before it is used.
Other tables are laid out for the columns at hand by a compiled kernel.
"""

import ctypes
import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .library import called, library

__all__ = ["TableProduct"]

_SIZE = 256
_MOST_TERMS = 10
_PRIME = (1 << 31) - 1
_FLOAT32_SUM, _FLOAT64_SUM = 1 << 24, 1 << 53


class _Request(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("table", "a", "b", "sums")),
        *((name, ctypes.c_int64) for name in ("rows", "depth", "columns", "threads", "narrow")),
    )


@dataclass(frozen=True, eq=False)
class TableProduct:
    """A multiplier of codes of 8 bits; ``products[a, b]`` are integers of 31 bits and a sign.

    >>> table = np.multiply.outer(np.arange(256), np.arange(256))
    >>> TableProduct(table).rank
    1
    """

    products: Any

    def __post_init__(self) -> None:
        table = np.asarray(self.products)
        if table.shape != (_SIZE, _SIZE) or table.dtype.kind not in "iu":
            raise ValueError(
                f"table: products must be 256 x 256 integers, not {table.shape} of {table.dtype}"
            )
        if int(table.max()) >= 1 << 31 or int(table.min()) < -(1 << 31):
            raise ValueError("table: products must be between -2^31 and 2^31 - 1")
        object.__setattr__(self, "products", np.ascontiguousarray(table, np.int32))

    @functools.cached_property
    def rank(self) -> int:
        """How many products of functions of one factor the table is a sum of.

        Modulo a prime of 31 bits, so at most the rank over the rationals.
        """
        return len(_pivots(self.products))

    @functools.cached_property
    def terms(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Integers u (256 x r) and v (r x 256), r <= 10, with u v = table; None if not found."""
        pivots = _pivots(self.products, _MOST_TERMS + 1)
        if len(pivots) > _MOST_TERMS:
            return None
        return _factors(self.products.astype(np.int64), pivots)

    def sums(self, a: Any, b: Any, *, threads: int = 1) -> np.ndarray:
        """Exact sums of products of codes a (M x K) and b (K x N): int64, M x N.

        Raises
        ------
        ValueError
            For codes of more than 8 bits, or inner sizes that differ.
        """
        a, b = _codes(a), _codes(b)
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
            raise ValueError(f"table: matrices must fit, not {a.shape} and {b.shape}")
        if not a.size or not b.size:
            return np.zeros((len(a), b.shape[1]), np.int64)
        if self.terms is not None and (found := _as_floats(*self.terms, a, b)) is not None:
            return found
        found = self._laid_out(a, b, threads)
        return self.golden(a, b) if found is None else found

    def golden(self, a: Any, b: Any) -> np.ndarray:
        """The same, one step of K after the other."""
        a, b = _codes(a), _codes(b)
        total = np.zeros((len(a), b.shape[1]), np.int64)
        for k in range(len(b)):
            total += self.products[a[:, k, None], b[k]]
        return total

    def _laid_out(self, a: np.ndarray, b: np.ndarray, threads: int) -> np.ndarray | None:
        """By the compiled kernel, in parts of K whose sums have 32 bits."""
        found = library("tables")
        if found is None:
            return None
        low, high = int(self.products.min()), int(self.products.max())
        # Products of 16 bits lie around zero when their middle is taken off.
        narrow = high - low < 1 << 16
        middle = low + (1 << 15) if narrow else 0
        table = np.ascontiguousarray(
            self.products.astype(np.int64) - middle, np.int16 if narrow else np.int32
        )
        largest = max(abs(low - middle), abs(high - middle), 1)
        step = (((1 << 31) - 1) // largest) // 4 * 4
        if not step:
            return None
        total = np.full((len(a), b.shape[1]), middle * len(b), np.int64)
        for first in range(0, len(b), step):
            left = np.ascontiguousarray(a[:, first : first + step])
            right = np.ascontiguousarray(b[first : first + step])
            sums = np.empty(total.shape, np.int32)
            matrices = (table, left, right, sums)
            request = _Request(
                *(matrix.ctypes.data for matrix in matrices),
                len(left),
                len(right),
                right.shape[1],
                threads,
                narrow,
            )
            called(found.table_sums, request)
            total += sums
        return total


def _codes(given: Any) -> np.ndarray:
    array = np.asarray(given)
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "iu" and array.size:
        raise ValueError(f"table: codes must be integers, not {array.dtype}")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= _SIZE):
        raise ValueError("table: codes must be between 0 and 255")
    return np.ascontiguousarray(array, np.uint8)


def _as_floats(u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """As one product of floats; None if its sums may be inexact."""
    largest = int((np.abs(u).max(axis=0) * np.abs(v).max(axis=1)).sum()) * len(b)
    if largest >= _FLOAT64_SUM:
        return None
    real = np.float32 if largest < _FLOAT32_SUM else np.float64
    left = u.astype(real)[a].reshape(len(a), -1)
    right = v.T.astype(real)[b].transpose(0, 2, 1).reshape(-1, b.shape[1])
    return (left @ right).astype(np.int64)


def _pivots(table: np.ndarray, most: int = _SIZE) -> list[tuple[int, int]]:
    """Rows and columns of the first pivots of an elimination modulo a prime."""
    rest = table.astype(np.int64) % _PRIME
    found: list[tuple[int, int]] = []
    while len(found) < most:
        places = np.argwhere(rest)
        if not len(places):
            break
        row, column = map(int, places[0])
        inverse = pow(int(rest[row, column]), -1, _PRIME)
        scaled = rest[row] * inverse % _PRIME
        # Products of two numbers below 2^31 fit 62 bits.
        rest = (rest - rest[:, column, None] * scaled % _PRIME) % _PRIME
        found.append((row, column))
    return found


def _factors(
    table: np.ndarray, pivots: list[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray] | None:
    """table = table[:, columns] core^-1 table[rows], with integers: fractions go to one side."""
    rows, columns = (list(places) for places in zip(*pivots, strict=True)) if pivots else ([], [])
    core = [[Fraction(int(table[r, c])) for c in columns] for r in rows]
    inverse = _inverse(core)
    if inverse is None:
        return None
    right = np.array(
        [
            [sum(w * int(x) for w, x in zip(line, column, strict=True)) for column in table[rows].T]
            for line in inverse
        ],
        dtype=object,
    ).reshape(len(rows), _SIZE)
    left = table[:, columns].astype(object)
    for r in range(len(rows)):
        common = 1
        for value in right[r]:
            common = common * value.denominator // np.gcd(common, value.denominator)
        if any(value % common for value in left[:, r]):
            return None
        right[r] = [int(value * int(common)) for value in right[r]]
        left[:, r] //= int(common)
    u, v = left.astype(np.int64), right.astype(np.int64)
    return (u, v) if np.array_equal(u @ v, table) else None


def _inverse(matrix: list[list[Fraction]]) -> list[list[Fraction]] | None:
    """Gauss and Jordan."""
    size = len(matrix)
    rows = [[*line, *(Fraction(i == j) for j in range(size))] for i, line in enumerate(matrix)]
    for place in range(size):
        pivot = next((i for i in range(place, size) if rows[i][place]), None)
        if pivot is None:
            return None
        rows[place], rows[pivot] = rows[pivot], rows[place]
        head = rows[place][place]
        rows[place] = [value / head for value in rows[place]]
        for i in range(size):
            if i != place and (factor := rows[i][place]):
                rows[i] = [x - factor * y for x, y in zip(rows[i], rows[place], strict=True)]
    return [row[size:] for row in rows]
