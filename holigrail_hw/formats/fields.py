"""Fields of formats and other frozen requests, brought to Python's own types when they are made."""

from typing import Any

import numpy as np

from .errors import FormatError
from .integers import plain_integer

__all__ = ["plain_integers", "settle_fields"]


def settle_fields(
    request: Any,
    who: str,
    *,
    integers: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
    lists: tuple[str, ...] = (),
    rows: tuple[str, ...] = (),
    error: type[ValueError] = FormatError,
) -> None:
    """Make the named fields of a frozen dataclass plain; None, a value left out, stays.

    ``lists`` become tuples of integers, ``rows`` tuples of these; lists and NumPy arrays of
    integers are taken for both. Raises ``error`` for anything that is no integer, or neither True
    nor False.
    """
    kinds = (
        (integers, plain_integer, "an integer"),
        (flags, _flag, "True or False"),
        (lists, plain_integers, "integers"),
        (rows, _rows, "rows of integers"),
    )
    for names, plain, what in kinds:
        for name in names:
            given = getattr(request, name)
            try:
                value = None if given is None else plain(given)
            except TypeError:
                label = name.replace("_", " ")
                raise error(f"{who}{label} must be {what}, not {given!r}") from None
            object.__setattr__(request, name, value)


def plain_integers(given: Any) -> tuple[int, ...]:
    """A list, tuple, range or vector of integers as a tuple; TypeError for anything else."""
    is_list = isinstance(given, list | tuple | range)
    if not is_list and not (isinstance(given, np.ndarray) and given.ndim == 1):
        raise TypeError(f"{given!r} is no list of integers")
    return tuple(plain_integer(item) for item in given)


def _rows(given: Any) -> tuple[tuple[int, ...], ...]:
    if not isinstance(given, list | tuple | np.ndarray):
        raise TypeError(f"{given!r} is no list of rows")
    return tuple(plain_integers(row) for row in given)


def _flag(given: Any) -> bool:
    if not isinstance(given, bool | np.bool_):
        raise TypeError(f"{given!r} is neither True nor False")
    return bool(given)
