"""Numbers that a program hands to an engine, as codes of a format, and results as numbers again.

Nothing changes on its way without being asked for: a number that a format does not hold is refused
by name and place. ``rounding`` and ``saturate`` are how a caller says that it may change.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from .base import Format
from .errors import FormatError
from .rounding import Rounding

__all__ = ["codes_of", "integers_of", "number_array", "whole_codes"]

_LARGEST_WHOLE_FLOAT = 1 << 53


def codes_of(
    values: Any,
    format: Format,
    who: str,
    *,
    rounding: str | None = None,
    saturate: bool = False,
) -> np.ndarray:
    """Codes of numbers, each of which the format holds exactly unless the options say otherwise.

    Parameters
    ----------
    values : integers, floats, Fractions, or an array of them, of any shape
    who : str
        Who asks and for what, the start of the message: ``gemm host: scale``.
    rounding : str or None
        A rounding mode by which numbers between two codes are rounded; None refuses them.
    saturate : bool
        Whether numbers beyond the smallest and largest finite one become that; False refuses them.
        Infinities are such numbers where the format has none.

    Returns
    -------
    array of uint64 (Python integers above 64 bits), of the shape of ``values``

    Raises
    ------
    FormatError
        For a number that the format does not hold, NaN where it has none, or no number at all.
    """
    numbers = number_array(values, who)
    try:
        mode = Rounding.NEAREST_EVEN if rounding is None else Rounding(rounding)
        if mode.is_stochastic:
            raise FormatError("rounding must not be stochastic, which needs random words")
        codes = format.encode(numbers, mode, overflow=format.overflow_of("saturate"))
    except FormatError as error:
        raise FormatError(f"{who}: {error}") from None
    wrong = ~_equal(numbers, _numbers(format, codes))
    if not wrong.any():
        return codes
    low, high = format.number_range
    finite, is_nan = _kinds(numbers)
    beyond = np.zeros(numbers.shape, bool)
    beyond[wrong] = [not low <= value <= high for value in numbers[wrong].tolist()]
    if saturate:
        limit = {True: format.encode(low), False: format.encode(high)}
        for place in map(tuple, np.argwhere(wrong & beyond & ~is_nan)):
            codes[place] = limit[bool(numbers[place] < 0)]
        wrong &= ~beyond | is_nan
    if rounding is not None:
        wrong &= beyond | ~finite
    if wrong.any():
        _refuse(numbers, wrong, format, who, bool(finite[tuple(np.argwhere(wrong)[0])]))
    return codes


def whole_codes(codes: Any, width: int, who: str) -> np.ndarray:
    """An array of codes of ``width`` bits as uint64 (Python integers above 64 bits), of its shape.

    Raises
    ------
    FormatError
        Anything but integers, a negative one, or one with more bits.
    """
    array = number_array(codes, who)
    if array.dtype == object:
        whole = all(isinstance(v, int | np.integer) for v in array.ravel().tolist())
    else:
        whole = array.dtype.kind in "iub" or not array.size
    if not whole:
        raise FormatError(f"{who} must hold integer codes, not {_first_other(array)}")
    if array.size and (int(array.min()) < 0 or int(array.max()) >> width):
        wrong = int(array.min()) if int(array.min()) < 0 else int(array.max())
        raise FormatError(f"{who} must hold codes of {width} bits, not {wrong}")
    return array.astype(np.uint64 if width <= 64 else object)


def integers_of(codes: Any, format: Format) -> np.ndarray:
    """Integers behind the codes of an integer format: int64, uint64 where that is too small.

    Above 64 bits they are Python integers.
    """
    assert format.codes_are_integers and format.is_integer
    array = np.asarray(codes)
    if format.width > 64:
        sign = 1 << (format.width - 1) if format.signed else 0
        return (array.astype(object) ^ sign) - sign
    if not format.signed:
        return array.astype(np.uint64 if format.width == 64 else np.int64)
    free = 64 - format.width
    return (array.astype(np.uint64) << np.uint64(free)).view(np.int64) >> np.int64(free)


def number_array(values: Any, who: str) -> np.ndarray:
    """Numbers as an array that keeps each of them; raises FormatError for ragged lists."""
    if isinstance(values, np.ndarray):
        # Narrow floats, those of ml_dtypes too, are all float64 numbers.
        narrow = values.dtype.kind in "fV" and values.dtype.names is None
        return values.astype(np.float64) if narrow and values.dtype.itemsize < 8 else values
    try:
        np.array(values)
    except ValueError:
        raise FormatError(f"{who}: rows must have one length, not several") from None
    # Without dtype=object NumPy turns mixed lists such as [2**63, -1] into rounded floats.
    array = np.array(values, dtype=object)
    kinds = {type(value) for value in array.ravel().tolist()}
    if kinds == {int}:
        small = all(-1 << 63 <= value < 1 << 63 for value in array.ravel().tolist())
        return array.astype(np.int64) if small else array
    return array.astype(np.float64) if kinds == {float} else array


def _numbers(format: Format, codes: np.ndarray) -> np.ndarray:
    if format.codes_are_integers and format.is_integer:
        return integers_of(codes, format)
    return np.asarray(format.decode(codes))


def _equal(numbers: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Which numbers are the same, NaN being itself; exact."""
    if numbers.dtype != object and decoded.dtype != object:
        kinds = numbers.dtype.kind + decoded.dtype.kind
        if set(kinds) <= set("bi"):
            return numbers == decoded
        if all(_is_exact_in_float64(array) for array in (numbers, decoded)):
            x, y = numbers.astype(np.float64), decoded.astype(np.float64)
            return (x == y) | (np.isnan(x) & np.isnan(y))
    pairs = zip(numbers.ravel().tolist(), decoded.ravel().tolist(), strict=True)
    found = [x == y or (x != x and y != y) for x, y in pairs]
    return np.array(found, bool).reshape(numbers.shape)


