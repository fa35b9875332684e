"""Sums of integers and their roundings."""

from collections.abc import Sequence
from operator import mul

__all__ = ["dot", "ends_of", "size_of", "up"]


def up(value: int, places: int) -> int:
    """value 2^-places, rounded up."""
    return -(-value >> places)


def dot(row: Sequence[int], column: Sequence[int]) -> int:
    """A sum of products."""
    return sum(map(mul, row, column))


def ends_of(row: Sequence[int], low: Sequence[int], high: Sequence[int]) -> tuple[int, int]:
    """The least and the greatest sum of products with numbers between two ends."""
    least = most = 0
    for w, a, b in zip(row, low, high, strict=True):
        if w > 0:
            least, most = least + w * a, most + w * b
        elif w:
            least, most = least + w * b, most + w * a
    return least, most


def size_of(low: int, high: int) -> int:
    """The greatest magnitude between two ends."""
    return max(abs(low), abs(high))
