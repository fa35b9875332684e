"""Integers from NumPy's files; nothing in a file is executed."""

import re
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["from_archive", "from_file"]


def from_file(path: Path) -> np.ndarray:
    """A matrix of integers from a .npy file; raises ValueError."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"must be a readable NumPy file, not {path} ({error})") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "iuf":
        raise ValueError(f"must be a matrix of numbers in {path}")
    return _checked(array, path)


def from_archive(path: Path, dimensions: int) -> list[Any]:
    """The arrays of so many dimensions in a .npz archive, by name; raises ValueError."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = [archive[key] for key in sorted(archive, key=_natural)]
    except (OSError, ValueError, EOFError, AttributeError, TypeError) as error:
        raise ValueError(f"must be a readable NumPy archive, not {path} ({error})") from None
    chosen = [a for a in arrays if a.ndim == dimensions and a.dtype.kind in "iuf"]
    if not chosen:
        raise ValueError(f"must have arrays of {dimensions} dimensions in {path}")
    return [_checked(array, path) for array in chosen]


def _natural(name: str) -> list[tuple[str, int]]:
    """Sorting key by which W10 comes behind W9."""
    return [(text, int(part or 0)) for text, part in re.findall(r"(\D*)(\d*)", name)]


def _checked(array: np.ndarray, path: Path) -> np.ndarray:
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        raise ValueError(f"must hold integers in {path}; scale them first")
    return array
