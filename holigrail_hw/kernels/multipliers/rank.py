"""The rank of a matrix of integers over the rationals, proved.

Modulo a prime the rank is at most that over the rationals, since a minor that is not zero modulo a
prime is not zero. If all minors of r + 1 rows are zero modulo primes whose product exceeds twice
the largest such minor, by Hadamard's bound, they are zero, and the rank is at most r.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

__all__ = ["rational_rank"]


def rational_rank(matrix: np.ndarray) -> int:
    """The rank of integers below 2^31 in magnitude, two axes."""
    rows = np.unique(np.asarray(matrix, np.int64), axis=0)
    rows = np.unique(rows.T, axis=0)
    rows = rows[np.abs(rows).sum(axis=1) > 0]
    bound = _hadamard(rows)
    found, covered = 0, 0.0
    for prime in _primes():
        rank = _rank_modulo(rows, prime)
        if rank > found:
            found, covered = rank, 0.0
        if found == min(rows.shape):
            return found
        # A prime with the same rank also has all minors of one row more at zero.
        covered += math.log2(prime) if rank == found else 0.0
        if covered > bound(found + 1) + 1:
            return found
    raise AssertionError("there are always more primes")


def _hadamard(rows: np.ndarray) -> Callable[[int], float]:
    """Binary logarithm of a bound of the minors of so many rows."""
    norms = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1))
    logs = np.sort(np.log2(np.maximum(norms, 1)))[::-1]
    return lambda size: float(logs[:size].sum()) * (1 + 1e-9)


def _primes() -> Iterator[int]:
    """Primes from 2^31 downwards."""
    candidate = (1 << 31) - 1
    while True:
        if _is_prime(candidate):
            yield candidate
        candidate -= 2


def _is_prime(number: int) -> bool:
    """Miller and Rabin with bases that decide below 3,215,031,751 (Pomerance and others, 1980)."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7):
        power = pow(base, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def _rank_modulo(matrix: np.ndarray, prime: int) -> int:
    rest = matrix % prime
    rank = 0
    while rest.size:
        column = np.flatnonzero(rest.any(axis=0))
        if not len(column):
            break
        rest = rest[:, column]
        row = int(np.flatnonzero(rest[:, 0])[0])
        scaled = rest[row] * pow(int(rest[row, 0]), -1, prime) % prime
        rest = np.delete(rest, row, axis=0)
        # Products of two numbers below 2^31 fit 62 bits.
        rest = ((rest[:, 1:] - rest[:, :1] * scaled[1:]) % prime) if rest.size else rest
        rank += 1
    return rank
