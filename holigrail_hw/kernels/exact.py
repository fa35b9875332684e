"""Sums without any rounding but the last, as products of matrices by the processor's libraries.

The order does not matter where every partial sum is exact. So it is in float32 or float64 as long
as all bits of the largest sum, down to the last place of the products, fit into the significand.
Factors with more bits are cut into pieces, and the products of the pieces are added as integers.
"""

from functools import reduce
from itertools import product as pairs

import numpy as np

from holigrail_hw.formats import FINITE, Exact
from holigrail_hw.golden import add

from .operands import Reach, measured

__all__ = ["exact_sum", "exact_sum_of_products"]

_FLOAT32_BITS, _FLOAT64_BITS = 24, 53
_FLOAT64 = Reach(-1074, 1024)


def exact_sum_of_products(
    x: np.ndarray, y: np.ndarray, left: Reach, right: Reach
) -> np.ndarray | Exact:
    """Exact sums, M x N, of products of finite float64 numbers.

    Floats where they hold all sums, else integers times powers of two. A sum that is zero is +0.
    ``left`` and ``right``: where the numbers lie at most.
    """
    length = max(len(y) - 1, 1).bit_length()
    if left.bits + right.bits + length > _FLOAT64_BITS:
        of_x, of_y = measured(x), measured(y)
        if of_x is None or of_y is None:
            return np.zeros((len(x), y.shape[1]))
        left, right = of_x, of_y
    product = left * right
    is_float = Reach(product.low, product.high + length).fits(_FLOAT64)
    bits = product.bits + length
    if bits <= _FLOAT32_BITS and is_float:
        small = np.ldexp(x, -left.low).astype(np.float32) @ np.ldexp(y, -right.low).astype(
            np.float32
        )
        return np.ldexp(small.astype(np.float64), left.low + right.low) + 0.0
    if bits <= _FLOAT64_BITS and is_float:
        return x @ y + 0.0
    size = (_FLOAT64_BITS - length) // 2
    sums = []
    for (low, part), (other, factor) in pairs(_pieces(x, left, size), _pieces(y, right, size)):
        total = (part @ factor).astype(np.int64)
        finite = np.full(total.shape, FINITE, np.uint8)
        place = np.full(total.shape, low + other, np.int64)
        sums.append(Exact(total < 0, np.abs(total), place, finite))
    return reduce(add, sums)


def exact_sum(sums: np.ndarray | Exact, row: np.ndarray) -> np.ndarray | Exact:
    """Exact sums plus one finite number for each column; floats where they hold all of them."""
    row = np.asarray(row, np.float64)
    if isinstance(sums, np.ndarray):
        total = sums + row
        part = total - sums
        if not np.any((sums - (total - part)) + (row - part)) and np.isfinite(total).all():
            return total + 0.0
        sums = _as_exact(sums)
    return add(sums, _as_exact(row).broadcast_to(sums.shape))


def _as_exact(numbers: np.ndarray) -> Exact:
    mantissa, exponent = np.frexp(numbers)
    whole = np.ldexp(np.abs(mantissa), 53).astype(np.int64)
    return Exact(
        np.signbit(numbers),
        whole,
        exponent.astype(np.int64) - 53,
        np.full(numbers.shape, FINITE, np.uint8),
    )


def _pieces(x: np.ndarray, where: Reach, size: int) -> list[tuple[int, np.ndarray]]:
    """Exponents of places, and integers of ``size`` bits in units of these, that add up to x."""
    found, rest, place = [], x, where.high
    while place > where.low:
        place = max(place - size, where.low)
        part = np.trunc(np.ldexp(rest, -place))
        found.append((place, part))
        rest = rest - np.ldexp(part, place)
    return found
