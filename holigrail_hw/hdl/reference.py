# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportOperatorIssue=false

"""Arithmetic on numbers of any scalar formats, written the naive way, as circuits to prove against.

Nothing is shared with the datapaths. A number is sign, significand and a distance to shift; a sum
is made at full width, every operand shifted to one common place. A result is rounded by looking at
the leading one of that whole number: for every place where it may be, field, fraction, first bit
cut off and the rest are read off directly. Large and slow, and nothing but the definition (IEEE
754-2019 section 4.3; the table in :mod:`holigrail_hw.formats.rounding`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.formats import BinaryFormat, Format, Rounding, TernaryFormat
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from .number.rules import hardware_rules
from .plan.plan import Plan, Wire
from .shapes import shape_of

__all__ = [
    "COMPARE",
    "DECODE",
    "INTEGER",
    "MOST_BITS",
    "PROJECT",
    "Number",
    "add",
    "any_above",
    "any_below",
    "circuit",
    "compare",
    "decode",
    "fits",
    "grows",
    "has_integers",
    "integer",
    "is_known",
    "let",
    "multiply",
    "negate",
    "product",
    "project",
    "span",
]

MOST_BITS = 1200
"""Reference circuits whose whole numbers would be wider are not made."""

COMPARE = hardware_rules("reference compare")
"""By two formats: ``(plan, x, y, alike)`` to what :func:`compare` gives, where NaN has an order."""
DECODE = hardware_rules("reference decode")
"""By format: ``(plan, format, code)`` to a Number; without one for fixed-like formats."""
INTEGER = hardware_rules("reference integer")
"""By format: ``(format, bits)`` to the integer of a fixed-like number, as an expression."""
PROJECT = hardware_rules("reference project")
"""By format: ``(plan, format, number, rounding, random, overflow)`` to a code."""


@dataclass(frozen=True)
class Number:
    """(-1)^negative * significand * 2^(shift + place); the significand of a special is 0.

    ``integer`` is the number in units of 2^place, of one that is not shifted.
    """

    negative: Any
    significand: Any
    shift: Any
    place: int
    nan: Any
    infinite: Any
    integer: Any = None

    def signed(self, plan: Plan) -> Any:
        """In units of 2^place; the sign of zero is lost."""
        if self.integer is not None:
            return self.integer
        magnitude = self.magnitude(plan)
        return Mux(self.negative, -magnitude, magnitude)

    def magnitude(self, plan: Plan) -> Any:
        """Multiple of 2^place."""
        return let(plan, "magnitude", self.significand << self.shift)

    @property
    def zero(self) -> Any:
        """Whether it is a finite zero."""
        return ~self.significand.any() & ~self.nan & ~self.infinite


def span(format: Format) -> tuple[int, int]:
    """Exponents of the last place of a format and of the place above its largest number."""
    places = max(map(abs, format.integer_range)).bit_length()
    return format.least_place, format.least_place + places


def fits(*spans: tuple[int, int]) -> bool:
    """Whether numbers of these spans, at one place, are few enough bits to be written out."""
    return max(high for _, high in spans) - min(low for low, _ in spans) <= MOST_BITS


def decode(plan: Plan, format: Format, code: Any) -> Number:
    """The number of a code, as the format defines it."""
    rule = DECODE.find(format)
    if rule is not None:
        return rule(plan, format, code)
    return _whole(plan, integer(format, code), format.least_place)


def integer(format: Format, code: Any) -> Any:
    """A fixed-like number in units of its last place."""
    bits = Value.cast(code)
    rule = INTEGER.find(format)
    if rule is not None:
        return rule(format, bits)
    return bits.as_signed() if format.signed else bits.as_unsigned()


def has_integers(format: Format) -> bool:
    """Whether :func:`integer` knows the format."""
    return format.codes_are_integers or INTEGER.find(format) is not None


def is_known(*formats: Format, result: Format | None = None) -> bool:
    """Whether all formats can be decoded here, and ``result`` projected onto."""
    return all(DECODE.find(format) or has_integers(format) for format in formats) and (
        result is None or result.codes_are_integers or PROJECT.find(result) is not None
    )


@INTEGER.rule(BinaryFormat)
def _binary(format: BinaryFormat, bits: Any) -> Any:
    return Mux(bits[0], 1, -1)


@INTEGER.rule(TernaryFormat)
def _ternary(format: TernaryFormat, bits: Any) -> Any:
    return Mux(bits[0], Mux(bits[1], -1, 1), 0)


@DECODE.rule(BinaryFloat)
def _float(plan: Plan, format: BinaryFloat, code: Any) -> Number:
    no, bits = Const(0, 1), Value.cast(code)
    cut, size = format.fraction_width, format.magnitude_width
    magnitude, field = bits[:size], bits[cut:size]
    is_normal = magnitude != 0 if format.full else field != 0
    infinite = magnitude == format.infinity_code if format.has_infinity else no
    if format.nan_is_negative_zero:
        nan: Any = bits == format.sign_code
    else:
        nan = (magnitude > format.largest_code) & ~infinite
    significand = Cat(bits[:cut], is_normal)
    counts = ~(nan | infinite) if format.subnormals else is_normal & ~(nan | infinite)
    significand = let(plan, "significand", Mux(counts, significand, 0))
    negative = bits[-1] if format.signed else no
    if format.nan_is_negative_zero:
        negative = negative & (significand.any() | infinite)
    shift = field if format.full else (Mux(is_normal, field, 1) - 1).as_unsigned()
    shift = shift[: format.exponent_width]
    shift, nan = let(plan, "shift", shift), let(plan, "nan", nan)
    return Number(negative, significand, shift, format.minimum_exponent - cut, nan, infinite)


def negate(x: Number) -> Number:
    """-x."""
    integer = None if x.integer is None else -x.integer
    return replace(x, negative=~x.negative, integer=integer)


def multiply(plan: Plan, x: Number, y: Number) -> Number:
    """x * y, exactly."""
    if x.integer is not None and y.integer is not None:
        exact = _whole(plan, product(plan, x.integer, y.integer), x.place + y.place)
        # 0 * -1 is -0, which a sum of floats may see.
        return replace(exact, negative=x.negative ^ y.negative)
    total = product(plan, x.significand, y.significand)
    nan = x.nan | y.nan | (x.infinite & y.zero) | (x.zero & y.infinite)
    return Number(
        x.negative ^ y.negative,
        total,
        let(plan, "shift", x.shift + y.shift),
        x.place + y.place,
        nan,
        (x.infinite | y.infinite) & ~nan,
    )


def add(plan: Plan, x: Number, y: Number, rounding: Rounding) -> Number:
    """x + y, exactly; the mode decides the sign of an exact zero."""
    place, (a, b) = _aligned(plan, x, y)
    total = let(plan, "total", a + b)
    is_negative = Value.cast(total < 0)
    same_zero = (a == 0) & (b == 0) & (x.negative == y.negative)
    zero_sign = Mux(same_zero, x.negative, int(rounding is Rounding.DOWN))
    negative = Mux(total.any(), is_negative, zero_sign)
    negative = Mux(x.infinite, x.negative, Mux(y.infinite, y.negative, negative))
    nan = x.nan | y.nan | (x.infinite & y.infinite & (x.negative ^ y.negative))
    infinite = (x.infinite | y.infinite) & ~nan
    magnitude = Mux(is_negative, -total, total).as_unsigned()[: len(total)]
    significand = let(plan, "significand", Mux(nan | infinite, 0, magnitude))
    is_whole = x.integer is not None and y.integer is not None
    integer = total if is_whole else None
    return Number(negative, significand, Const(0, 1), place, nan, infinite, integer)


def compare(plan: Plan, x: Number, y: Number, *, alike: bool = False) -> dict[str, Any]:
    """One bit each: less, equal, greater, unordered.

    ``alike``: both were decoded from one format, so that shift and significand, one after the
    other, are in the order of the magnitudes.
    """
    if alike:
        a, b = (let(plan, "key", Cat(n.significand, n.shift)) for n in (x, y))
    else:
        _, (a, b) = _aligned(plan, x, y)
        a, b = (Mux(m < 0, -m, m) for m in (a, b))
    # An infinity outweighs every finite number.
    size = max(len(a), len(b))
    a, b = (Cat((m + Const(0, size))[:size], n.infinite) for m, n in ((a, x), (b, y)))
    a, b = (let(plan, "value", Mux(n.negative, -m, m)) for m, n in ((a, x), (b, y)))
    ordered: Any = ~(x.nan | y.nan)
    return {
        "less": (a < b) & ordered,
        "equal": (a == b) & ordered,
        "greater": (a > b) & ordered,
        "unordered": ~ordered,
    }


def project(
    plan: Plan,
    format: Format,
    x: Number,
    rounding: Rounding = Rounding.NEAREST_EVEN,
    random: Any = None,
    overflow: str = "saturate",
) -> Any:
    """The code of x in a format: rounded once, then brought into range."""
    rule = PROJECT.find(format) or _to_fixed
    return rule(plan, format, x, rounding, random, format.overflow_of(overflow))


@PROJECT.rule(BinaryFormat)
def _to_binary(
    plan: Plan, format: Format, x: Number, rounding: Rounding, random: Any, overflow: str | None
) -> Any:
    return ~(x.negative & (x.significand.any() | x.infinite) & ~x.nan)


def circuit(
    formats: Mapping[str, Format],
    results: Mapping[str, Format],
    answer: Callable[..., Mapping[str, Any]],
) -> Callable[..., Mapping[str, Wire]]:
    """``answer``, from a plan and values by port name to results by name, as a naive datapath."""

    def datapath(plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        found = answer(plan, **{name: wires[name].value for name in formats})
        return {
            name: plan.step(
                name,
                shape_of(format),
                lambda name=name, width=format.width: Value.cast(found[name])[:width],
                wrap=True,
            )
            for name, format in results.items()
        }

    return datapath


def let(plan: Plan, name: str, value: Any) -> Any:
    """A name for a value: a circuit of shared expressions, not a tree that grows with each use."""
    value = Value.cast(value)
    return plan.step(name, value.shape(), lambda: value).value


def _whole(plan: Plan, value: Any, place: int) -> Number:
    """A number that is an integer in units of 2^place."""
    value = let(plan, "integer", value)
    magnitude = let(plan, "significand", Mux(value < 0, -value, value).as_unsigned())
    no = Const(0, 1)
    return Number(Value.cast(value < 0), magnitude, no, place, no, no, value)


def product(plan: Plan, a: Any, b: Any) -> Any:
    """Integers multiplied as on paper, one row for each digit of the shorter one."""
    if len(a) < len(b):
        a, b = b, a
    total: Any = Const(0, 1)
    for place in range(len(b)):
        row = Mux(b[place], a, 0).shift_left(place)
        is_sign = b.shape().signed and place == len(b) - 1
        total = let(plan, "rows", (total - row) if is_sign else (total + row))
    width = len(a) + len(b)
    is_signed = a.shape().signed or b.shape().signed
    total = (total + Const(0, width))[:width]
    return total.as_signed() if is_signed else total


def _aligned(plan: Plan, x: Number, y: Number) -> tuple[int, tuple[Any, Any]]:
    place = min(x.place, y.place)
    a, b = (let(plan, "aligned", n.signed(plan)).shift_left(n.place - place) for n in (x, y))
    return place, (a, b)


@PROJECT.rule(TernaryFormat)
def _to_fixed(
    plan: Plan, format: Format, x: Number, rounding: Rounding, random: Any, overflow: str | None
) -> Any:
    """Two's complement of the format's width, modulo 2^width or clamped to the range."""
    low, high = format.integer_range
    cut = format.least_place - x.place
    # Below a number that is a multiple of more than one unit there is nothing to cut off.
    whole = x.magnitude(plan).shift_left(max(-cut, 0))
    cut = max(cut, 0)
    below = Cat(whole, Const(0, max(0, cut - len(whole))))[:cut]
    kept = whole[cut:] if cut < len(whole) else Const(0, 1)
    kept = let(plan, "kept", kept)
    negative = x.negative if x.integer is None else Value.cast(x.integer < 0)
    grown = kept + grows(rounding, negative, kept[0], _bits_from_top(below), random)
    value = let(plan, "value", Mux(negative, -grown, grown))
    if overflow == "wrap":
        value = value + Const(0, format.width)
        return Mux(x.nan | x.infinite, 0, value)[: format.width]
    ranged = Mux(value > high, high, Mux(value < low, low, value))
    ranged = Mux(x.infinite, Mux(x.negative, low, high), ranged)
    return (Mux(x.nan, 0, ranged) + Const(0, format.width))[: format.width]


@PROJECT.rule(BinaryFloat)
def _to_float(
    plan: Plan,
    format: BinaryFloat,
    x: Number,
    rounding: Rounding,
    random: Any,
    overflow: str | None,
) -> Any:
    cut, largest = format.fraction_width, format.largest_code
    code, too_large = _rounded_magnitude(plan, format, x, rounding, random)
    too_large = too_large | (code > largest) | x.infinite
    stops: Any = {
        Rounding.TOWARD_ZERO: Const(1, 1),
        Rounding.TO_ODD: Const(1, 1),
        Rounding.UP: x.negative,
        Rounding.DOWN: ~x.negative,
    }.get(rounding, Const(0, 1))
    if rounding is Rounding.TO_ODD and not format.odd_stops:
        stops = Const(0, 1)
    if format.keeps_infinity:
        stops = Const(1, 1)
    stops = Const(1, 1) if format.saturates else stops & ~x.infinite
    if not format.subnormals:
        lowest = cut if format.flushes else 0
        code = let(plan, "flushed", Mux(code[lowest:].any(), code, 0))
    size = format.magnitude_width
    below = Const(0, 1) if format.signed else x.negative & (code.any() | too_large)
    code = Mux(too_large & stops, largest, code)[:size]
    nan, escapes = x.nan, too_large & ~stops
    if format.infinity_code is not None:
        code = Mux(escapes, format.infinity_code, code)
    else:
        nan = nan | escapes
    special = largest if format.nan_code is None else format.nan_code
    if not format.signed:
        is_inward = rounding in (Rounding.TOWARD_ZERO, Rounding.UP)
        ends = Const(1, 1) if format.clamps else ~x.infinite & is_inward
        return Mux(nan, special, Mux(below, Mux(ends, 0, special), code[:size]))
    sign = x.negative if format.has_negative_zero else x.negative & code.any()
    return Mux(nan, special, Cat(code[:size], sign))


def _rounded_magnitude(
    plan: Plan, format: BinaryFloat, x: Number, rounding: Rounding, random: Any
) -> tuple[Any, Any]:
    """Magnitude code, not yet judged against the largest, and whether it is far beyond."""
    cut, magnitude = format.fraction_width, x.magnitude(plan)
    # Place of the leading one of the smallest normal number.
    least = format.minimum_exponent - x.place
    if least < 0:
        magnitude, least = magnitude.shift_left(-least), 0
    width = max(len(magnitude), least + 1)
    whole = Cat(magnitude, Const(0, width - len(magnitude)))[:width]
    leading = let(plan, "leading", whole & ~any_above(plan, whole, width))
    if format.subnormals:
        # Below the smallest normal number the last place stays where it is.
        leading = Cat(Const(0, least), ~whole[least + 1 :].any(), leading[least + 1 :])
        leading = let(plan, "leading", leading)

    def pick(vector: Any) -> Any:
        return (vector & leading).any()

    def below(distance: int) -> Any:
        """The bit so many places below the leading one."""
        return pick(whole.shift_left(distance)[:width])

    lowest = 0 if format.full else 1
    fields = [max(place - least + lowest, 0) for place in range(width)]
    top = 1 << format.exponent_width
    too_large = pick(Const(sum(1 << p for p, f in enumerate(fields) if f > top), width))
    field = []
    for bit in range(format.exponent_width + 1):
        value = sum(1 << p for p, f in enumerate(fields) if f <= top and f >> bit & 1)
        if format.subnormals and bit == 0:
            # The field of the lowest place is 1 with the leading one, else 0.
            value &= ~(1 << least)
            field.append(pick(Const(value, width)) | (leading[least] & whole[least]))
        else:
            field.append(pick(Const(value, width)))
    fraction = [below(distance) for distance in range(cut, 0, -1)]
    code = let(plan, "truncated", Cat(*fraction, *field))
    bits = rounding.guard(0 if random is None else len(Value.cast(random)))
    first = [below(cut + 1 + index) for index in range(max(bits, 1))]
    rest = pick(any_below(plan, whole.shift_left(cut + 1 + len(first)), width))
    up = grows(rounding, x.negative, code[0], [*first, rest], random)
    if not format.subnormals:
        # Far below the smallest number nothing can round up to it.
        far = pick(Const((1 << max(least - lowest, 0)) - 1, width))
        code, up = Mux(far, 0, code), up & ~far
    return let(plan, "rounded", code + up), let(plan, "too_large", too_large)


def grows(rounding: Rounding, negative: Any, odd: Any, cut: Sequence[Any], random: Any) -> Any:
    """Whether the magnitude grows by one; ``cut`` are the bits cut off, from the top."""
    nothing = Const(0, 1)
    half = cut[0] if cut else nothing
    below = Cat(*cut[1:]).any() if len(cut) > 1 else nothing
    inexact = half | below
    if rounding.is_stochastic:
        if rounding is Rounding.STOCHASTIC_B:
            random = Cat(Const(1, 1), random)
        width = len(Value.cast(random))
        first = [*cut[:width], *[nothing] * (width - len(cut))]
        part: Any = Cat(*reversed(first))
        if rounding is Rounding.STOCHASTIC_C:
            half = cut[width] if len(cut) > width else nothing
            rest = Cat(*cut[width + 1 :]).any() if len(cut) > width + 1 else nothing
            part = part + (half & (rest | part[0]))
        return ((part + random) >> width).any()
    return {
        Rounding.NEAREST_EVEN: half & (below | odd),
        Rounding.NEAREST_AWAY: half,
        Rounding.TOWARD_ZERO: nothing,
        Rounding.UP: inexact & ~negative,
        Rounding.DOWN: inexact & negative,
        Rounding.TO_ODD: inexact & ~odd,
    }[rounding]


def _bits_from_top(value: Any) -> list[Any]:
    return [value[index] for index in reversed(range(len(value)))]


def any_above(plan: Plan, value: Any, width: int) -> Any:
    """For each place, whether any place above it is set."""
    found, distance = value[1:], 1
    while distance < width:
        found = let(plan, "above", found | found[distance:])
        distance *= 2
    return Cat(found, Const(0, 1))[:width]


def any_below(plan: Plan, value: Any, width: int) -> Any:
    """For each place, whether it or any place below it is set."""
    found, distance = value[:width], 1
    while distance < width:
        found = let(plan, "below", (found | found.shift_left(distance))[:width])
        distance *= 2
    return found
