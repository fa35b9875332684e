"""Posits: taken apart and ordered. NaR is less than every number, and equal to itself.

The code of the magnitude, without its sign, begins with a run of equal bits. Compared with the
first of them, the rest of the code is zeros up to the bit that ends the run; their number c gives
the regime, k = c for a run of ones and ~c for a run of zeros, and it is the distance by which the
code is shifted left to bring exponent and fraction to their places. The exponent of the number is
{k, e}, the regime above the exponent bits, as it stands.

Codes are in the order of two's complement integers, and so are those of two widths with the same
number of exponent bits once they are aligned at the top.

References: Posit Working Group, Standard for Posit Arithmetic (2022); Podobas and Matsuoka,
"Hardware Implementation of POSITs and their Application in FPGAs", 2018.
"""

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Mux, Value, signed

from holigrail_hw.estimate.primitives import (
    Comparator,
    LeadingZeros,
    Logic,
    Multiplexer,
    Negation,
)
from holigrail_hw.formats.scalar.posit import PositFormat

from ..integer.leading_zeros import leading_zeros
from ..plan.plan import Plan, Wire
from .canonical import CANONICAL
from .float_sum import NEED, Need
from .order import ORDER, Order, order_unpacked
from .unpack import UNPACK, unpack
from .unpacked import Span, Unpacked

__all__ = ["Parts", "fraction_width", "take_apart"]


def fraction_width(format: PositFormat) -> int:
    """Most fraction bits that a code has: with a regime of two bits."""
    return max(format.width - 3 - format.exponent_width, 0)


@dataclass(frozen=True)
class Parts:
    """The fields of a posit's magnitude.

    ``exponent``: signed, that of the hidden one. ``fraction``: :func:`fraction_width` bits, the
    wire of one zero if there are none. ``regular``: whether the number is neither zero nor NaR,
    for which the fields mean nothing. ``nar``: whether it is NaR.
    """

    sign: Wire
    exponent: Wire
    fraction: Wire
    regular: Wire
    nar: Wire


