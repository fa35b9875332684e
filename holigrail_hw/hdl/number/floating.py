"""Floats: taken apart, rounded to, ordered by their codes without the sign, made canonical."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.formats import FloatFormat, Rounding

from ..plan.plan import Plan, Wire
from .canonical import CANONICAL
from .float_round import round_to_float
from .float_sum import NEED, Need
from .order import ORDER, Order, order_unpacked
from .project import PROJECT
from .unpack import UNPACK, unpack
from .unpacked import Span, Unpacked

__all__: list[str] = []


@UNPACK.rule(FloatFormat)
def _unpack_float(plan: Plan, format: FloatFormat, x: Wire, name: str) -> Unpacked:
    fields, width = format.exponent_width, format.fraction_width

    def step(suffix: str, shape, function: Callable, *operands: Wire, luts: int = 0) -> Wire:
        using = Logic((1 if luts < 2 else 2), luts) if luts else None
        return plan.step(f"{name}_{suffix}", shape, function, *operands, using=using)

    raw = step("code", format.width, lambda x: Value.cast(x), x)
    sign = step("sign", 1, lambda x: x[-1], raw)
    field = step("field", fields, lambda x: x[width:-1], raw)
    normal = step("normal", 1, lambda e: e.any(), field, luts=-(-fields // 3))
    largest_field = format.largest_code >> width
    spans = []
    if largest_field >= 1:
        spans.append(Span(1, largest_field, width, width))
    if format.subnormals:
        # The field of a subnormal counts as 1.
        exponent = step("exponent", fields, lambda e, n: Cat(e[0] | ~n, e[1:]), field, normal)
        significand = step("significand", width + 1, lambda x, n: Cat(x[:width], n), raw, normal)
        if width:
            spans.append(Span(1, 1, 0, width - 1))
    else:
        exponent = field
        significand = step(
            "significand",
            width + 1,
            lambda x, n: Cat(x[:width] & n.replicate(width), n),
            raw,
            normal,
            luts=width,
        )
    low = 1 if format.subnormals else 0
    number = Unpacked(
        sign=sign,
        significand=significand,
        exponent=exponent,
        scale=-format.bias - width,
        exponent_low=low,
        exponent_high=(1 << fields) - 1,
        spans=tuple(spans),
        zero_high=low,
    )
    return _with_specials(step, format, raw, field, normal, number)


def _with_specials(step, format: FloatFormat, raw, field, normal, number: Unpacked) -> Unpacked:
    width, fields = format.fraction_width, format.exponent_width
    if format.subnormals:
        luts = -(-width // 3)
        blank = step("blank", 1, lambda x: ~x[:width].any(), raw, luts=luts)
        zero = step("zero", 1, lambda n, b: ~n & b, normal, blank)
    else:
        blank = None
        zero = step("zero", 1, lambda n: ~n, normal)
    if format.specials == "finite":
        return replace(number, zero=zero)
    if format.specials == "fnuz":
        nan = step("nan", 1, lambda s, z: s & z, number.sign, zero)
        if not format.subnormals:
            code = format.nan_code
            nan = step("nan", 1, lambda x: x == code, raw, luts=-(-format.width // 3))
            # Flushed codes keep no sign: there is no -0.
            sign = step("number_sign", 1, lambda s, n: s & n, number.sign, normal, luts=1)
            number = replace(number, sign=sign)
        return replace(number, zero=zero, nan=nan, special=nan)
    if format.specials == "fn":
        luts = -(-(format.width - 1) // 3)
        nan = step("nan", 1, lambda x: x[:-1].all(), raw, luts=luts)
        return replace(number, zero=zero, nan=nan, special=nan)
    special = step("special", 1, lambda e: e.all(), field, luts=-(-fields // 3))
    if blank is None:
        blank = step("blank", 1, lambda x: ~x[:width].any(), raw, luts=-(-width // 3))
    nan = step("nan", 1, lambda s, b: s & ~b, special, blank, luts=1)
    return replace(number, zero=zero, nan=nan, special=special)


@PROJECT.rule(FloatFormat)
def _project_float(
    plan: Plan,
    format: FloatFormat,
    number: Unpacked,
    rounding: Rounding,
    random: Wire | None,
    overflow: str | None,
) -> Wire:
    return round_to_float(plan, format, number, rounding, random)


@NEED.rule(FloatFormat)
def _float_need(format: FloatFormat, guard: int, wraps: bool) -> Need:
    # Without subnormals, numbers just below the smallest normal one need all their bits.
    finest = format.least_place - (not format.subnormals)
    return Need(format.fraction_width + 1, finest, guard)


@ORDER.rule(FloatFormat, FloatFormat)
def _order_floats(
    plan: Plan, a_format: FloatFormat, a: Wire, b_format: FloatFormat, b: Wire
) -> Order:
    """Codes of one format, without the sign, are in the order of the magnitudes."""
    x, y = unpack(plan, a_format, a, "a"), unpack(plan, b_format, b, "b")
    if a_format != b_format:
        return order_unpacked(plan, x, y)
    keys = (_code_key(plan, a_format, a, x), _code_key(plan, b_format, b, y))
    return order_unpacked(plan, x, y, keys)


def _code_key(plan: Plan, format: FloatFormat, wire: Wire, number: Unpacked) -> Wire:
    """The code without its sign; that of zero where subnormals are flushed."""
    width = format.width - 1
    if number.zero is None or format.subnormals:
        return plan.step("key", width, lambda x: Value.cast(x)[:-1], wire)
    return plan.step(
        "key",
        width,
        lambda x, z: Value.cast(x)[:-1] & ~z.replicate(width),
        wire,
        number.zero,
        using=Logic(1, width),
    )


@CANONICAL.rule(FloatFormat)
def _canonical_float(plan: Plan, format: FloatFormat, code: Wire) -> Wire:
    """One code for NaN, zeros for flushed numbers, the largest for what saturates."""
    nan_code = format.nan_code
    last_number = format.infinity_code or format.largest_code
    magnitude_zero = Const(0, format.width - 1)
    largest = Const(format.largest_code, format.width - 1)

    def written(c: Any) -> Any:
        field = c[format.fraction_width : -1]
        result = c
        if not format.subnormals:
            zero = Cat(magnitude_zero, c[-1]) if format.has_negative_zero else 0
            result = Mux(field.any(), result, zero)
        if format.has_infinity and format.saturates:
            is_infinite = c[:-1] == format.infinity_code
            result = Mux(is_infinite, Cat(largest, c[-1]), result)
        if format.specials in ("ieee", "fn"):
            result = Mux(c[:-1] > last_number, nan_code, result)
        if format.specials == "fnuz":
            result = Mux(c == nan_code, nan_code, result)
        return result

    return plan.step("code", format.width, written, code, using=Logic(2, format.width), wrap=True)
