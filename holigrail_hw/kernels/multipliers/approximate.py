"""Approximate multipliers of unsigned integers, as functions that :class:`.Multiplier` takes.

Each maker returns a function of two arrays of integers, not negative and of at most 31 bits, whose
product is an array of integers. :func:`signed` makes one of signed integers: sign and magnitude.
"""

from collections.abc import Callable

import numpy as np

__all__ = ["Product", "broken_array", "drum", "mitchell", "signed"]

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


def drum(bits: int) -> Product:
    """The product of the first ``bits`` bits of both factors, the last of them set if more follow.

    Hashemi, Bahar, Reda, DRUM: a dynamic range unbiased multiplier for approximate applications,
    ICCAD 2015. Raises ValueError unless there are two bits.
    """
    if bits < 2:
        raise ValueError(f"drum: bits must be at least 2, not {bits}")

    def short(x: np.ndarray) -> np.ndarray:
        places = np.maximum(_length(x) - bits, 0)
        return np.where(places > 0, ((x >> places) | 1) << places, x)

    return lambda a, b: short(np.asarray(a)) * short(np.asarray(b))


def broken_array(dropped: int, bits: int = 8) -> Product:
    """The sum of partial products a_i b_j 2^(i + j) with i + j >= ``dropped``, of ``bits`` each.

    Mahdiani and others, Bio-inspired imprecise computational blocks, TCAS-I 57(4), 2010. Raises
    ValueError unless something is left.
    """
    if not 0 <= dropped <= 2 * bits - 2:
        raise ValueError(
            f"broken_array: dropped must be between 0 and {2 * bits - 2}, not {dropped}"
        )

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a, b = np.asarray(a), np.asarray(b)
        total = np.zeros(np.broadcast_shapes(a.shape, b.shape), np.int64)
        for i in range(bits):
            kept = max(dropped - i, 0)
            total += (a >> i & 1) * (b >> kept << kept) << i
        return total

    return product


def mitchell() -> Product:
    """2^(log a + log b) with both logarithms, and the power, linear between powers of two.

    Mitchell, Computer multiplication and division using binary logarithms, 1962.
    """

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a, b = np.broadcast_arrays(np.asarray(a, np.int64), np.asarray(b, np.int64))
        x, y = np.maximum(_length(a) - 1, 0), np.maximum(_length(b) - 1, 0)
        # Both fractions in units of 2^-(x + y).
        fraction = ((a - (1 << x)) << y) + ((b - (1 << y)) << x)
        one = np.int64(1) << x + y
        found = np.where(fraction < one, one + fraction, 2 * fraction)
        return np.where((a == 0) | (b == 0), 0, found)

    return product


def signed(product: Product) -> Product:
    """The product of magnitudes with the product of signs."""
    return lambda a, b: np.sign(a) * np.sign(b) * product(np.abs(a), np.abs(b))


def _length(x: np.ndarray) -> np.ndarray:
    """Bits of integers; 0 for 0."""
    return np.frexp(np.asarray(x).astype(np.float64))[1].astype(np.int64)
