"""Matrices of numbers from NumPy's files, for parameters that are rows of integers."""

from pathlib import Path

import numpy as np

from ..array_files import ArrayFileError, read_array, read_arrays

__all__ = ["matrices_of", "rows_of"]


def rows_of(path: Path) -> list[np.ndarray]:
    """The rows in a file: those of a .npy, or an archive's arrays; raises ValueError.

    Each array of rank 1 in an archive is a row; an archive that holds one matrix alone is that.
    """
    if path.suffix != ".npz":
        array = _readable(path)[0]
        if array.ndim != 2:
            raise ValueError(f"must be a matrix, not an array of rank {array.ndim}, in {path}")
        return list(_integers(array, path))
    arrays = _readable(path)
    if len(arrays) == 1 and arrays[0].ndim == 2:
        return list(_integers(arrays[0], path))
    return [_integers(array, path) for array in _of_rank(1, arrays, path)]


def matrices_of(path: Path) -> list[np.ndarray]:
    """The arrays of rank 2 in an archive, by name; raises ValueError."""
    return [_integers(array, path) for array in _of_rank(2, _readable(path), path)]


def _readable(path: Path) -> list[np.ndarray]:
    try:
        return read_arrays(path) if path.suffix == ".npz" else [read_array(path)]
    except ArrayFileError as error:
        raise ValueError(f"must be a readable NumPy file, not {error}") from None


def _of_rank(rank: int, arrays: list[np.ndarray], path: Path) -> list[np.ndarray]:
    chosen = [array for array in arrays if array.ndim == rank]
    if not chosen:
        raise ValueError(f"must have arrays of rank {rank} in {path}")
    return chosen


def _integers(array: np.ndarray, path: Path) -> np.ndarray:
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        raise ValueError(f"must hold integers in {path}, not fractions; scale them first")
    return array
