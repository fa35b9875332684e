"""Dot products: sums that are rounded once, and sums of many rounded steps.

Rounded once are exact sums, and sums in a window of bits below the largest term. The window is what
matrix units of GPUs do (Fasi, Higham, Mikaitis and Pranesh, "Numerical behavior of NVIDIA tensor
cores", 2021): the terms are aligned to the largest of them, what lies below the window is cut off
each term, and what is left is added exactly.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, INFINITE, NAN, Exact, Format
from holigrail_hw.formats.integers import bit_length, narrow, widen

from .arithmetic import add
from .rules import Projection, operate

__all__ = ["Coded", "exact_sum", "rounded_chunks", "rounded_tree", "top_place", "windowed_sum"]

Coded = tuple[Format, Any]
"""A format, and codes of it."""

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


def rounded_tree(
    pairs: Sequence[tuple[Coded, Coded]],
    addend: Coded | None,
    projection: Projection,
    *,
    product: Format,
    partial: Format,
) -> np.ndarray:
    """Products rounded to ``product``, added in a binary tree, every sum rounded to ``partial``.

    Neighbours are added, and again neighbours of these sums; one that is left over moves up. The
    addend joins at the root, in the rounding to the format of ``projection``.
    """
    sums = [(product, _step("multiply", pair, product, projection)) for pair in pairs]
    distance = 1
    while distance < len(sums):
        for left in range(0, len(sums) - distance, 2 * distance):
            both = sums[left], sums[left + distance]
            sums[left] = partial, _step("add", both, partial, projection)
        distance *= 2
    return _finished(sums[0], addend, projection)


def rounded_chunks(
    pairs: Sequence[tuple[Coded, Coded]],
    addend: Coded | None,
    projection: Projection,
    *,
    chunk: int,
    product: Format | None,
    partial: Format,
) -> np.ndarray:
    """Chunks added term by term, then their sums one by one, every step rounded to ``partial``.

    A step in a chunk is fused, unless products are rounded to ``product`` before. Each chunk begins
    with its first product, the sum of chunks with the addend or the first chunk.
    """

    def added(total: Coded | None, term: Coded) -> Coded:
        if total is None:
            return term
        return partial, _step("add", (total, term), partial, projection)

    total = addend
    for first in range(0, len(pairs), chunk):
        inner: Coded | None = None
        for pair in pairs[first : first + chunk]:
            if product is None and inner is not None:
                inner = partial, _step("fma", (*pair, inner), partial, projection)
            else:
                into = product or partial
                inner = added(inner, (into, _step("multiply", pair, into, projection)))
        assert inner is not None
        total = added(total, inner)
    assert total is not None
    return _finished(total, None, projection)


def _step(
    operation: str, given: Sequence[Coded], result: Format, projection: Projection
) -> np.ndarray:
    formats, codes = zip(*given, strict=True)
    return operate(operation, formats, codes, replace(projection, result=result))


def _finished(total: Coded, addend: Coded | None, projection: Projection) -> np.ndarray:
    """The sum in the format of the result, with what is added last."""
    if addend is not None:
        return _step("add", (total, addend), projection.result, projection)
    if total[0] == projection.result:
        return total[1]
    return _step("convert", (total,), projection.result, projection)


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