def _is_exact_in_float64(array: np.ndarray) -> bool:
    if array.dtype.kind in "iub":
        largest = max(abs(int(array.min())), abs(int(array.max()))) if array.size else 0
        return largest <= _LARGEST_WHOLE_FLOAT
    return array.dtype.itemsize <= 8


def _kinds(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which are finite, and which are NaN."""
    if numbers.dtype != object:
        wide = numbers.astype(np.float64)
        return np.isfinite(wide), np.isnan(wide)
    flat = numbers.ravel().tolist()
    infinite = [isinstance(v, float | np.floating) and bool(np.isinf(v)) for v in flat]
    is_nan = np.array([v != v for v in flat], bool).reshape(numbers.shape)
    return ~is_nan & ~np.array(infinite, bool).reshape(numbers.shape), is_nan


def _refuse(numbers: np.ndarray, wrong: np.ndarray, format: Format, who: str, finite: bool) -> None:
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    value = numbers[place]
    low, high = format.number_range
    hint = None
    if format.few_numbers:
        what = format.few_numbers
    elif not finite:
        what = f"a finite number ({format} holds no such)"
    elif not low <= value <= high:
        what = f"between {_text(low)} and {_text(high)}"
        hint = "saturate=True takes the nearest of the two instead"
    elif format.is_integer:
        what = "a whole number"
        hint = "rounding='nearest_even' rounds on purpose"
    else:
        what = f"a number of {format}"
        hint = "rounding='nearest_even' rounds on purpose"
    where = f" at {', '.join(map(str, place))}" if place else ""
    raise FormatError(f"{who} must be {what}, not {_text(value)}{where}", hint=hint)


def _text(value: Any) -> str:
    if isinstance(value, Fraction) and value.denominator != 1:
        try:
            return f"{float(value):.9g}"
        except OverflowError:
            return str(value)
    return str(value)


def _first_other(array: np.ndarray) -> str:
    if array.dtype != object:
        return str(array.dtype)
    others = (v for v in array.ravel().tolist() if not isinstance(v, int | np.integer))
    return type(next(others)).__name__
