"""What is known of a product before it is computed, so that steps may leave something out.

Every answer is proved for all numbers that the operands may hold, or for those they do hold; in
doubt nothing is left out.

No overflow
    Rounding makes a number at most 1 + 2^-m times as large, or, below the smallest normal number,
    larger by its last place. So no sum of K products exceeds
    (S + K * place) * (1 + 2^-m)^(K + chunks), S being the largest sum over k of max_i |a_ik| *
    |b_kj| and of what sums begin with, and with rounded products once more that factor.
No underflow
    If all products are multiples of the last place of the accumulator, so are all sums: what is
    below its smallest normal number is exact.
Float32 is enough
    If float32 holds every sum of a number of the accumulator and a product, nothing is rounded
    twice; :func:`holigrail_hw.golden.equals_via_float32` knows other cases in which a rounding to
    float32 before the other one changes nothing.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.formats import FloatFormat, Format, Rounding
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from .operands import Reach, growth, largest, measured, reach, significant_bits
from .shape import GemmShape

__all__ = [
    "FLOAT32",
    "Products",
    "are_finite",
    "bounds",
    "bounds_of_total",
    "can_be_moved",
    "has_exact_thresholds",
    "has_near_rests",
    "knows_rest",
    "largest_sum",
    "loses_nothing_in_float32",
    "never_overflows",
    "products_of",
    "sums_are_float32",
    "tops_of",
]

FLOAT32 = Reach(-149, 128)
_BITS = 24
Tops = tuple[float, float]


@dataclass(frozen=True)
class Products:
    """Of exact products: where they lie, and how many bits they have at most."""

    reach: Reach
    bits: int

    @classmethod
    @functools.cache
    def of(cls, a: Format, b: Format) -> "Products":
        """Of all products of finite numbers of two formats."""
        return cls(reach(a) * reach(b), significant_bits(a) + significant_bits(b))

    @property
    def are_float32(self) -> bool:
        """Whether float32 holds all of them."""
        return self.bits <= _BITS and self.reach.fits(FLOAT32)


def tops_of(x: np.ndarray, y: np.ndarray) -> Tops:
    """The largest magnitudes of both factors; NaN if any number is."""
    first, second = (float(_largest(v)) if v.size else 0.0 for v in (x, y))
    return first, second


def _largest(numbers: np.ndarray) -> Any:
    """The largest magnitude of some numbers, without an array of magnitudes."""
    return np.maximum(numbers.max(), -numbers.min())


def are_finite(shape: GemmShape, tops: Tops, initial: np.ndarray | None = None) -> bool:
    """Whether no factor, and nothing that sums begin with, is infinite or NaN."""
    if initial is not None and not np.isfinite(initial).all():
        return False
    return all(
        not _has_other(format) or math.isfinite(top)
        for format, top in zip((shape.a, shape.b), tops, strict=True)
    )


@functools.cache
def _has_other(format: Format) -> bool:
    """Whether a format has infinities or NaN."""
    return format.has_infinity or format.has_nan


def products_of(shape: GemmShape, x: np.ndarray, y: np.ndarray) -> Products:
    """What is known of all products; of those of these numbers if that is not enough."""
    found = Products.of(shape.a, shape.b)
    if found.are_float32:
        return found
    left, right = measured(x), measured(y)
    if left is None or right is None:
        return Products(Reach(0, 0), 0)
    both = left * right
    return Products(both, min(found.bits, both.bits))


def sums_are_float32(shape: GemmShape, products: Products) -> bool:
    """Whether float32 holds every sum of a number of the accumulator and a product."""
    added = products.reach if shape.product is None else reach(shape.product)
    both = added | reach(shape.accumulator)
    return both.bits + 1 <= _BITS and both.fits(FLOAT32)


@functools.lru_cache(maxsize=1024)
def loses_nothing_in_float32(shape: GemmShape, products: Products) -> bool:
    """Whether sums may be rounded to float32 before they are rounded, to nearest even."""
    if sums_are_float32(shape, products):
        return True
    a, b, sums, product = shape.a, shape.b, shape.accumulator, shape.product
    if not isinstance(a, FloatFormat) or not isinstance(b, FloatFormat):
        return False
    if not isinstance(sums, FloatFormat) or not isinstance(product, FloatFormat | None):
        return False
    return golden.equals_via_float32(a, b, sums, product, chunked=shape.chunk is not None)


def has_exact_thresholds(shape: GemmShape) -> bool:
    """Whether float32 holds 1 - (word + 1/2) / 2^width, also times the last place."""
    places = [f.least_place for f in (shape.product, shape.accumulator) if f is not None]
    fine = shape.random_width + 1
    return fine <= 24 and min(places) - fine >= FLOAT32.low


def has_near_rests(shape: GemmShape, products: Products) -> bool:
    """Whether what is cut off is zero or at least 2^-60 of a last place, which float32 holds."""
    low = products.reach.low
    for format in (shape.product, shape.accumulator):
        if format is not None:
            if format.least_place < -85 or low - 23 < format.least_place - 60:
                return False
            low = reach(format).low if format is shape.product else low
    return True


def knows_rest(shape: GemmShape, products: Products) -> bool:
    """Whether float32 rounds right although it does not hold every sum."""
    formats = [f for f in (shape.product, shape.accumulator) if isinstance(f, BinaryFloat)]
    if not shape.rounding.is_stochastic:
        return max(f.fraction_width for f in formats) <= 21
    added = products.reach if shape.product is None else reach(shape.product)
    both = added | reach(shape.accumulator)
    return (
        shape.rounding is not Rounding.STOCHASTIC_C
        and shape.random_width <= 20
        and max(f.fraction_width for f in formats) <= 20
        and both.bits + 1 <= 46
        and added.low >= shape.accumulator.least_place - 20
    )


def largest_sum(a: np.ndarray, b: np.ndarray, initial: np.ndarray | None = None) -> float:
    """At least the largest sum of |initial_j| and, over k, max_i |a_ik| * |b_kj|; all finite."""
    begin = 0.0 if initial is None else float(np.abs(initial).max(initial=0))
    if not a.size or not b.size:
        return begin
    columns = np.abs(a).max(axis=0).astype(np.float64)
    total = columns @ np.abs(b).astype(np.float64)
    return (float(total.max()) + begin) * (1 + 2.0**-30)


def bounds(
    shape: GemmShape,
    a: np.ndarray,
    b: np.ndarray,
    tops: Tops,
    initial: np.ndarray | None = None,
) -> list[tuple[BinaryFloat, float]]:
    """For each float that results are rounded to, what no such number exceeds, rounded or not.

    In any rounding mode, which makes a number larger by one last place at most. Finite numbers;
    infinite if there is no bound. A rough bound is given where that is enough to leave out what
    :func:`never_overflows` and :func:`can_be_moved` ask.
    """
    begin = 0.0 if initial is None else float(np.abs(initial).max(initial=0))
    found = bounds_of_total(shape, len(b), (len(b) * tops[0] * tops[1] + begin) * (1 + 2.0**-30))
    if never_overflows(found) and can_be_moved(found, tops):
        return found
    return bounds_of_total(shape, len(b), largest_sum(a, b, initial))


def bounds_of_total(shape: GemmShape, depth: int, total: float) -> list[tuple[BinaryFloat, float]]:
    """:func:`bounds` of what no sum of magnitudes of exact products exceeds."""
    steps = depth + (0 if shape.chunk is None else -(-depth // shape.chunk)) + 1
    found = []
    for format in (shape.product, shape.accumulator):
        if format is None:
            continue
        assert isinstance(format, BinaryFloat)
        place, unit = 2.0**format.least_place, 2.0**-format.fraction_width
        each = 1 if format is shape.product else steps
        total = (total + steps * place) * growth(each, unit)
        found.append((format, total))
    return found


def never_overflows(found: list[tuple[BinaryFloat, float]]) -> bool:
    """Whether no number goes beyond the largest one of its format."""
    return all(bound < largest(format) for format, bound in found)


def can_be_moved(found: list[tuple[BinaryFloat, float]], tops: Tops) -> bool:
    """Whether float32 holds the constant that rounds any number before it is judged.

    That is 1.5 * 2^(e + 23 - m) for a number of exponent e. Where nothing is known of sums, they
    are a number of the accumulator and a product.
    """
    product = tops[0] * tops[1]
    for format, bound in found:
        top = largest(format)
        most = bound if bound < top else 2 * top + product
        if any(most >= 2.0 ** (104 + other.fraction_width) for other, _ in found):
            return False
    return True
