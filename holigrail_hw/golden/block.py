"""The product of two blocks: the exact sum of the products of their numbers.

A zero is +0. Where a product is rounded, or added to a number before it is rounded, that is the
multiplication and the fused multiply-add of blocks.
"""

from typing import Any

import numpy as np

from holigrail_hw.formats import Exact, Format
from holigrail_hw.formats.block.block import BlockFormat
from holigrail_hw.formats.block.codes import split

from .arithmetic import add, multiply
from .dot_products import exact_sum, top_place
from .rules import OPERATIONS, Projection

__all__ = ["block_product", "block_top"]


def block_product(a: BlockFormat, x: Any, b: BlockFormat, y: Any) -> Exact:
    """The sum of the products of the numbers of two blocks."""
    products = multiply(a.unpack(x), b.unpack(y))
    return exact_sum([products[..., index] for index in range(a.block_size)])


def block_top(a: BlockFormat, x: Any, b: BlockFormat, y: Any) -> np.ndarray:
    """Exponent of a power of two above the product of two blocks, which depends on scales only."""
    ends = [max(map(abs, block.element.integer_range)) for block in (a, b)]
    place = a.element.least_place + b.element.least_place
    top: Any = (a.block_size * ends[0] * ends[1]).bit_length() + place
    for block, codes in ((a, x), (b, y)):
        if block.scale is not None:
            number = block.scale.unpack(split(block, codes)[1])
            top = top + top_place(number, block.scale) - block.scale.is_power_of_two
    return np.broadcast_to(top, np.shape(x))


@OPERATIONS["multiply"].rule(BlockFormat, BlockFormat, Format)
def _multiply(
    formats: tuple[BlockFormat, BlockFormat], codes: tuple[Any, Any], projection: Projection
) -> np.ndarray:
    return projection(block_product(formats[0], codes[0], formats[1], codes[1]))


@OPERATIONS["fma"].rule(BlockFormat, BlockFormat, Format, Format)
def _multiply_add(
    formats: tuple[BlockFormat, BlockFormat, Format],
    codes: tuple[Any, Any, Any],
    projection: Projection,
) -> np.ndarray:
    product = block_product(formats[0], codes[0], formats[1], codes[1])
    return projection(add(product, formats[2].unpack(codes[2]), projection.rounding))
