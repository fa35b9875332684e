"""The sums of a hybrid element, from integers alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.formats import FINITE, Exact, Format
from holigrail_hw.golden import Projection
from holigrail_hw.golden.dot_products import top_place
from holigrail_hw.golden.running_sums import Addends, chunked_sums

from .shape import BACKWARD, FLOAT, FORWARD, FP16, INT4, HybridShape

__all__ = ["float_sums", "integer_sums"]

_NOWHERE = -(1 << 40)


def float_sums(spec: HybridShape, codes: Mapping[str, Any]) -> np.ndarray:
    """Codes of the running float sum after each item."""
    a, b, mode = (np.asarray(codes[name]) for name in ("a", "b", "mode"))
    half = _product(FLOAT, _field(a, 0, 16), FLOAT, _field(b, 0, 16))
    terms, tops = [], []
    for place in (0, 8):
        x, y = _field(a, place, 8), _field(b, place, 8)
        forward = _product(spec.forward, x, spec.forward, y)
        backward = _product(spec.forward, x, spec.backward, y)
        options = [(mode == FORWARD, forward), (mode == BACKWARD, backward)]
        if place == 0:
            options.append((mode == FP16, half))
        term, top = _selected(mode.shape, options)
        terms.append(term)
        tops.append(top)
    counts = mode < INT4
    how = Projection(FLOAT, spec.rounding)
    addends = Addends(mode.shape, tuple(terms), tuple(tops))
    clear, enable = (np.asarray(codes[name]) * counts for name in ("clear", "enable"))
    return chunked_sums(addends, clear, enable, how, spec.chunk, spec.window)


def integer_sums(spec: HybridShape, codes: Mapping[str, Any]) -> np.ndarray:
    """Codes of the running integer sum after each item, modulo 2^16."""
    a, b, mode = (np.asarray(codes[name]) for name in ("a", "b", "mode"))
    counts = mode >= INT4
    four, two = (_dot(a, b, spec.word, bits) for bits in (4, 2))
    added = np.where(mode == INT4, four, two) * (counts & np.asarray(codes["enable"], bool))
    clears = counts & np.asarray(codes["clear"], bool)
    total = np.cumsum(added, axis=0)
    # What was summed before the last clear is taken off again.
    steps = np.arange(len(total)).reshape(-1, *[1] * (total.ndim - 1))
    last = np.maximum.accumulate(np.where(clears, steps, -1), axis=0)
    before = np.take_along_axis(total - added, np.maximum(last, 0), axis=0)
    return ((total - np.where(last < 0, 0, before)) & 0xFFFF).astype(np.uint64)


def _field(word: np.ndarray, place: int, bits: int) -> np.ndarray:
    return (word.astype(np.uint64) >> np.uint64(place)) & np.uint64((1 << bits) - 1)


def _product(a: Format, x: np.ndarray, b: Format, y: np.ndarray) -> tuple[Exact, np.ndarray]:
    """The exact product, and the exponent of a power of two above it."""
    p, q = a.unpack(x), b.unpack(y)
    return golden.multiply(p, q), top_place(p, a) + top_place(q, b)


def _selected(
    shape: tuple[int, ...], options: list[tuple[np.ndarray, tuple[Exact, np.ndarray]]]
) -> tuple[Exact, np.ndarray]:
    """The product of the mode of each item; zero without one."""
    sign, category = np.zeros(shape, bool), np.full(shape, FINITE, np.uint8)
    significand, exponent = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    top = np.full(shape, _NOWHERE)
    for chosen, (exact, place) in options:
        sign = np.where(chosen, exact.sign, sign)
        significand = np.where(chosen, exact.significand, significand)
        exponent = np.where(chosen, exact.exponent, exponent)
        category = np.where(chosen, exact.category, category)
        top = np.where(chosen, place, top)
    return Exact(sign, significand, exponent, category), top


def _dot(a: np.ndarray, b: np.ndarray, word: int, bits: int) -> np.ndarray:
    """The sum of the products of all signed digits of two words."""
    total, sign = np.zeros(a.shape, np.int64), 1 << bits - 1
    for place in range(0, word, bits):
        x, y = ((_field(w, place, bits).astype(np.int64) ^ sign) - sign for w in (a, b))
        total += x * y
    return total
