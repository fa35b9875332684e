"""Arrays of exact numbers, and their form in a document."""

import re
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.limits import bounded

__all__ = ["decoded", "encoded", "fractions", "whole"]

_RATIONAL = re.compile(r"-?[0-9]{1,2000}(/[0-9]{1,2000})?")
_KINDS = {"integer": int, "rational": Fraction, "float32": float, "float64": float}


def fractions(values: Any) -> np.ndarray:
    """The same numbers as an object array of Fraction; floats are taken as they are."""
    array = np.asarray(values)
    found = np.empty(array.shape, object)
    found.reshape(-1)[:] = [Fraction(v) for v in array.reshape(-1).tolist()]
    return found


def whole(values: np.ndarray) -> np.ndarray | None:
    """Fractions as an object array of integers, or None if one of them is not an integer."""
    flat = values.reshape(-1)
    if any(v.denominator != 1 for v in flat):
        return None
    found = np.empty(values.shape, object)
    found.reshape(-1)[:] = [int(v) for v in flat]
    return found


def encoded(values: np.ndarray) -> dict[str, Any]:
    """Shape, kind and values; a rational is the text *numerator/denominator*.

    The kinds are integer, rational, float32 and float64.
    """
    array = np.asarray(values)
    flat = array.reshape(-1).tolist()
    if array.dtype == object and any(isinstance(v, Fraction) for v in flat):
        kind, flat = "rational", [str(v) for v in flat]
    elif array.dtype.kind == "f":
        kind = "float32" if array.dtype == np.float32 else "float64"
    else:
        kind = "integer"
    return {"shape": [*array.shape], "kind": kind, "values": flat}


def decoded(document: Any, who: str) -> np.ndarray:
    """The array of :func:`encoded`.

    Raises
    ------
    ModelError
        If it is not such a document.
    """
    try:
        shape = bounded(document["shape"], who)
        number = _KINDS[document["kind"]]
        if number is int and any(type(v) is not int for v in document["values"]):
            raise ValueError
        if number is Fraction and not all(_RATIONAL.fullmatch(v) for v in document["values"]):
            raise ValueError  # a text with an exponent could stand for a number of any size
        flat = [number(v) for v in document["values"]]
        if number is float:
            array = np.array(flat, np.dtype(document["kind"])).reshape(shape)
            if not np.isfinite(array).all():
                raise ValueError
            return array
        array = np.empty(len(flat), object)
        array[:] = flat
        array = array.reshape(shape)
        if number is int and all(abs(v) < 1 << 62 for v in flat):
            return array.astype(np.int64)
        return array
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise ModelError(f"{who}: must be an array with shape, kind and values") from None
