"""Integers, flags and lists of a request, brought to Python's own types when it is made.

NumPy's integers overflow silently in what Python's never do, such as ``1 << width``; its arrays
cannot be hashed. NumPy itself is not needed to tell: the searches run without it.
"""

import operator
from typing import Any

__all__ = ["plain_flag", "plain_integer", "plain_integers", "settle_fields"]


def plain_integer(given: Any) -> int:
    """A Python or NumPy integer as a Python integer; TypeError for all else, bools included."""
    if isinstance(given, bool):
        raise TypeError(f"{given!r} is no integer")
    return operator.index(given)


def plain_flag(given: Any) -> bool:
    """A Python or NumPy bool as a Python bool; TypeError for all else, whatever its truth."""
    kind = type(given)
    if not (isinstance(given, bool) or (kind.__module__, kind.__name__[:4]) == ("numpy", "bool")):
        raise TypeError(f"{given!r} is neither True nor False")
    return bool(given)


def plain_integers(given: Any) -> tuple[int, ...]:
    """A list, tuple, range or vector of integers as a tuple; TypeError for all else."""
    if not isinstance(given, list | tuple | range) and getattr(given, "ndim", None) != 1:
        raise TypeError(f"{given!r} is no list of integers")
    return tuple(plain_integer(item) for item in given)


def settle_fields(
    request: Any,
    who: str,
    error: type[ValueError],
    *,
    integers: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
    lists: tuple[str, ...] = (),
    rows: tuple[str, ...] = (),
) -> None:
    """Make the named fields of a frozen dataclass plain; None, a value left out, stays.

    ``lists`` become tuples of integers, ``rows`` tuples of these; lists and NumPy arrays of
    integers are taken for both. Raises ``error``, with ``who`` before the field's name, for
    anything that is no integer, or neither True nor False.
    """
    kinds = (
        (integers, plain_integer, "an integer"),
        (flags, plain_flag, "True or False"),
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


def _rows(given: Any) -> tuple[tuple[int, ...], ...]:
    if not isinstance(given, list | tuple) and getattr(given, "ndim", None) != 2:
        raise TypeError(f"{given!r} is no list of rows")
    return tuple(plain_integers(row) for row in given)
