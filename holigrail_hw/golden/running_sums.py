"""Running sums of products that keep more than one rounded sum, or less than an exact one.

Arrays run over time along axis 0; the other axes are independent lanes. A step without ``enable``
leaves everything as it is; one with ``clear`` starts a new sum, and without ``enable`` leaves zero.

- *steps*: the sum is rounded after every product;
- *window*: sum and product are aligned to the larger of them, and both are cut off below a window
  of bits before the addition (:func:`.windowed_sum`);
- *chunked*: products are added in chunks, then the sum of each chunk to the other chunks (Wang et
  al., "Training deep neural networks with 8-bit floating point numbers", 2018);
- *compensated*: what the last rounding lost is taken off the next product (Kahan, "Further remarks
  on reducing truncation errors", 1965).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holigrail_hw.formats import Exact, Format, Rounding

from .accumulation import spread, steps_between_clears
from .arithmetic import add, multiply, negate
from .dot_products import Coded, top_place, windowed_sum
from .rules import Projection, operate

__all__ = ["Addends", "chunked_sums", "compensated_sums", "rounded_sums", "windowed_sums"]

_State = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Addends:
    """What is added in each step: exact terms, or codes of a format that have been rounded.

    ``tops``: exponents of powers of two above the terms (:func:`.top_place`), for a window.
    """

    shape: tuple[int, ...]
    terms: tuple[Exact, ...] = ()
    tops: tuple[np.ndarray, ...] = ()
    rounded: Coded | None = None

    @classmethod
    def products(cls, a: Coded, b: Coded, product: Format | None, how: Projection) -> "Addends":
        """Products of two codes, rounded to ``product``, if there is one, as ``how`` says."""
        shape = np.broadcast_shapes(np.shape(a[1]), np.shape(b[1]))
        if product is not None:
            how = replace(how, result=product)
            codes = operate("multiply", (a[0], b[0]), (a[1], b[1]), how)
            if not product.has_binary_fractions:
                return cls(shape, rounded=(product, codes))
            exact = product.unpack(codes)
            return cls(shape, (exact,), (top_place(exact, product),), (product, codes))
        x, y = a[0].unpack(a[1]), b[0].unpack(b[1])
        return cls(shape, (multiply(x, y),), (top_place(x, a[0]) + top_place(y, b[0]),))

    def at(self, index: np.ndarray) -> "Addends":
        """Those of some steps, by their places in flat order."""
        return Addends(
            index.shape,
            tuple(term.ravel()[index] for term in self.terms),
            tuple(top.reshape(-1)[index] for top in self.tops),
            None if self.rounded is None else (self.rounded[0], self.rounded[1].ravel()[index]),
        )

    def plus(self, sums: np.ndarray, how: Projection, *, minus: bool = False) -> np.ndarray:
        """Codes of the addend plus, or minus, codes of the accumulator, rounded once."""
        if self.rounded is not None:
            (format, codes), operation = self.rounded, "subtract" if minus else "add"
            return operate(operation, (format, how.result), (codes, sums), how)
        (term,), other = self.terms, how.result.unpack(sums)
        return how(add(term, negate(other) if minus else other, how.rounding))

    def in_window(self, sums: np.ndarray, how: Projection, width: int) -> np.ndarray:
        """Codes of all addends plus codes of the accumulator, in a window of ``width`` bits."""
        other = how.result.unpack(sums)
        tops = (*self.tops, top_place(other, how.result))
        return how(windowed_sum((*self.terms, other), tops, width))


def rounded_sums(addends: Addends, clear: Any, enable: Any, projection: Projection) -> np.ndarray:
    """Sums that are rounded after every product: codes of the accumulator after each step."""
    start, zero = _neutral(projection), int(projection.result.encode(0))

    def step(index: np.ndarray, cleared: np.ndarray, old: np.ndarray) -> _State:
        how = _at(projection, index, addends.shape)
        return (addends.at(index).plus(np.where(cleared, start, old), how),)

    return _run(step, (zero,), clear, enable, addends.shape, projection)[0]


def windowed_sums(
    addends: Addends, clear: Any, enable: Any, projection: Projection, width: int
) -> np.ndarray:
    """Sums in a window of ``width`` bits: codes of the accumulator after each step."""
    zero = int(projection.result.encode(0))

    def step(index: np.ndarray, cleared: np.ndarray, old: np.ndarray) -> _State:
        how = _at(projection, index, addends.shape)
        return (addends.at(index).in_window(old, how, width),)

    return _run(step, (zero,), clear, enable, addends.shape, projection)[0]


def chunked_sums(
    addends: Addends,
    clear: Any,
    enable: Any,
    projection: Projection,
    chunk: int,
    window: int | None = None,
) -> np.ndarray:
    """Sums of finished chunks plus that of the present one: codes after each step.

    Both sums are rounded at every addition; a chunk ends after ``chunk`` steps. With a ``window``,
    in bits, the sum in a chunk is one of :func:`windowed_sums`, of any number of terms.
    """
    start, zero = _neutral(projection), int(projection.result.encode(0))
    both = (projection.result, projection.result)

    def step(
        index: np.ndarray,
        cleared: np.ndarray,
        result: np.ndarray,
        outer: np.ndarray,
        inner: np.ndarray,
        count: np.ndarray,
    ) -> _State:
        before = np.where(count == 0, start, inner)
        if window is None:
            inner = addends.at(index).plus(before, projection)
        else:
            inner = addends.at(index).in_window(before, projection, window)
        result = operate("add", both, (outer, inner), projection)
        count = (count + 1) % chunk
        return result, np.where(count == 0, result, outer), inner, count

    states = (zero, start, zero, 0)
    return _run(step, states, clear, enable, addends.shape, projection)[0]


def compensated_sums(
    addends: Addends, clear: Any, enable: Any, projection: Projection
) -> np.ndarray:
    """Kahan's sums, every operation of his rounded: codes of the accumulator after each step."""
    zero, both = int(projection.result.encode(0)), (projection.result, projection.result)

    def step(
        index: np.ndarray, cleared: np.ndarray, total: np.ndarray, excess: np.ndarray
    ) -> _State:
        addend = addends.at(index).plus(excess, projection, minus=True)
        larger = operate("add", both, (total, addend), projection)
        added = operate("subtract", both, (larger, total), projection)
        return larger, operate("subtract", both, (added, addend), projection)

    return _run(step, (zero, zero), clear, enable, addends.shape, projection)[0]


