"""Blocks inside datapaths: taken apart, put together, multiplied.

The product of two blocks is the sum of the products of their numbers. The products of the elements
are multiples of one small unit: they are added as integers, exactly, and the scales join after
that, once for the whole block.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from amaranth import Cat, Const, Value

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import FixedFormat, Format, Rounding
from holigrail_hw.formats.block.block import BlockFormat

from ..integer.dot_product import dot_product
from ..plan.plan import Plan, Wire
from ..shapes import shape_of
from .digit_places import any_of
from .float_multiply import multiply_unpacked
from .float_sum import Need, aligned_sum, zero_of
from .project import project
from .sum_of_many import Addend, digits_of, exact_sum_of
from .unpack import unpack, unpack_integer
from .unpacked import Span, Unpacked, range_shape

__all__ = [
    "block_product",
    "block_step",
    "elements_of",
    "is_constant_one",
    "joined",
    "positive_zero",
    "scale_of",
    "scaled",
    "sum_register",
]


def elements_of(plan: Plan, format: BlockFormat, block: Wire, name: str) -> list[Wire]:
    """Codes of the elements."""
    shape, width = shape_of(format.element), format.element.width

    def element(place: int) -> Wire:
        return plan.step(
            f"{name}_{place}",
            shape,
            lambda b: _as(shape, Value.cast(b)[place * width : (place + 1) * width]),
            block,
        )

    return [element(place) for place in range(format.block_size)]


def scale_of(plan: Plan, format: BlockFormat, block: Wire, name: str) -> Unpacked | None:
    """The scale taken apart, None if there is none. What is not finite is NaN."""
    if format.scale is None:
        return None
    shape, place = shape_of(format.scale), format.scale_place
    code = plan.step(name, shape, lambda b: _as(shape, Value.cast(b)[place:]), block)
    number = unpack(plan, format.scale, code, name)
    return replace(number, nan=number.special)


def joined(
    plan: Plan, format: BlockFormat, elements: Sequence[Wire], scale: Wire | None, name: str
) -> Wire:
    """The code of a block."""
    parts = [*elements] + ([] if scale is None else [scale])
    return plan.step(name, format.width, lambda *p: Cat(*map(Value.cast, p)), *parts)


def sum_register(a: BlockFormat, b: BlockFormat) -> FixedFormat:
    """Fixed point that holds the sum of products of the elements, before they are scaled."""
    place = a.element.least_place + b.element.least_place
    most = a.block_size * _largest(a) * _largest(b)
    return FixedFormat(most.bit_length() + 1, signed=True, fraction_width=-place)


def block_product(
    plan: Plan, a_format: BlockFormat, a: Wire, b_format: BlockFormat, b: Wire, structure: str
) -> Addend:
    """The exact sum of the products of the numbers of two blocks of one size.

    Its exponent, and the power of two above it, are those of the scales; a sum that is zero has the
    sign of their product. ``structure`` is that of the multipliers of the elements.
    """
    x, y = elements_of(plan, a_format, a, "a"), elements_of(plan, b_format, b, "b")
    left, right, pairs = a_format.element, b_format.element, list(zip(x, y, strict=True))
    if left.is_fixed_like and right.is_fixed_like:
        total = dot_product(plan, pairs, left, right, structure)
        number = unpack_integer(plan, total, -left.least_place - right.least_place, "sum")
    else:
        products = [
            multiply_unpacked(
                plan, unpack(plan, left, p, "x"), unpack(plan, right, q, "y"), structure
            )
            for p, q in pairs
        ]
        number = exact_sum_of(plan, products, sum_register(a_format, b_format))
    digits = (a_format.block_size * _largest(a_format) * _largest(b_format)).bit_length()
    for format, block, name in ((a_format, a, "a_scale"), (b_format, b, "b_scale")):
        scale = scale_of(plan, format, block, name)
        if scale is not None and format.scale is not None:
            number = scaled(plan, number, scale)
            digits += digits_of(format.scale, scale) - format.scale.is_power_of_two
    return Addend(number, digits)


def scaled(plan: Plan, number: Unpacked, scale: Unpacked | None) -> Unpacked:
    """The number times a scale; one that is a power of two is added to the exponent."""
    if scale is None:
        return number
    if not is_constant_one(scale):
        return multiply_unpacked(plan, number, scale)
    low, high = number.exponent_low + scale.exponent_low, number.exponent_high + scale.exponent_high
    shape = range_shape(low, high)
    exponent = scale.exponent
    if (number.exponent_low, number.exponent_high) != (0, 0):
        exponent = plan.step(
            "scaled_exponent",
            shape,
            lambda x, y: x + y,
            *(number.exponent, scale.exponent),
            using=Adder(shape.width),
            wrap=True,
        )
    first, last = scale.spans[0].exponent_low, scale.spans[-1].exponent_high
    zero_high = number.zero_high
    return replace(
        number,
        exponent=exponent,
        scale=number.scale + scale.scale,
        exponent_low=low,
        exponent_high=high,
        spans=tuple(
            Span(s.exponent_low + first, s.exponent_high + last, s.leading_low, s.leading_high)
            for s in number.spans
        ),
        zero_high=None if zero_high is None else zero_high + scale.exponent_high,
        nan=any_of(plan, "scaled_nan", number.nan, scale.nan),
        special=any_of(plan, "scaled_special", number.special, scale.special),
    )


def is_constant_one(number: Unpacked) -> bool:
    """Whether it is known that the significand is 1."""
    value = number.significand.value
    return isinstance(value, Const) and value.value == 1 and number.width == 1


def positive_zero(plan: Plan, product: Unpacked) -> Unpacked:
    """The number with +0 for -0, and a wire that says which are zero."""
    zero = zero_of(plan, product)
    sign = plan.step("dot_sign", 1, lambda s, z: s & ~z, product.sign, zero, using=Logic())
    return replace(product, zero=zero, sign=sign)


def block_step(
    plan: Plan,
    formats: Sequence[Any],
    codes: Sequence[Wire],
    result: Format,
    *,
    structure: str,
    rounding: Rounding,
    overflow: str,
) -> Wire:
    """The product of two blocks, plus a number if there is a third operand, rounded once."""
    product = block_product(plan, formats[0], codes[0], formats[1], codes[1], structure).number
    product = positive_zero(plan, product)
    if len(formats) > 2:
        addend = unpack(plan, formats[2], codes[2], "total")
        need = Need.of(result, rounding, None, wraps=overflow == "wrap")
        product = aligned_sum(plan, product, addend, need, rounding)
    return project(plan, result, product, rounding=rounding, overflow=overflow)


def _largest(format: BlockFormat) -> int:
    return max(map(abs, format.element.integer_range))


def _as(shape: object, bits: Value):
    """Bits as a value of a shape."""
    return bits.as_signed() if getattr(shape, "signed", False) else bits
