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
    Logic,
    Multiplexer,
    Negation,
)
from holigrail_hw.formats.scalar.posit import PositFormat

from ..integer.negated import negated_where
from ..plan.plan import Plan, Wire
from .canonical import CANONICAL
from .float_sum import NEED, Need
from .order import ORDER, Order, order_unpacked
from .unpack import UNPACK, unpack
from .unpacked import Span, Unpacked

__all__ = ["Fields", "fraction_width", "posit_fields"]


def fraction_width(format: PositFormat) -> int:
    """Most fraction bits that a code has: with a regime of two bits."""
    return max(format.width - 3 - format.exponent_width, 0)


@dataclass(frozen=True)
class Fields:
    """What stands below the sign of a code.

    ``exponent``: {k, e}, signed. ``fraction``: :func:`fraction_width` bits. ``regular``: whether
    the number is neither zero nor NaR; of these the fraction is 0, and the exponent lower than that
    of all others.
    """

    exponent: Wire
    fraction: Wire
    regular: Wire


def posit_fields(plan: Plan, format: PositFormat, body: Wire, name: str) -> Fields:
    """The fields of a code without its sign; of a negative one, those of its complement."""
    digits, fields, fraction = format.width - 1, format.exponent_width, fraction_width(format)
    size = digits - 1

    def step(suffix: str, shape, function, *operands: Wire, using=None) -> Wire:
        return plan.step(f"{name}_{suffix}", shape, function, *operands, using=using, wrap=True)

    first = step("first", 1, lambda b: b[-1], body)
    word = step("word", size, lambda b: b[:-1], body)
    word, run = normalise(plan, name, word, first, size.bit_length())
    # After the run comes the bit that ends it; bits beyond the end of the code are 0.
    regular = step("regular", 1, lambda w, r: w[-1:].any() | r, *(word, first), using=Logic())
    missing = max(fields + fraction - (size - 1), 0)
    rest = step(
        "rest", fields + fraction, lambda w: Cat(Const(0, missing), w[:-1])[: fields + fraction],
        word,
    )  # fmt: skip
    bits = run.width

    def exponent(r: Any, c: Any, first: Any) -> Any:
        return Cat(r[fraction:], c ^ (~first).replicate(bits), ~first).as_signed()

    return Fields(
        exponent=step(
            "exponent", signed(fields + bits + 1), exponent, rest, run, first, using=Logic(1, bits)
        ),
        fraction=step("fraction", fraction, lambda r: r[:fraction], rest),
        regular=regular,
    )


def normalise(
    plan: Plan, name: str, word: Wire, bit: Wire, stages: int, fill: Wire | None = None
) -> tuple[Wire, Wire]:
    """A word without the bits on top that equal ``bit``, and their number.

    Where more than 2^stages - 1 of them are equal, that many are taken away. Zeros follow; or the
    bits of ``fill``, where it has enough of them for a step.
    """
    width, found = word.width, []
    follows = plan.constant(0, 1) if fill is None else fill
    for index in reversed(range(stages)):
        distance = 1 << index
        if distance > width:
            found.append(plan.constant(0, 1))
            continue
        same = plan.step(
            f"{name}_same_{distance}",
            1,
            lambda w, b, d=distance: ~(w[width - d :] ^ b.replicate(d)).any(),
            *(word, bit),
            using=Logic(2, -(-distance // 3)),
        )
        word = plan.step(
            f"{name}_word_{distance}",
            width,
            lambda w, s, f, d=distance: Mux(
                s, Cat(f[len(f) - d :] if d <= len(f) else Const(0, d), w)[:width], w
            ),
            *(word, same, follows),
            using=Multiplexer(width),
        )
        found.append(same)
    return word, plan.step(f"{name}_run", stages, lambda *f: Cat(*reversed(f)), *found)


@UNPACK.rule(PositFormat)
def _unpack_posit(plan: Plan, format: PositFormat, x: Wire, name: str) -> Unpacked:
    digits, fraction = format.width - 1, fraction_width(format)

    def step(suffix: str, shape, function, *operands: Wire, using=None) -> Wire:
        return plan.step(f"{name}_{suffix}", shape, function, *operands, using=using, wrap=True)

    sign = step("sign", 1, lambda x: Value.cast(x)[-1], x)
    body = step(
        "body",
        digits,
        lambda x, s: negated_where(s, x[:-1]),
        *(x, sign),
        using=Negation(digits),
    )
    fields = posit_fields(plan, format, body, name)
    end, lowest = format.largest_exponent, -(1 << (fields.exponent.width - 1))
    significand = step(
        "significand", fraction + 1, lambda f, r: Cat(f, r), fields.fraction, fields.regular
    )
    zero = step("zero", 1, lambda s, r: ~s & ~r, sign, fields.regular, using=Logic())
    nar = step("nar", 1, lambda s, r: s & ~r, sign, fields.regular, using=Logic())
    # The lowest exponent counts as 0.
    exponent = step(
        "biased",
        fields.exponent.width,
        lambda e: Cat(e[:-1], ~e[-1]),
        fields.exponent,
        using=Logic(0, 0),
    )
    return Unpacked(
        sign=sign,
        significand=significand,
        exponent=exponent,
        scale=-fraction + lowest,
        exponent_low=0,
        exponent_high=end - lowest,
        spans=(Span(-end - lowest, end - lowest, fraction, fraction),),
        zero_high=0,
        nan=nar,
        special=nar,
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
    greater = plan.step("above", 1, lambda p, q: ~p & ~q, less, equal, using=Logic())
    return Order(less, equal, greater, less, plan.constant(0, 1), x, y)


def _nar_first(plan: Plan, found: Order, x: Unpacked, y: Unpacked) -> Order:
    """The order of numbers with NaR below all of them."""
    assert x.nan is not None and y.nan is not None
    flags = x.nan, y.nan

    def step(name: str, function, *operands: Wire) -> Wire:
        return plan.step(name, 1, function, *operands, *flags, using=Logic())

    less = step("less_or_nar", lambda p, a, b: Mux(a | b, a & ~b, p), found.less)
    equal = step("equal_or_nar", lambda e, a, b: Mux(a | b, a & b, e), found.equal)
    greater = plan.step("greater_or_nar", 1, lambda p, q: ~p & ~q, less, equal, using=Logic())
    return Order(less, equal, greater, less, plan.constant(0, 1), x, y)


@CANONICAL.rule(PositFormat)
def _canonical_posit(plan: Plan, format: PositFormat, code: Wire) -> Wire:
    # There is one code for every number.
    return code
