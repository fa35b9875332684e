"""Numbers from files of NumPy and of text, for parameters that are rows of numbers."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from holigrail_hw.formats.exact_numbers import exact_number, number_text

from ..array_files import ArrayFileError, read_array, read_arrays, read_table

__all__ = ["ENDINGS", "is_number_file", "matrices_of", "row_of", "rows_of"]

ENDINGS = (".npy", ".npz", ".csv", ".txt")
Row = Sequence[int | Fraction]


def is_number_file(path: str) -> bool:
    """Whether a text is the path of a file of numbers, by its ending."""
    return path.endswith(ENDINGS)


def row_of(path: Path, real: bool) -> Row:
    """The numbers of a file that holds one row, or one column of text; raises ValueError.

    ``real``: fractions are taken, too.
    """
    if path.suffix in (".npy", ".npz"):
        arrays = _readable(path)
        if len(arrays) != 1 or arrays[0].ndim != 1:
            ranks = ", ".join(str(array.ndim) for array in arrays) or "none"
            raise ValueError(f"must be one array of rank 1, not of rank {ranks}, in {path}")
        return _numbers(arrays[0], path, real)
    rows = _table(path)
    if len(rows) > 1 and max(map(len, rows)) > 1:
        raise ValueError(f"must be one row or one column, not {len(rows)} rows, in {path}")
    return _checked([number for row in rows for number in row], path, real)


def rows_of(path: Path, real: bool = False) -> list[Row]:
    """The rows in a file: those of a text or a .npy, or an archive's arrays; raises ValueError.

    Each array of rank 1 in an archive is a row; an archive that holds one matrix alone is that.
    """
    if path.suffix not in (".npy", ".npz"):
        return [_checked(row, path, real) for row in _table(path)]
    arrays = _readable(path)
    if path.suffix == ".npy" and arrays[0].ndim != 2:
        raise ValueError(f"must be a matrix, not an array of rank {arrays[0].ndim}, in {path}")
    if len(arrays) == 1 and arrays[0].ndim == 2:
        return [_numbers(row, path, real) for row in arrays[0]]
    return [_numbers(array, path, real) for array in _of_rank(1, arrays, path)]


def matrices_of(path: Path) -> list[list[Row]]:
    """The arrays of rank 2 in an archive, by name; raises ValueError."""
    found = _of_rank(2, _readable(path), path)
    return [[_numbers(row, path, False) for row in array] for array in found]


def _readable(path: Path) -> list[np.ndarray]:
    try:
        return read_arrays(path) if path.suffix == ".npz" else [read_array(path)]
    except ArrayFileError as error:
        raise ValueError(f"must be a readable NumPy file, not {error}") from None


def _table(path: Path) -> list[list[int | Fraction]]:
    try:
        return read_table(path)
    except ArrayFileError as error:
        raise ValueError(f"must be a readable file of numbers, not {error}") from None


def _of_rank(rank: int, arrays: list[np.ndarray], path: Path) -> list[np.ndarray]:
    chosen = [array for array in arrays if array.ndim == rank]
    if not chosen:
        raise ValueError(f"must have arrays of rank {rank} in {path}")
    return chosen


def _numbers(array: np.ndarray, path: Path, real: bool) -> Row:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"must hold finite numbers in {path}")
    if array.dtype.kind != "f":
        return [int(number) for number in array]
    return _checked([exact_number(number) for number in array], path, real)


def _checked(row: Row, path: Path, real: bool) -> Row:
    if not real and any(isinstance(number, Fraction) for number in row):
        first = next(number for number in row if isinstance(number, Fraction))
        raise ValueError(
            f"must hold integers in {path}, not fractions such as {number_text(first)};"
            " scale them first"
        )
    return row