def take_apart(plan: Plan, format: PositFormat, x: Wire, name: str) -> Parts:
    """The fields of a code."""
    digits, fields = format.width - 1, format.exponent_width

    def step(suffix: str, shape, function, *operands: Wire, using=None) -> Wire:
        return plan.step(f"{name}_{suffix}", shape, function, *operands, using=using, wrap=True)

    sign = step("sign", 1, lambda x: Value.cast(x)[-1], x)
    regular = step(
        "regular", 1, lambda x: Value.cast(x)[:-1].any(), x, using=Logic(2, -(-digits // 3))
    )
    nar = step("nar", 1, lambda s, r: s & ~r, sign, regular, using=Logic())
    body = step(
        "body",
        digits,
        lambda x, s: (Value.cast(x)[:-1] ^ s.replicate(digits)) + s,
        *(x, sign),
        using=Negation(digits),
    )
    count = _run_length(step, digits, body)
    rest = _behind_run(step, format, body, count)
    top = format.width - 2

    def exponent(b: Any, c: Any, r: Any) -> Any:
        is_small = ~b[top]
        regime = Cat(c[:bits] ^ is_small.replicate(bits), is_small)
        return Cat(r[fraction:], regime).as_signed()

    bits, fraction = top.bit_length(), fraction_width(format)
    return Parts(
        sign=sign,
        exponent=step(
            "exponent", signed(fields + bits + 1), exponent, body, count, rest, using=Logic(1, bits)
        ),
        fraction=step("fraction", fraction, lambda r: r[:fraction], rest),
        regular=regular,
        nar=nar,
    )


def _run_length(step, digits: int, body: Wire) -> Wire:
    """How many bits below the first one are equal to it."""

    def run(b: Any) -> Any:
        # The one below the code ends a run that fills it.
        return leading_zeros(Cat(Const(1, 1), b[:-1] ^ b[-1].replicate(digits - 1)))[:-1]

    bits = (digits - 1).bit_length()
    return step("run", bits, run, body, using=LeadingZeros(digits))


def _behind_run(step, format: PositFormat, body: Wire, count: Wire) -> Wire:
    """Exponent and fraction, with zeros for the bits beyond the end of the code."""
    size, present = format.exponent_width + fraction_width(format), max(format.width - 3, 0)
    word = step("rest", size, lambda b: Cat(Const(0, size - present), b[:present]), body)
    for index in range(count.width):
        distance = min(1 << index, size)
        word = step(
            f"rest_{1 << index}",
            size,
            lambda w, c, i=index, d=distance: Mux(c[i], w.shift_left(d)[:size], w),
            *(word, count),
            using=Multiplexer(size),
        )
    return word


@UNPACK.rule(PositFormat)
def _unpack_posit(plan: Plan, format: PositFormat, x: Wire, name: str) -> Unpacked:
    parts, fraction = take_apart(plan, format, x, name), fraction_width(format)
    end, lowest = format.largest_exponent, -(format.width - 1) << format.exponent_width
    bias = 1 << (parts.exponent.width - 1)
    significand = plan.step(
        f"{name}_significand",
        fraction + 1,
        lambda f, r: Cat(f & r.replicate(fraction), r),
        *(parts.fraction, parts.regular),
        using=Logic(1, fraction),
    )
    zero = plan.step(
        f"{name}_zero", 1, lambda s, r: ~s & ~r, parts.sign, parts.regular, using=Logic()
    )
    exponent = plan.step(
        f"{name}_biased",
        parts.exponent.width,
        lambda e: Cat(e[:-1], ~e[-1]),
        parts.exponent,
        using=Logic(0, 0),
    )
    return Unpacked(
        sign=parts.sign,
        significand=significand,
        exponent=exponent,
        scale=-fraction - bias,
        exponent_low=lowest + bias,
        exponent_high=end + bias,
        spans=(Span(bias - end, bias + end, fraction, fraction),),
        zero_high=lowest + bias,
        nan=parts.nar,
        special=parts.nar,
        zero=zero,
    )


@NEED.rule(PositFormat)
def _posit_need(format: PositFormat, guard: int, wraps: bool) -> Need:
    # Whatever lies below the least number becomes that number.
    return Need(fraction_width(format) + 1, format.least_place, guard)


@ORDER.rule(PositFormat, PositFormat)
def _order_posits(
    plan: Plan, a_format: PositFormat, a: Wire, b_format: PositFormat, b: Wire
) -> Order:
    x, y = unpack(plan, a_format, a, "a"), unpack(plan, b_format, b, "b")
    if a_format.exponent_width != b_format.exponent_width:
        return _nar_first(plan, order_unpacked(plan, x, y), x, y)
    width = max(a_format.width, b_format.width)

    def compared(function) -> Any:
        return lambda a, b: function(
            *(Cat(Const(0, width - len(v)), v).as_signed() for v in map(Value.cast, (a, b)))
        )

    using = Comparator(width)
    less = plan.step("below", 1, compared(lambda a, b: a < b), a, b, using=using)
    equal = plan.step("same", 1, compared(lambda a, b: a == b), a, b, using=using)
    greater = plan.step("above", 1, lambda l, e: ~l & ~e, less, equal, using=Logic())
    return Order(less, equal, greater, less, plan.constant(0, 1), x, y)


def _nar_first(plan: Plan, found: Order, x: Unpacked, y: Unpacked) -> Order:
    """The order of numbers with NaR below all of them."""
    assert x.nan is not None and y.nan is not None

    def step(name: str, function, *operands: Wire) -> Wire:
        return plan.step(name, 1, function, *operands, x.nan, y.nan, using=Logic())

    less = step("less_or_nar", lambda l, a, b: Mux(a | b, a & ~b, l), found.less)
    equal = step("equal_or_nar", lambda e, a, b: Mux(a | b, a & b, e), found.equal)
    greater = plan.step("greater_or_nar", 1, lambda l, e: ~l & ~e, less, equal, using=Logic())
    return Order(less, equal, greater, less, plan.constant(0, 1), x, y)


@CANONICAL.rule(PositFormat)
def _canonical_posit(plan: Plan, format: PositFormat, code: Wire) -> Wire:
    # There is one code for every number.
    return code
