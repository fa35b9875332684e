"""Numbers taken apart: sign, significand, exponent and special values, from any scalar format.

Inside a datapath a number is (-1)^sign * significand * 2^(exponent + scale). The significand is an
unsigned integer, the exponent a small integer signal, the scale a constant. Integers and fixed
point become a significand with a constant exponent; nothing is normalised.

What a format can and cannot hold is kept beside the wires as :class:`Span` records. From these a
rounding unit knows which shifts, overflows and special values can happen at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from amaranth import Cat, Mux, Shape, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import BinaryFormat, FixedFormat, FloatFormat, Format, TernaryFormat

from ..plan.plan import Plan, Wire

__all__ = ["Span", "Unpacked", "range_shape", "unpack", "unpack_integer"]


@dataclass(frozen=True)
class Span:
    """Nonzero numbers with exponents and positions of the leading one in these ranges (closed)."""

    exponent_low: int
    exponent_high: int
    leading_low: int
    leading_high: int


@dataclass(frozen=True)
class Unpacked:
    """A number inside a datapath.

    ``exponent_low`` and ``exponent_high`` bound the wire, special values included. ``zero_high``
    is the largest exponent that comes with significand 0, None if that never happens. ``nan`` and
    ``special`` (NaN or infinity) are None where they cannot occur; sign, significand and exponent
    of a special value are as the code has them.
    """

    sign: Wire
    significand: Wire
    exponent: Wire
    scale: int
    exponent_low: int
    exponent_high: int
    spans: tuple[Span, ...]
    zero_high: int | None
    nan: Wire | None = None
    special: Wire | None = None
    zero: Wire | None = None

    @property
    def width(self) -> int:
        """Width of the significand in bits."""
        return self.significand.width


def range_shape(low: int, high: int) -> Shape:
    """The smallest integer shape that holds ``low`` to ``high``, at least one bit wide."""
    if low >= 0:
        return unsigned(max(high.bit_length(), 1))
    return signed(max(high.bit_length(), (-1 - low).bit_length()) + 1)


def unpack(plan: Plan, format: Format, x: Wire, name: str) -> Unpacked:
    """Steps that take a number of ``format`` apart; ``name`` prefixes their names.

    Raises
    ------
    TypeError
        For formats that are no binary fractions.
    """
    for kind, function in _UNPACKERS.items():
        if isinstance(format, kind):
            return function(plan, format, x, name)
    raise TypeError(f"{format}: no way to unpack a {format.kind} number")


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


def unpack_integer(plan: Plan, x: Wire, fraction_width: int, name: str) -> Unpacked:
    """An integer wire in units of 2^-fraction_width as sign and magnitude."""
    width = x.width
    significand, sign = x, plan.constant(0, 1)
    if Value.cast(x.value).shape().signed:
        sign = plan.step(f"{name}_sign", 1, lambda x: x[-1], x)
        significand = plan.step(
            f"{name}_magnitude",
            width,
            lambda x: Mux(x[-1], -x, x).as_unsigned(),
            x,
            using=Adder(width),
            wrap=True,
        )
    return _constant_exponent(plan, sign, significand, -fraction_width, Span(0, 0, 0, width - 1))


def _unpack_fixed(plan: Plan, format: FixedFormat, x: Wire, name: str) -> Unpacked:
    return unpack_integer(plan, x, format.fraction_width, name)


def _unpack_binary(plan: Plan, format: BinaryFormat, x: Wire, name: str) -> Unpacked:
    sign = plan.step(f"{name}_sign", 1, lambda x: ~x, x)
    one = plan.constant(1, 1)
    return replace(_constant_exponent(plan, sign, one, 0, Span(0, 0, 0, 0)), zero_high=None)


def _unpack_ternary(plan: Plan, format: TernaryFormat, x: Wire, name: str) -> Unpacked:
    sign = plan.step(f"{name}_sign", 1, lambda x: x.all(), x, using=Logic())
    significand = plan.step(f"{name}_magnitude", 1, lambda x: x[0], x)
    return _constant_exponent(plan, sign, significand, 0, Span(0, 0, 0, 0))


def _constant_exponent(plan: Plan, sign: Wire, significand: Wire, scale: int, span: Span):
    return Unpacked(
        sign=sign,
        significand=significand,
        exponent=plan.constant(0, 1),
        scale=scale,
        exponent_low=0,
        exponent_high=0,
        spans=(span,),
        zero_high=0,
    )


_UNPACKERS: dict[type, Callable[..., Unpacked]] = {
    FloatFormat: _unpack_float,
    FixedFormat: _unpack_fixed,
    BinaryFormat: _unpack_binary,
    TernaryFormat: _unpack_ternary,
}