def _neutral(projection: Projection) -> int:
    """The code of the zero to which a product is added unchanged (IEEE 754-2019, 6.3)."""
    format = projection.result
    is_negative = format.has_negative_zero and projection.rounding is not Rounding.DOWN
    return int(format.encode(-0.0 if is_negative else 0))


def _at(projection: Projection, index: np.ndarray, shape: tuple[int, ...]) -> Projection:
    if projection.random is None:
        return projection
    return replace(projection, random=spread(projection.random, shape).reshape(-1)[index])


def _run(
    step: Callable[..., _State],
    start: tuple[int, ...],
    clear: Any,
    enable: Any,
    shape: tuple[int, ...],
    projection: Projection,
) -> _State:
    """States after each step; ``step(places in flat order, their clear, *states)``.

    ``start``: the states after a reset and after a clear.
    """
    cleared, enabled = (spread(given, shape).astype(bool) for given in (clear, enable))
    size = int(np.prod(shape))
    lanes = size // max(shape[0] if shape else 1, 1)
    dtype = np.uint64 if projection.result.width <= 64 else object
    states = tuple(np.full(size, value, dtype) for value in start)
    flags = cleared.reshape(-1)
    for index in (np.flatnonzero(flags), *steps_between_clears(cleared.reshape(shape), lanes)):
        starts = flags[index] | (index < lanes)
        before = tuple(
            np.where(starts, np.array(value, dtype), state[np.where(starts, 0, index - lanes)])
            for state, value in zip(states, start, strict=True)
        )
        going = enabled.reshape(-1)[index]
        for state, value in zip(states, before, strict=True):
            state[index] = value
        if going.any():
            after = step(index[going], flags[index][going], *(value[going] for value in before))
            for state, value in zip(states, after, strict=True):
                state[index[going]] = value
    return tuple(state.reshape(shape) for state in states)
