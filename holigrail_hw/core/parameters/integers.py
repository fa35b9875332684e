"""Parameters that are numbers in a row, rows of these, or matrices of these rows.

What is already a tuple of Python integers is only looked at: networks have many thousand weights,
and a specification is made anew for every variant.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.formats.exact_numbers import exact_number
from holigrail_hw.formats.plain_values import plain_integer

from .integer import integer_of
from .kind import Kind, shown
from .number_files import is_number_file, matrices_of, row_of, rows_of

__all__ = ["Integers", "Matrices", "Rows"]

_FILE = "the path of a .npy, .npz, .csv or .txt file"


@dataclass(frozen=True)
class Integers(Kind):
    """``tuple[int, ...]``; ``real``: ``tuple[int | Fraction, ...]``, exact."""

    real: bool = False

    type = tuple
    separator = ":"  # Lists have commas of their own.

    @property
    def legal(self) -> str:
        return f"{_what(self.real)} separated by commas, or {_FILE}"

    def parse(self, given: Any) -> tuple[Any, ...]:
        path = _path(given)
        if is_number_file(path):
            return tuple(row_of(Path(path), self.real))
        return _or_refused(self, given, lambda: _row(given, self.real, alone=True))


@dataclass(frozen=True)
class Rows(Kind):
    """``tuple[tuple[int, ...], ...]``; ``real``: of rows of ``int | Fraction``, exact."""

    real: bool = False

    type = tuple
    separator = ":"

    @property
    def legal(self) -> str:
        return (
            f"{_what(self.real)} separated by commas, in rows separated by semicolons, or {_FILE}"
        )

    def parse(self, given: Any) -> tuple[tuple[Any, ...], ...]:
        path = _path(given)
        if is_number_file(path):
            rows = tuple(tuple(row) for row in rows_of(Path(path), self.real))
        else:
            rows = _or_refused(
                self, given, lambda: _parts(given, ";", 2, lambda row: _row(row, self.real))
            )
        if not rows:
            raise ValueError("must have at least one row")
        return rows


@dataclass(frozen=True)
class Matrices(Kind):
    """``tuple[tuple[tuple[int, ...], ...], ...]``."""

    type = tuple
    separator = ":"
    legal = "matrices separated by bars, or the path of a .npz file"  # type: ignore[assignment]

    def parse(self, given: Any) -> tuple[tuple[tuple[int, ...], ...], ...]:
        path = _path(given)
        if path.endswith(".npz"):
            given = matrices_of(Path(path))
        matrices = _or_refused(self, given, lambda: _parts(given, "|", 3, Rows().parse))
        if not matrices:
            raise ValueError("must have at least one matrix")
        return matrices


def _what(real: bool) -> str:
    return "numbers" if real else "integers"


def _path(given: Any) -> str:
    return os.fspath(given) if isinstance(given, str | os.PathLike) else ""


def _or_refused(kind: Kind, given: Any, parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except (TypeError, ValueError):
        raise ValueError(f"must be {kind.legal}, not {shown(given)}") from None


def _parts(given: Any, separator: str, dimensions: int, parse: Callable[[Any], Any]) -> Any:
    """A tuple of what ``parse`` makes of each part; raises TypeError or ValueError."""
    if isinstance(given, str):
        return tuple(map(parse, given.split(separator)))
    if isinstance(given, np.ndarray) and given.ndim != dimensions:
        raise TypeError
    if isinstance(given, list | tuple | np.ndarray):
        return tuple(map(parse, given))
    raise TypeError


def _row(given: Any, real: bool, alone: bool = False) -> tuple[int | Fraction, ...]:
    """Numbers of one row; ``alone``: a single number is a row, too."""
    if type(given) is tuple and all(type(item) is int for item in given):
        return given
    item_of = exact_number if real else integer_of
    if isinstance(given, str):
        return tuple(item_of(item) for item in given.split(","))
    if isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind == "f" and not real:
        if not (np.isfinite(given) & (given == np.floor(given))).all():
            raise ValueError
        return tuple(int(item) for item in given)
    if isinstance(given, list | tuple | range) or isinstance(given, np.ndarray) and given.ndim == 1:
        return tuple(item_of(item) for item in given)
    if alone:
        return (exact_number(given) if real else plain_integer(given),)
    raise TypeError
