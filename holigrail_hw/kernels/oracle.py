"""The same products by the golden models: slow, exact, and what every kernel must equal."""

from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.formats import Exact, Rounding
from holigrail_hw.golden.accumulation import accumulate, exact_sums
from holigrail_hw.golden.rules import Projection
from holigrail_hw.golden.running_sums import Addends, chunked_sums, windowed_sums

from .random_words import RandomWords
from .shape import GemmShape

__all__ = ["golden_codes"]


def golden_codes(
    shape: GemmShape,
    a: np.ndarray,
    b: np.ndarray,
    random: RandomWords | None = None,
    initial: np.ndarray | None = None,
) -> np.ndarray:
    """Codes of the product of two matrices of codes, M x N, by :mod:`holigrail_hw.golden`.

    ``initial``: codes of what sums begin with, one for each column.
    """
    depth, sums = len(b), shape.accumulator
    if not depth or not len(a) or not b.shape[1]:
        dtype = np.uint64 if sums.width <= 64 else object
        begin = int(sums.encode(0)) if initial is None else initial
        return np.full((len(a), b.shape[1]), begin, dtype)
    x, y = shape.a.unpack(a.T[:, :, None]), shape.b.unpack(b[:, None, :])
    if shape.accumulation == "exact":
        return _exact(shape, x, y, random, initial)
    if shape.accumulation == "window":
        return _window(shape, a, b, random)
    plain = random is None and shape.start == "zero"
    if plain:
        return golden.gemm(
            shape.a.unpack(a),
            shape.b.unpack(b),
            sums,
            product=shape.product,
            chunk=shape.chunk,
            rounding=shape.rounding,
            overflow=shape.overflow,
            mode=shape.via,
            initial=initial,
        )
    if shape.chunk is not None:
        return _chunks(shape, a, b)
    words = _words(shape, len(a), depth, b.shape[1], random)
    return accumulate(
        *_spread(x, y),
        sums,
        product=shape.product,
        rounding=shape.rounding,
        overflow=shape.overflow,
        clear=(np.arange(depth) == 0) & (shape.start == "product"),
        random=words[0] if words else None,
        product_random=words[1] if len(words) > 1 else None,
        random_width=shape.random_width if words else 0,
        initial=int(sums.encode(0)) if initial is None else initial,
    )[-1]


def _exact(
    shape: GemmShape, x: Exact, y: Exact, random: RandomWords | None, initial: np.ndarray | None
) -> np.ndarray:
    total = exact_sums(*_spread(x, y))
    last = Exact(total.sign[-1], total.significand[-1], total.exponent[-1], total.category[-1])
    if initial is not None:
        last = golden.add(last, shape.accumulator.unpack(initial).broadcast_to(last.shape))
    depth, rows, columns = total.shape
    words = _words(shape, rows, depth, columns, random)
    return shape.accumulator.project(
        last,
        shape.rounding,
        words[0][-1] if words else None,
        shape.random_width if words else 0,
        shape.accumulator.overflow_of(shape.overflow),
    )


def _window(
    shape: GemmShape, a: np.ndarray, b: np.ndarray, random: RandomWords | None
) -> np.ndarray:
    words = _words(shape, len(a), len(b), b.shape[1], random)
    given = Projection(
        shape.accumulator,
        shape.rounding,
        words[0] if words else None,
        shape.random_width if words else 0,
        shape.overflow,
    )
    return windowed_sums(_products(shape, a, b), False, True, given, shape.window)[-1]


def _chunks(shape: GemmShape, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    given = Projection(shape.accumulator, shape.rounding, overflow=shape.overflow)
    starts, going = np.arange(len(b)) == 0, np.ones(len(b), bool)
    assert shape.chunk is not None
    return chunked_sums(_products(shape, a, b), starts, going, given, shape.chunk)[-1]


def _products(shape: GemmShape, a: np.ndarray, b: np.ndarray) -> Addends:
    size = (len(b), len(a), b.shape[1])
    left, right = (
        (shape.a, np.ascontiguousarray(np.broadcast_to(a.T[:, :, None], size))),
        (shape.b, np.ascontiguousarray(np.broadcast_to(b[:, None, :], size))),
    )
    how = Projection(shape.accumulator, Rounding(shape.rounding))
    return Addends.products(left, right, shape.product, how)


def _words(
    shape: GemmShape, rows: int, depth: int, columns: int, random: RandomWords | None
) -> tuple[np.ndarray, ...]:
    if random is None or not shape.streams:
        return ()
    return random.words(range(rows), depth, columns, shape.random_width, shape.streams)


def _spread(x: Exact, y: Exact) -> tuple[Any, Any]:
    size = np.broadcast_shapes(x.shape, y.shape)
    return x.broadcast_to(size), y.broadcast_to(size)
