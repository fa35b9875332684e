"""Multiply-accumulate over time: rounded after every step, or exactly.

Arrays run over time along axis 0; the other axes are independent lanes. In every time step

======  =====  ==================================================
enable  clear  accumulator becomes
======  =====  ==================================================
0       0      unchanged
0       1      zero
1       0      accumulator + x * y
1       1      x * y alone, rounded (a product of -0 stays -0)
======  =====  ==================================================

A clear makes all that follows independent of the past, so the steps of different sums between
clears are computed side by side.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from holigrail_hw.formats import (
    FINITE,
    INFINITE,
    NAN,
    Exact,
    Format,
    FormatError,
    Rounding,
    parse,
)
from holigrail_hw.formats.integers import INT64_BITS, largest_bits, widen

from .arithmetic import add, multiply

__all__ = ["accumulate", "exact_sums"]


def accumulate(
    x: Exact,
    y: Exact,
    accumulator: Format | str,
    *,
    product: Format | str | None = None,
    rounding: str = Rounding.NEAREST_EVEN,
    overflow: str | None = None,
    clear: Any = False,
    enable: Any = True,
    initial: Any = 0,
    random: Any = None,
    product_random: Any = None,
    random_width: int = 0,
    prepare: Callable[[Exact, Format], Exact] | None = None,
) -> np.ndarray:
    """Codes of the accumulator after each time step.

    Formats may be given by their names. FormatError for what is no format, mode or overflow.
    ``product``: None for one rounding of accumulator + x * y (*fused*); else the format to which
    the product is rounded first (*cascade*), in the same mode, with ``product_random``.
    ``overflow`` is that of the accumulator. ``clear`` and ``enable``: bool per time step, or per
    time step and lane. ``initial``: the accumulator's code before the first step, or one per lane.
    ``prepare``: what every exact product or sum passes before it is rounded to a format.

    >>> from holigrail_hw.formats import parse
    >>> int8 = parse("int8")
    >>> x = int8.unpack([100, 100, 100])
    >>> accumulate(x, x, parse("int16"), clear=[1, 0, 0])
    array([10000, 20000, 30000], dtype=uint64)
    """
    accumulator, rounding = parse(accumulator), Rounding(rounding)
    product = None if product is None else parse(product)
    zero = int(accumulator.encode(0))
    if accumulator.unpack(zero).significand != 0:
        raise FormatError(f"{accumulator}: accumulator must hold zero, but has no code for it")
    products = multiply(x, y)
    shape = products.shape
    if product is not None:
        words = None if product_random is None else spread(product_random, shape)
        exact = products if prepare is None else prepare(products, product)
        products = product.unpack(product.project(exact, rounding, words, random_width))
    cleared, enabled = spread(clear, shape).astype(bool), spread(enable, shape).astype(bool)
    if overflow == "wrap" and accumulator.codes_are_integers and prepare is None:
        is_whole = (products.significand == 0) | (products.exponent >= accumulator.least_place)
        if bool(np.all(products.is_finite & is_whole)):
            terms = accumulator.project(products, overflow="wrap")
            return _running_sums(terms, cleared, enabled, initial) & terms.dtype.type(
                (1 << accumulator.width) - 1
            )
    words = None if random is None else spread(random, shape).reshape(-1)
    options = {"random_width": random_width, "overflow": overflow}

    def rounded(numbers: Exact, index: np.ndarray) -> np.ndarray:
        chosen = None if words is None else words[index]
        numbers = numbers if prepare is None else prepare(numbers, accumulator)
        return accumulator.project(numbers, rounding, chosen, **options)

    lanes = products.sign.size // max(shape[0], 1)
    begin = np.broadcast_to(
        np.asarray(initial, np.uint64 if accumulator.width <= 64 else object), shape[1:]
    ).reshape(-1)
    products, cleared, enabled = products.ravel(), cleared.reshape(-1), enabled.reshape(-1)
    result = np.full(products.shape, zero, np.uint64 if accumulator.width <= 64 else object)
    alone = np.flatnonzero(cleared & enabled)
    result[alone] = rounded(products[alone], alone)
    for index in steps_between_clears(cleared, lanes):
        is_first = index < lanes
        before = np.where(
            is_first, begin[index % lanes], result[np.where(is_first, 0, index - lanes)]
        )
        result[index] = before
        going = enabled[index]
        index, before = index[going], before[going]
        total = add(accumulator.unpack(before), products[index], rounding)
        result[index] = rounded(total, index)
    return result.reshape(shape)


def exact_sums(
    x: Exact,
    y: Exact,
    *,
    clear: Any = False,
    enable: Any = True,
    accumulator: Format | str | None = None,
) -> Exact:
    """Sum of the products so far after each time step, without rounding.

    ``accumulator``: a fixed-point register in which the sums wrap; its last place must reach
    down to that of every product. None for a register without end.
    A NaN, or infinities of both signs, make the sum NaN until the next clear; else an infinity
    stays. A sum of zero is +0. Project the sums onto a format to read them out rounded.
    """
    register = None if accumulator is None else parse(accumulator)
    if register is not None and not register.codes_are_integers:
        raise FormatError(f"accumulator of exact sums must be fixed point, not {register}")
    products = multiply(x, y)
    cleared = spread(clear, products.shape).astype(bool)
    enabled = spread(enable, products.shape).astype(bool)

    def sums(terms: np.ndarray) -> np.ndarray:
        return _running_sums(terms, cleared, enabled, 0)

    is_number = products.significand != 0
    used = products.exponent[is_number]
    lowest = int(used.min()) if used.size else 0
    if register is not None:
        if lowest < register.least_place and used.size:
            raise FormatError(
                f"{register}: fraction width must be at least {-lowest} to hold every product "
                f"exactly, not {-register.least_place}"
            )
        lowest = register.least_place
    shift = np.where(is_number, products.exponent - lowest, 0)
    bits = largest_bits(products.significand) + int(shift.max(initial=0))
    bits += len(products).bit_length()
    significand: Any = products.significand
    if bits > INT64_BITS:
        significand = widen(significand)
    total: Any = sums(np.where(products.sign, -significand, significand) << shift)
    if register is not None:
        half = 1 << (register.width - 1) if register.signed else 0
        total = (widen(total) + half) % (1 << register.width) - half
    has_plus = sums((products.is_infinite & ~products.sign).astype(np.int64)) > 0
    has_minus = sums((products.is_infinite & products.sign).astype(np.int64)) > 0
    is_nan = (sums(products.is_nan.astype(np.int64)) > 0) | (has_plus & has_minus)
    is_infinite = has_plus | has_minus
    category = np.where(is_nan, NAN, np.where(is_infinite, INFINITE, FINITE))
    return Exact(
        np.where(is_infinite, has_minus, total < 0).astype(bool),
        abs(total) * (category == FINITE),
        np.full(products.shape, lowest, np.int64),
        category.astype(np.uint8),
    )


def spread(given: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array of the full shape; one value per time step serves all lanes."""
    array = np.asarray(given)
    if array.ndim:
        array = array.reshape(array.shape + (1,) * (len(shape) - array.ndim))
    return np.broadcast_to(array, shape)


