"""Binary and ternary numbers: tiny integers whose product with anything is a conditional negation.

The code of a binary number is 1 for +1; that of a ternary one has its sign above its magnitude.
"""

from dataclasses import replace
from typing import Any

from amaranth import Cat, Mux, Shape, Value, signed

from holigrail_hw.estimate.primitives import Logic, Negation
from holigrail_hw.formats import BinaryFormat, Format, Rounding, TernaryFormat

from ..integer.bit_heap import Bit
from ..integer.dot_product import PARTIAL, SIGNS, Partial
from ..integer.negated import negated_where
from ..plan.plan import Plan, Wire
from .canonical import CANONICAL
from .fixed import CODE, INTEGER, PRODUCT, fixed_operand, product_range
from .float_sum import NEED, UNBOUNDED, Need
from .project import PROJECT, PROJECT_INTEGER
from .unpack import UNPACK
from .unpacked import Span, Unpacked, constant_exponent, range_shape

__all__: list[str] = []


@INTEGER.rule(BinaryFormat)
def _binary_integer(plan: Plan, name: str, wire: Wire, format: BinaryFormat) -> Wire:
    return plan.step(name, signed(2), lambda v: Cat(1, ~v).as_signed(), wire, using=Logic(0, 0))


@INTEGER.rule(TernaryFormat)
def _ternary_integer(plan: Plan, name: str, wire: Wire, format: TernaryFormat) -> Wire:
    return plan.step(
        name, signed(2), lambda v: Cat(v[0], v[0] & v[1]).as_signed(), wire, using=Logic(1, 1)
    )


@CODE.rule(TernaryFormat)
def _ternary_code(plan: Plan, value: Wire, format: TernaryFormat) -> Wire:
    # -1, 0 and 1 in two's complement of two bits are the codes.
    return value


@UNPACK.rule(BinaryFormat)
def _unpack_binary(plan: Plan, format: BinaryFormat, x: Wire, name: str) -> Unpacked:
    sign = plan.step(f"{name}_sign", 1, lambda x: ~x, x)
    one = plan.constant(1, 1)
    return replace(constant_exponent(plan, sign, one, 0, Span(0, 0, 0, 0)), zero_high=None)


@UNPACK.rule(TernaryFormat)
def _unpack_ternary(plan: Plan, format: TernaryFormat, x: Wire, name: str) -> Unpacked:
    sign = plan.step(f"{name}_sign", 1, lambda x: x.all(), x, using=Logic())
    significand = plan.step(f"{name}_magnitude", 1, lambda x: x[0], x)
    return constant_exponent(plan, sign, significand, 0, Span(0, 0, 0, 0))


@NEED.rule(BinaryFormat)
def _binary_need(format: BinaryFormat, guard: int, wraps: bool) -> Need:
    return Need(1, -UNBOUNDED, 0)


