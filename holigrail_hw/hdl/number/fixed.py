"""Integers inside datapaths: operands of any fixed-like format, exact products, sums in range.

Binary and ternary numbers are tiny integers whose product with anything is a conditional negation.
Every function adds named steps to a plan and returns a wire with an integer shape.
"""

from amaranth import Cat, Mux, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic, Multiplexer
from holigrail_hw.formats import BinaryFormat, FixedFormat, Format, TernaryFormat

from ..integer.multiply import multiply
from ..plan.plan import Plan, Wire
from .unpack import range_shape

__all__ = [
    "FIXED_KINDS",
    "fixed_operand",
    "fixed_product",
    "fixed_range",
    "limit",
    "product_range",
]

FIXED_KINDS = ("fixed", "binary", "ternary")


def fixed_range(format: Format) -> tuple[int, int, int]:
    """Least and greatest integer of a fixed-like format, and its fraction width in bits."""
    if isinstance(format, FixedFormat):
        return format.minimum, format.maximum, format.fraction_width
    if isinstance(format, BinaryFormat | TernaryFormat):
        return -1, 1, 0
    raise TypeError(f"{format} is no fixed-point format")


def product_range(a: Format, b: Format) -> tuple[int, int, int]:
    """Least and greatest product of two fixed-like formats, and its fraction width in bits."""
    a_low, a_high, a_fraction = fixed_range(a)
    b_low, b_high, b_fraction = fixed_range(b)
    corners = [x * y for x in (a_low, a_high) for y in (b_low, b_high)]
    return min(corners), max(corners), a_fraction + b_fraction


def fixed_operand(plan: Plan, name: str, wire: Wire, format: Format) -> Wire:
    """The integer behind a code."""
    if isinstance(format, BinaryFormat):
        return plan.step(name, signed(2), lambda v: Cat(1, ~v).as_signed(), wire, using=Logic(0, 0))
    if isinstance(format, TernaryFormat):
        return plan.step(
            name, signed(2), lambda v: Cat(v[0], v[0] & v[1]).as_signed(), wire, using=Logic(1, 1)
        )
    return wire


def fixed_product(
    plan: Plan, a: Wire, a_format: Format, b: Wire, b_format: Format, structure: str
) -> Wire:
    """The exact product; ``structure`` as in :func:`.multiply.multiply`."""
    low, high, _ = product_range(a_format, b_format)
    shape = range_shape(low, high)
    if isinstance(a_format, BinaryFormat) and isinstance(b_format, BinaryFormat):
        return plan.step(
            "product", shape, lambda x, y: Cat(1, x ^ y).as_signed(), a, b, using=Logic(1, 1)
        )
    for sign, sign_format, other, other_format in (
        (a, a_format, b, b_format),
        (b, b_format, a, a_format),
    ):
        if isinstance(sign_format, BinaryFormat):
            value = fixed_operand(plan, "operand", other, other_format)
            return plan.step(
                "product",
                shape,
                lambda s, v: Mux(s, v, -v),
                sign,
                value,
                using=Adder(shape.width),
                wrap=True,
            )
        if isinstance(sign_format, TernaryFormat):
            value = fixed_operand(plan, "operand", other, other_format)
            return plan.step(
                "product",
                shape,
                lambda s, v: Mux(s[0], Mux(s[1], -v, v), 0),
                sign,
                value,
                using=Adder(shape.width),
                wrap=True,
            )
    product = multiply(plan, a, b, structure)
    return plan.step("product", shape, lambda v: v, product, wrap=True)


def limit(plan: Plan, name: str, wire: Wire, format: FixedFormat, *, saturate: bool) -> Wire:
    """An integer brought into a fixed format's range: clamped, or modulo 2^width."""
    shape = signed(format.width) if format.signed else unsigned(format.width)
    low, high = format.minimum, format.maximum

    def clamp(v):
        return Mux(v > high, high, Mux(v < low, low, v))

    if not saturate:
        return plan.step(name, shape, lambda v: v, wire, wrap=True)
    using = Multiplexer(format.width, 3)
    return plan.step(name, shape, clamp, wire, using=using, wrap=True)