def _running_sums(
    terms: np.ndarray, cleared: np.ndarray, enabled: np.ndarray, initial: Any
) -> np.ndarray:
    """Sums of the enabled terms since the last clear; uint64 wraps."""
    total = np.add.accumulate(terms * enabled.astype(terms.dtype), axis=0)
    before = np.concatenate([np.zeros_like(total[:1]), total[:-1]])
    time = np.arange(len(terms)).reshape((-1,) + (1,) * (terms.ndim - 1))
    last_clear = np.maximum.accumulate(np.where(cleared, time, -1), axis=0)
    base = np.take_along_axis(before, np.maximum(last_clear, 0), axis=0)
    start = np.where(last_clear < 0, initial, 0).astype(terms.dtype)
    return total - base + start


def steps_between_clears(cleared: np.ndarray, lanes: int) -> list[np.ndarray]:
    """Flat indices without clear, grouped by the number of steps since the last clear.

    The groups come in that order; each needs only results of the group before.
    """
    time = np.arange(cleared.size).reshape(-1, max(lanes, 1)) // max(lanes, 1)
    last_clear = np.maximum.accumulate(np.where(cleared.reshape(time.shape), time, -1), axis=0)
    age = (time - last_clear).reshape(-1)
    order = np.argsort(age, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(age[order])) + 1)
    return [group for group in groups if group.size and age[group[0]] > 0]
