"""Sums of many numbers that are rounded once: exact, or in a window of bits below the largest.

The window is what matrix units of GPUs do (Fasi, Higham, Mikaitis and Pranesh, "Numerical behavior
of NVIDIA tensor cores", 2021): the terms are aligned to the largest of them, what lies below the
window is cut off each term, and what is left is added exactly.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, INFINITE, NAN, Exact, Format
from holigrail_hw.formats.integers import bit_length, narrow, widen

from .arithmetic import add

__all__ = ["exact_sum", "top_place", "windowed_sum"]

_NOWHERE = -(1 << 40)


def exact_sum(terms: Sequence[Exact]) -> Exact:
    """The sum of all terms; NaN for NaN and for infinities of both signs. Zero is +0."""
    total = reduce(add, terms)
    has_plus, has_minus, is_nan = _specials(terms)
    zero = total.is_finite & (total.significand == 0)
    return _with_specials(
        Exact(total.sign & ~zero, total.significand, total.exponent, total.category),
        has_plus,
        has_minus,
        is_nan,
    )


def top_place(number: Exact, format: Format) -> np.ndarray:
    """Exponent of the power of two above each number, or above those too small to be normalised.

    A very negative integer for what is zero or not finite.
    """
    top = bit_length(number.significand) + number.exponent
    if format.subnormal_place is not None:
        top = np.maximum(top, format.subnormal_place + 1)
    return np.where(number.significand == 0, _NOWHERE, top)


def windowed_sum(terms: Sequence[Exact], tops: Sequence[np.ndarray], width: int) -> Exact:
    """The sum of the terms without what each of them has below the window.

    Parameters
    ----------
    terms : sequence of Exact
        Of one shape; infinities and NaN as in :func:`exact_sum`.
    tops : sequence of int64 arrays
        For each term the exponent of a power of two above its magnitude. The largest of those of
        terms other than zero is where the window begins.
    width : int
        Of the window in bits: magnitudes are cut off below 2^(largest - width), toward zero.
    """
    used = [np.where(t.significand == 0, _NOWHERE, top) for t, top in zip(terms, tops, strict=True)]
    largest = reduce(np.maximum, used)
    place = np.where(largest == _NOWHERE, 0, largest - width)
    total: Any = 0
    for term in terms:
        shift = np.where(term.significand == 0, 0, term.exponent - place)
        # More than the significand has, but no more than a shift may be.
        down = np.minimum(np.maximum(-shift, 0), 1 << 12)
        kept = (widen(term.significand) << np.maximum(shift, 0)) >> down
        total = total + np.where(term.sign, -kept, kept)
    has_plus, has_minus, is_nan = _specials(terms)
    finite = np.full(total.shape, FINITE, np.uint8)
    number = Exact((total < 0).astype(bool), narrow(abs(total)), place.astype(np.int64), finite)
    return _with_specials(number, has_plus, has_minus, is_nan)


def _specials(terms: Sequence[Exact]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    has_plus = reduce(np.logical_or, (term.is_infinite & ~term.sign for term in terms))
    has_minus = reduce(np.logical_or, (term.is_infinite & term.sign for term in terms))
    is_nan = reduce(np.logical_or, (term.is_nan for term in terms)) | (has_plus & has_minus)
    return has_plus, has_minus, is_nan


def _with_specials(
    number: Exact, has_plus: np.ndarray, has_minus: np.ndarray, is_nan: np.ndarray
) -> Exact:
    is_infinite = has_plus | has_minus
    category = np.where(is_nan, NAN, np.where(is_infinite, INFINITE, FINITE)).astype(np.uint8)
    sign = np.where(is_infinite, has_minus, number.sign & ~is_nan).astype(bool)
    return Exact(sign, number.significand * (category == FINITE), number.exponent, category)
