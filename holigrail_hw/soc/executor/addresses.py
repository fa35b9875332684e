"""The addresses of a generator with nested loops, all at once."""

from collections.abc import Iterable

import numpy as np

__all__ = ["addresses"]


def addresses(base: int, loops: Iterable[tuple[int, int]]) -> np.ndarray:
    """All addresses in their order: ``loops`` are pairs of count and step, the innermost first."""
    found = np.array([base], np.int64)
    for count, step in loops:
        found = (np.arange(count, dtype=np.int64)[:, None] * step + found).reshape(-1)
    return found
