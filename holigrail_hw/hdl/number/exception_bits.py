"""Floats with exception bits: taken apart without looking at any field, rounded to.

A number with its leading one in the top place is cut off after the fraction; the increment runs
through {exponent, fraction}, and the exponent says whether the result is zero or too large.
"""

from typing import Any

from amaranth import Cat, Const, Value, signed

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import Rounding
from holigrail_hw.formats.scalar.exception_bits import ExceptionBitsFormat

from ..plan.plan import Plan, Wire
from .canonical import CANONICAL
from .float_sum import NEED, Need, zero_of
from .increment import drawn, grows
from .normal import normalised
from .project import PROJECT
from .unpack import UNPACK
from .unpacked import Span, Unpacked

__all__: list[str] = []


@UNPACK.rule(ExceptionBitsFormat)
def _unpack(plan: Plan, format: ExceptionBitsFormat, x: Wire, name: str) -> Unpacked:
    fraction, magnitude = format.fraction_width, format.magnitude_width
    fields = format.exponent_width
    top = (1 << fields) - 1

    def bit(kind: str, function: Any) -> Wire:
        return plan.step(f"{name}_{kind}", 1, function, x, using=Logic())

    normal = bit("normal", lambda x: x[-2] & ~x[-1])
    return Unpacked(
        sign=bit("sign", lambda x: x[magnitude] & ~(x[-1] & x[-2])),
        significand=plan.step(
            f"{name}_significand",
            fraction + 1,
            # An infinite divisor must not look like zero.
            lambda x, n: Cat(x[:fraction] & n.replicate(fraction), n | x[-1]),
            *(x, normal),
            using=Logic(1, fraction + 1),
        ),
        exponent=plan.step(
            f"{name}_exponent",
            fields,
            lambda x, n: x[fraction:magnitude] & n.replicate(fields),
            *(x, normal),
            using=Logic(1, fields),
        ),
        scale=-format.bias - fraction,
        exponent_low=0,
        exponent_high=top,
        spans=(Span(0, top, fraction, fraction),),
        zero_high=0,
        nan=bit("nan", lambda x: x[-1] & x[-2]),
        special=plan.step(f"{name}_special", 1, lambda x: x[-1], x),
        zero=bit("zero", lambda x: ~x[-1] & ~x[-2]),
    )


@PROJECT.rule(ExceptionBitsFormat)
def _project(
    plan: Plan,
    format: ExceptionBitsFormat,
    number: Unpacked,
    rounding: Rounding,
    random: Wire | None,
    overflow: str | None,
) -> Wire:
    nothing = plan.constant(0, 1)
    zero = zero_of(plan, number) if number.zero_high is not None else nothing
    number = normalised(plan, number, "rounded")
    fraction, width = format.fraction_width, number.width
    below = max(width - 1 - fraction, 0)
    offset = number.scale + width - 1 + format.bias
    ends = (number.exponent_low + offset, number.exponent_high + offset + 1)
    bits = max(max(map(abs, ends)).bit_length(), format.exponent_width) + 2
    shape = signed(bits + fraction)

    def rounded(e: Any, s: Any, sign: Any, *random: Any) -> Any:
        kept = s[below:-1] if below else Cat(Const(0, fraction + 1 - width), s[:-1])
        whole = _extended(kept, e + offset, bits)
        rest = s[:below]
        return whole + (drawn(rest, *random) if random else grows(rounding, rest, kept[0], sign))

    operands = [number.exponent, number.significand, number.sign]
    operands += [] if random is None else [random]
    total = plan.step("rounded", shape, rounded, *operands, using=Adder(shape.width), wrap=True)
    over = plan.step(
        "overflow",
        1,
        lambda t: ~t[-1] & t[format.magnitude_width : -1].any(),
        total,
        using=Logic(2, bits // 3 + 1),
    )
    flushed = plan.step("flushed", 1, lambda t, z: t[-1] | z, total, zero, using=Logic())

    def code(t: Any, sign: Any, over: Any, flushed: Any, special: Any, nan: Any) -> Any:
        stops = _stops(rounding, sign) & over & ~flushed & ~special
        infinite = special | (over & ~flushed & ~stops)
        normal = ~infinite & (~flushed | special)
        size = format.magnitude_width
        magnitude = (t[:size] | stops.replicate(size)) & normal.replicate(size)
        return Cat(magnitude, sign & ~nan, normal | nan, infinite | nan)

    return plan.step(
        "code",
        format.width,
        code,
        *(total, number.sign, over, flushed, number.special or nothing, number.nan or nothing),
        using=Logic(2, format.width),
        wrap=True,
    )


def _extended(fraction: Any, exponent: Any, bits: int) -> Any:
    """{exponent, fraction} as a signed number, the exponent of so many bits."""
    value = Value.cast(exponent)
    sign = value[-1] if value.shape().signed else Const(0, 1)
    wide = [value[i] if i < len(value) else sign for i in range(bits)]
    return Cat(fraction, *wide).as_signed()


def _stops(rounding: Rounding, sign: Any) -> Any:
    """Whether what is too large becomes the largest number."""
    match rounding:
        case Rounding.TOWARD_ZERO | Rounding.TO_ODD:
            return Const(1, 1)
        case Rounding.UP:
            return sign
        case Rounding.DOWN:
            return ~sign
    return Const(0, 1)


@NEED.rule(ExceptionBitsFormat)
def _need(format: ExceptionBitsFormat, guard: int, wraps: bool) -> Need:
    # Numbers just below the smallest one need all their bits.
    return Need(format.fraction_width + 1, format.least_place - 1, guard)


@CANONICAL.rule(ExceptionBitsFormat)
def _canonical(plan: Plan, format: ExceptionBitsFormat, code: Wire) -> Wire:
    size = format.magnitude_width

    def written(c: Any) -> Any:
        normal, nan = c[-2] & ~c[-1], c[-1] & c[-2]
        return Cat(c[:size] & normal.replicate(size), c[size] & ~nan, c[size + 1 :])

    return plan.step("code", format.width, written, code, using=Logic(1, size + 1))
