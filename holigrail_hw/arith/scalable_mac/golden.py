"""Sums of products in the precision of a mode, in integers, from where operands and sums lie."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .packing import Packing

__all__ = ["serial_sums", "sums_by_mode"]

_MOST = 62


def sums_by_mode(
    packings: Sequence[Packing],
    signs: tuple[bool, bool],
    width: int,
    codes: Mapping[str, Any],
    *,
    from_zero: bool,
) -> np.ndarray:
    """The word of sums after every item along axis 0; further axes are independent.

    Bits of the word that belong to no sum of an item's mode stay as they are, unless it clears.
    """
    activation, weight = (np.asarray(codes[name]) for name in ("activation", "weight"))
    clear = np.asarray(codes["clear"]) == 1
    mode = np.minimum(np.asarray(codes.get("mode", clear * 0)).astype(np.int64), len(packings) - 1)
    dtype = np.int64 if width <= _MOST else object
    added = [_products(p, signs, activation, weight, dtype) for p in packings]
    word = np.zeros(clear.shape[1:], dtype)
    found = np.zeros(clear.shape, dtype)
    for t in range(len(clear)):
        word = np.where(clear[t], 0, word).astype(dtype)
        after = word
        for index in np.unique(mode[t]):
            here = _added(packings[index], word, [one[t] for one in added[index]], dtype)
            after = np.where(mode[t] == index, here, after).astype(dtype)
        word = np.where(clear[t], 0, after).astype(dtype) if from_zero else after
        found[t] = word
    return found.astype(np.uint64 if width <= 64 else object)


def serial_sums(
    codes: Mapping[str, Any],
    sizes: tuple[int, int],
    signs: tuple[Any, Any],
    lanes: int,
    width: int,
    *,
    from_zero: bool,
) -> np.ndarray:
    """A sum that advances by a digit of weights or adds products of digits, item by item.

    ``signs`` says for both operands whether the highest bit of a digit is negative, by item.
    """
    clear, advance = (np.asarray(codes[name]) == 1 for name in ("clear", "advance"))
    digits = []
    for name, size, sign in zip(("activation", "weight"), sizes, signs, strict=True):
        word = np.asarray(codes[name]).astype(object)
        bits = [(word >> k * size) & ((1 << size) - 1) for k in range(lanes)]
        digits.append([b - (((b >> (size - 1)) & 1) << size) * sign for b in bits])
    products: Any = sum(a * w for a, w in zip(*digits, strict=True))
    total = np.zeros(clear.shape[1:], object)
    found = np.zeros(clear.shape, object)
    for t in range(len(clear)):
        total = np.where(clear[t], 0, np.where(advance[t], total << sizes[1], total))
        if from_zero:
            total = total + np.where(clear[t], 0, products[t])
        else:
            total = total + products[t]
        total = total & ((1 << width) - 1)
        found[t] = total
    return found.astype(np.uint64 if width <= 64 else object)


def _products(
    found: Packing, signs: tuple[bool, bool], activation: Any, weight: Any, dtype: Any
) -> list[Any]:
    """What an item adds to every sum of a mode."""
    left = [_gathered(activation, bits, signs[0], dtype) for bits in found.activations]
    right = [_gathered(weight, bits, signs[1], dtype) for bits in found.weights]
    return [sum(left[i] * right[j] for i, j in pairs) << found.shift for pairs in found.products]


def _added(found: Packing, word: Any, added: list[Any], dtype: Any) -> Any:
    for bits, addend in zip(found.sums, added, strict=True):
        total = _gathered(word, bits, False, dtype) + addend
        mask = sum(1 << bit for bit in bits)
        word = (word & ~mask) | _scattered(total, bits)
    return word


def _gathered(word: Any, bits: tuple[int, ...], signed: bool, dtype: Any) -> Any:
    """The integer whose bits, lowest first, are those of a word."""
    value: Any = np.zeros(np.shape(word), dtype)
    for low, place, count in _runs(bits):
        value = value | ((_integers(word, dtype) >> place) & ((1 << count) - 1)) << low
    return value - ((value >> (len(bits) - 1)) << len(bits)) if signed else value


def _scattered(value: Any, bits: tuple[int, ...]) -> Any:
    return sum(((value >> low) & ((1 << count) - 1)) << place for low, place, count in _runs(bits))


def _runs(bits: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Runs of neighbours: index of the first, its place in the word, how many."""
    starts = [i for i, bit in enumerate(bits) if i == 0 or bits[i - 1] + 1 != bit]
    return [(i, bits[i], j - i) for i, j in zip(starts, [*starts[1:], len(bits)], strict=True)]


def _integers(word: Any, dtype: Any) -> Any:
    """Codes as integers of the type that the sums are kept in."""
    found = np.asarray(word)
    # Words of operands may be wider than the sums: they are cut into parts as Python integers.
    return found.astype(dtype) if found.dtype != object else found
