"""What is known of a product before it is computed, so that steps may leave something out.

Every answer is proved for all numbers that the operands may hold, or for those they do hold; in
doubt nothing is left out.

No overflow
    Rounding to nearest makes a number at most 1 + 2^-(m+1) times as large, or, below the smallest
    normal number, larger by half of its last place. So no sum of K products exceeds
    (S + K * place) * (1 + 2^-m)^(K + chunks), S being the largest sum over k of max_i |a_ik| *
    |b_kj|, and with rounded products once more that factor.
No underflow
    If all products are multiples of the last place of the accumulator, so are all sums: what is
    below its smallest normal number is exact.
Float32 is enough
    If float32 holds every sum of a number of the accumulator and a product, nothing is rounded
    twice; :func:`holigrail_hw.golden.equals_via_float32` knows other cases in which a rounding to
    float32 before the other one changes nothing.
"""

from dataclasses import dataclass

import numpy as np

from holigrail_hw import golden
from holigrail_hw.formats import FloatFormat, Format
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from .operands import Reach, growth, reach, significant_bits
from .shape import GemmShape

__all__ = ["FLOAT32", "Products", "largest_sum", "loses_nothing_in_float32", "never_overflows"]

FLOAT32 = Reach(-149, 128)
_BITS = 24


@dataclass(frozen=True)
class Products:
    """Of exact products: where they lie, and how many bits they have at most."""

    reach: Reach
    bits: int

    @classmethod
    def of(cls, a: Format, b: Format) -> "Products":
        """Of all products of finite numbers of two formats."""
        return cls(reach(a) * reach(b), significant_bits(a) + significant_bits(b))

    @property
    def are_float32(self) -> bool:
        """Whether float32 holds all of them."""
        return self.bits <= _BITS and self.reach.fits(FLOAT32)


def loses_nothing_in_float32(shape: GemmShape, products: Products) -> bool:
    """Whether sums may be rounded to float32 before they are rounded to the accumulator."""
    added = products.reach if shape.product is None else reach(shape.product)
    both = added | reach(shape.accumulator)
    if both.bits + 1 <= _BITS and both.fits(FLOAT32):
        return True
    given = (shape.a, shape.b, shape.accumulator)
    plain = all(isinstance(f, FloatFormat) for f in (*given, shape.product or shape.a))
    return plain and golden.equals_via_float32(  # type: ignore[arg-type]
        *given, shape.product, chunked=shape.chunk is not None
    )


def largest_sum(a: np.ndarray, b: np.ndarray) -> float:
    """At least the largest sum over k of max_i |a_ik| * |b_kj|; finite numbers."""
    if not a.size or not b.size:
        return 0.0
    columns = np.abs(a).max(axis=0).astype(np.float64)
    total = columns @ np.abs(b).astype(np.float64)
    return float(total.max()) * (1 + 2.0**-30)


def never_overflows(shape: GemmShape, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether no product and no sum of these finite numbers goes beyond the largest one.

    To nearest, of floats.
    """
    depth = len(b)
    if depth > 1 << 22:
        return False
    total = largest_sum(a, b)
    rounded = [shape.accumulator] if shape.product is None else [shape.product, shape.accumulator]
    for format in rounded:
        assert isinstance(format, BinaryFloat)
        place, unit = 2.0**format.least_place, 2.0**-format.fraction_width
        steps = depth + (0 if shape.chunk is None else -(-depth // shape.chunk)) + 1
        once = format is not rounded[-1]
        total = (total + steps * place) * growth(1 if once else steps, unit)
        if not total < float(format.number_range[1]):
            return False
    return True
