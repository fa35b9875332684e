"""Parameters that are integers in a row, rows of these, or matrices of these rows.

What is already a tuple of Python integers is only looked at: networks have many thousand weights,
and a specification is made anew for every variant.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.plain_values import plain_integer

from .integer import integer_of
from .kind import Kind, shown
from .numpy_files import matrices_of, rows_of

__all__ = ["Integers", "Matrices", "Rows"]


@dataclass(frozen=True)
class Integers(Kind):
    """``tuple[int, ...]``."""

    type = tuple
    separator = ":"  # Integers have commas of their own.
    legal = "integers separated by commas"  # type: ignore[assignment]

    def parse(self, given: Any) -> tuple[int, ...]:
        return _or_refused(self, given, lambda: _row(given, alone=True))


@dataclass(frozen=True)
class Rows(Kind):
    """``tuple[tuple[int, ...], ...]``."""

    type = tuple
    separator = ":"
    legal = (  # type: ignore[assignment]
        "integers separated by commas, in rows separated by semicolons, "
        "or the path of a .npy or .npz file"
    )

    def parse(self, given: Any) -> tuple[tuple[int, ...], ...]:
        path = _path(given)
        if path.endswith((".npy", ".npz")):
            given = rows_of(Path(path))
        rows = _or_refused(self, given, lambda: _rows(given))
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


def _rows(given: Any) -> tuple[tuple[int, ...], ...]:
    return _parts(given, ";", 2, _row)


def _row(given: Any, alone: bool = False) -> tuple[int, ...]:
    """Integers of one row; ``alone``: a single integer is a row, too."""
    if type(given) is tuple and all(type(item) is int for item in given):
        return given
    if isinstance(given, str):
        return tuple(integer_of(item) for item in given.split(","))
    if isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind == "f":
        if not (np.isfinite(given) & (given == np.floor(given))).all():
            raise ValueError
        return tuple(int(item) for item in given)
    if isinstance(given, list | tuple | range) or isinstance(given, np.ndarray) and given.ndim == 1:
        return tuple(integer_of(item) for item in given)
    if alone:
        return (plain_integer(given),)
    raise TypeError