@PROJECT.rule(BinaryFormat)
def _to_binary(
    plan: Plan,
    format: BinaryFormat,
    number: Unpacked,
    rounding: Rounding,
    random: Wire | None,
    overflow: str | None,
) -> Wire:
    """1 for +1: everything but negative numbers."""
    nan = number.nan or plan.constant(0, 1)
    special = number.special or plan.constant(0, 1)

    def code(sign, significand, special, nan):
        return ~(sign & (significand.any() | special) & ~nan)

    return plan.step(
        "code",
        1,
        code,
        number.sign,
        number.significand,
        special,
        nan,
        using=Logic(2, -(-number.width // 3) + 1),
    )


@PROJECT_INTEGER.rule(BinaryFormat)
def _integer_to_binary(
    plan: Plan,
    format: BinaryFormat,
    value: Wire,
    fraction_width: int,
    rounding: Rounding,
    overflow: str | None,
) -> Wire:
    return plan.step("code", 1, lambda v: v >= 0, value)


@CANONICAL.rule(BinaryFormat)
def _canonical_binary(plan: Plan, format: BinaryFormat, code: Wire) -> Wire:
    return code


@CANONICAL.rule(TernaryFormat)
def _canonical_ternary(plan: Plan, format: TernaryFormat, code: Wire) -> Wire:
    return plan.step("code", 2, lambda c: Cat(c[0], c[0] & c[1]), code, using=Logic())


@PRODUCT.rule(BinaryFormat, BinaryFormat)
def _binary_product(
    plan: Plan, a: Wire, a_format: Format, b: Wire, b_format: Format, structure: str
) -> Wire:
    shape = range_shape(*product_range(a_format, b_format)[:2])
    return plan.step(
        "product", shape, lambda x, y: Cat(1, x ^ y).as_signed(), a, b, using=Logic(1, 1)
    )


@SIGNS.rule(BinaryFormat, BinaryFormat)
def _binary_sign(plan: Plan, x: Wire, y: Wire) -> Wire:
    return plan.step("is_one", 1, lambda x, y: ~(x ^ y), x, y, using=Logic())


@PRODUCT.rule(BinaryFormat, Format)
def _signed_copy(
    plan: Plan, a: Wire, a_format: Format, b: Wire, b_format: Format, structure: str
) -> Wire:
    """b or its negation."""
    shape = range_shape(*product_range(a_format, b_format)[:2])
    value = fixed_operand(plan, "operand", b, b_format)
    using = Negation(shape.width)
    return plan.step(
        "product",
        shape,
        lambda s, v: negated_where(~s, v, shape.width),
        a,
        value,
        using=using,
        wrap=True,
    )


@PRODUCT.rule(TernaryFormat, Format)
def _signed_copy_or_zero(
    plan: Plan, a: Wire, a_format: Format, b: Wire, b_format: Format, structure: str
) -> Wire:
    """b, its negation, or 0."""
    shape = range_shape(*product_range(a_format, b_format)[:2])
    value = fixed_operand(plan, "operand", b, b_format)
    return plan.step(
        "product",
        shape,
        lambda s, v: Mux(s[0], negated_where(s[1], v, shape.width), 0),
        a,
        value,
        using=Negation(shape.width),
        wrap=True,
    )


@PRODUCT.rule(Format, BinaryFormat)
@PRODUCT.rule(Format, TernaryFormat)
def _exchanged(
    plan: Plan, a: Wire, a_format: Format, b: Wire, b_format: Format, structure: str
) -> Wire:
    swapped = PRODUCT.find(b_format, a_format)
    assert swapped is not None
    return swapped(plan, b, b_format, a, a_format, structure)


@PARTIAL.rule(BinaryFormat, BinaryFormat)
def _binary_partial(plan: Plan, x: Wire, a: Format, y: Wire, b: Format, place: int) -> Partial:
    return [x, y], [Bit(1, True, lambda *v: v[place] ^ v[place + 1])], 1


@PARTIAL.rule(BinaryFormat, Format)
@PARTIAL.rule(TernaryFormat, Format)
def _copied_partial(plan: Plan, x: Wire, a: Format, y: Wire, b: Format, place: int) -> Partial:
    operand = fixed_operand(plan, "operand", y, b)
    return [x, operand], _copied_bits(Shape.cast(operand.shape), place, a.has_zero), 0


@PARTIAL.rule(Format, BinaryFormat)
@PARTIAL.rule(Format, TernaryFormat)
@PARTIAL.rule(BinaryFormat, TernaryFormat)
@PARTIAL.rule(TernaryFormat, TernaryFormat)
@PARTIAL.rule(TernaryFormat, BinaryFormat)
def _exchanged_partial(plan: Plan, x: Wire, a: Format, y: Wire, b: Format, place: int) -> Partial:
    return _copied_partial(plan, y, b, x, a, place)


def _copied_bits(shape: Shape, place: int, has_zero: bool) -> list[Bit]:
    """The second operand, its negation or 0, as selected by the code of the first one.

    A negation is the complement plus one; the complement of an unsigned number is signed.
    """

    def negates(v: Any) -> Value:
        return v[0] & v[1] if has_zero else ~Value.cast(v)[0]

    def digit(i: int) -> Any:
        def of(*v: Any) -> Value:
            bit = Value.cast(v[place + 1])[i] ^ negates(v[place])
            return bit & v[place][0] if has_zero else bit

        return of

    def sign(*v: Any) -> Value:
        return negates(v[place])

    top = shape.width - 1
    bits = [Bit(i, shape.signed and i == top, digit(i)) for i in range(shape.width)]
    bits.append(Bit(0, False, sign))
    return bits if shape.signed else [*bits, Bit(shape.width, True, sign)]
