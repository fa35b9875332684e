"""Floats: taken apart, rounded to, ordered by their codes without the sign, made canonical."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.formats import Rounding
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from ..plan.plan import Plan, Wire
from .canonical import CANONICAL
from .float_round import round_to_float
from .float_sum import NEED, Need
from .order import ORDER, Order, order_unpacked
from .project import PROJECT
from .unpack import UNPACK, unpack
from .unpacked import Span, Unpacked

__all__: list[str] = []


@UNPACK.rule(BinaryFloat)
def _unpack_float(plan: Plan, format: BinaryFloat, x: Wire, name: str) -> Unpacked:
    fields, width = format.exponent_width, format.fraction_width

    def step(suffix: str, shape, function: Callable, *operands: Wire, luts: int = 0) -> Wire:
        using = Logic((1 if luts < 2 else 2), luts) if luts else None
        return plan.step(f"{name}_{suffix}", shape, function, *operands, using=using)

    raw = step("code", format.width, lambda x: Value.cast(x), x)
    sign = step("sign", 1, lambda x: x[-1], raw) if format.signed else plan.constant(0, 1)
    field = step("field", fields, lambda x: x[width : width + fields], raw)
    if format.full:
        luts = -(-format.magnitude_width // 3)
        normal = step("normal", 1, lambda x: x[: width + fields].any(), raw, luts=luts)
    else:
        normal = step("normal", 1, lambda e: e.any(), field, luts=-(-fields // 3))
    largest_field = format.largest_code >> width
    spans = []
    if largest_field >= 1 or format.full:
        spans.append(Span(0 if format.full else 1, largest_field, width, width))
    if format.subnormals:
        # The field of a subnormal counts as 1.
        exponent = step("exponent", fields, lambda e, n: Cat(e[0] | ~n, e[1:]), field, normal)
        significand = step("significand", width + 1, lambda x, n: Cat(x[:width], n), raw, normal)
        if width:
            spans.append(Span(1, 1, 0, width - 1))
    elif format.full:
        exponent = field
        significand = step("significand", width + 1, lambda x, n: Cat(x[:width], n), raw, normal)
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


def _with_specials(step, format: BinaryFloat, raw, field, normal, number: Unpacked) -> Unpacked:
    width, fields = format.fraction_width, format.exponent_width
    size = format.magnitude_width
    blank = None
    if format.subnormals:
        luts = -(-width // 3)
        blank = step("blank", 1, lambda x: ~x[:width].any(), raw, luts=luts)
        zero = step("zero", 1, lambda n, b: ~n & b, normal, blank)
    else:
        zero = step("zero", 1, lambda n: ~n, normal)
    number = replace(number, zero=zero)
    if not format.has_nan:
        return number
    if format.nan_is_negative_zero:
        return _with_nan_for_zero(step, format, raw, normal, number)
    if not format.infinity_has_own_field:
        luts = -(-size // 3)
        if not format.has_infinity:
            nan = step("nan", 1, lambda x: x[:size].all(), raw, luts=luts)
            return replace(number, nan=nan, special=nan)
        # Infinity and the only NaN are the two greatest codes.
        special = step("special", 1, lambda x: x[1:size].all(), raw, luts=luts)
        nan = step("nan", 1, lambda s, x: s & x[0], special, raw, luts=1)
        return replace(number, nan=nan, special=special)
    special = step("special", 1, lambda e: e.all(), field, luts=-(-fields // 3))
    if blank is None:
        blank = step("blank", 1, lambda x: ~x[:width].any(), raw, luts=-(-width // 3))
    nan = step("nan", 1, lambda s, b: s & ~b, special, blank, luts=1)
    return replace(number, nan=nan, special=special)


def _with_nan_for_zero(step, format: BinaryFloat, raw, normal, number: Unpacked) -> Unpacked:
    """The only NaN has the code of -0; infinities, if there are any, have the greatest ones."""
    nan = step("nan", 1, lambda s, z: s & z, number.sign, number.zero)
    if format.flushes:
        code = format.nan_code
        nan = step("nan", 1, lambda x: x == code, raw, luts=-(-format.width // 3))
        # Flushed codes keep no sign: there is no -0.
        sign = step("number_sign", 1, lambda s, n: s & n, number.sign, normal, luts=1)
        number = replace(number, sign=sign)
    if not format.has_infinity:
        return replace(number, nan=nan, special=nan)
    luts = -(-format.width // 3)
    special = step("special", 1, lambda x, n: x[:-1].all() | n, raw, nan, luts=luts)
    return replace(number, nan=nan, special=special)


@PROJECT.rule(BinaryFloat)
def _project_float(
    plan: Plan,
    format: BinaryFloat,
    number: Unpacked,
    rounding: Rounding,
    random: Wire | None,
    overflow: str | None,
) -> Wire:
    return round_to_float(plan, format, number, rounding, random)


@NEED.rule(BinaryFloat)
def _float_need(format: BinaryFloat, guard: int, wraps: bool) -> Need:
    # Without subnormals, numbers just below the smallest normal one need all their bits.
    finest = format.least_place - format.flushes
    return Need(format.fraction_width + 1, finest, guard)


@ORDER.rule(BinaryFloat, BinaryFloat)
def _order_floats(
    plan: Plan, a_format: BinaryFloat, a: Wire, b_format: BinaryFloat, b: Wire
) -> Order:
    """Codes of one format, without the sign, are in the order of the magnitudes."""
    x, y = unpack(plan, a_format, a, "a"), unpack(plan, b_format, b, "b")
    if a_format != b_format:
        return order_unpacked(plan, x, y)
    keys = (_code_key(plan, a_format, a, x), _code_key(plan, b_format, b, y))
    return order_unpacked(plan, x, y, keys)


def _code_key(plan: Plan, format: BinaryFloat, wire: Wire, number: Unpacked) -> Wire:
    """The code without its sign; that of zero where subnormals are flushed."""
    width = format.magnitude_width
    if number.zero is None or not format.flushes:
        return plan.step("key", width, lambda x: Value.cast(x)[:width], wire)
    return plan.step(
        "key",
        width,
        lambda x, z: Value.cast(x)[:width] & ~z.replicate(width),
        wire,
        number.zero,
        using=Logic(1, width),
    )


@CANONICAL.rule(BinaryFloat)
def _canonical_float(plan: Plan, format: BinaryFloat, code: Wire) -> Wire:
    """One code for NaN, zeros for flushed numbers, the largest for what saturates."""
    nan_code, width = format.nan_code, format.magnitude_width
    last_number = format.infinity_code or format.largest_code
    magnitude_zero = Const(0, width)
    largest = Const(format.largest_code, width)
    # A single NaN is written as it is read.
    has_more_nans = format.has_nan and not format.nan_is_negative_zero and format.signed

    def written(c: Any) -> Any:
        field = c[format.fraction_width : width]
        result = c
        if format.flushes:
            zero = Cat(magnitude_zero, c[-1]) if format.has_negative_zero else 0
            result = Mux(field.any(), result, zero)
        if format.has_infinity and format.saturates:
            is_infinite = c[:width] == format.infinity_code
            result = Mux(is_infinite, Cat(largest, c[width:]), result)
        if has_more_nans:
            result = Mux(c[:width] > last_number, nan_code, result)
        if format.flushes and format.nan_is_negative_zero:
            result = Mux(c == nan_code, nan_code, result)
        return result

    return plan.step("code", format.width, written, code, using=Logic(2, format.width), wrap=True)
