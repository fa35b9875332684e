"""Quotients and roots of unpacked numbers, exact as far as one rounding can see.

Digits are made down to the last place that the rounding looks at; below them one sticky bit says
whether anything remains. Where a result is fixed-like and so are all operands, integers are divided
as they are. Otherwise the operands are brought to the form 1.xxx, or to exponents that are even,
so that the first one of the result is at its first or second digit.

Special values are those of IEEE 754-2019 sections 6.1, 7.2, 7.3 and 9.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Adder, Logic, Multiplexer
from holigrail_hw.formats import Format

from ..integer.digit_recurrence import Digits, Recurrence, inverse_root, quotient, square_root
from ..plan.plan import Plan, Wire
from .float_sum import Need, zero_of
from .normal import normalised
from .unpack import unpack
from .unpacked import Span, Unpacked, constant_exponent, range_shape

__all__ = [
    "Wanted",
    "divide_unpacked",
    "inverse_root_unpacked",
    "one",
    "root_unpacked",
    "unpack_radicand",
]


@dataclass(frozen=True)
class Wanted:
    """What becomes of the digits.

    Parameters
    ----------
    need : Need
        What rounding needs of them.
    sticky : bool
        Whether it needs to know if anything lies below.
    whole : bool
        Whether operands are integers with constant units, and so is the result.
    per_cycle : int or None
        Digits in each cycle; None to unroll them.
    carried : sequence of Wire or None
        What is needed for rounding, too, and must wait for the digits.
    """

    need: Need
    sticky: bool
    whole: bool
    per_cycle: int | None = None
    carried: Sequence[Wire | None] = ()

    def recurrence(self, highest: int, leading: int, carried: Sequence[Wire | None]) -> Recurrence:
        """How many digits it takes, the first one being worth at most 2^highest.

        The leading one is among the first ``leading`` digits, if the operands are normalised.
        """
        count = highest - (self.need.finest - self.need.guard) + 1
        if not self.whole:
            count = min(count, self.need.precision + self.need.guard + leading - 1)
        count, along = max(count, 1), [*carried, *self.carried]
        if self.per_cycle is None:
            return Recurrence(count, self.sticky, None, along)
        # More digits than it takes do no harm: all turns are alike.
        step = min(self.per_cycle, count)
        return Recurrence(-(-count // step) * step, self.sticky, step, along)


Carried = Sequence[Wire | None]


def one(plan: Plan) -> Unpacked:
    """The number 1."""
    sign, significand = plan.constant(0, 1), plan.constant(1, 1)
    number = constant_exponent(plan, sign, significand, 0, Span(0, 0, 0, 0))
    return replace(number, zero_high=None)


def unpack_radicand(plan: Plan, format: Format, x: Wire) -> Unpacked:
    """A number whose magnitude counts only where it is not negative."""
    if not format.codes_are_integers or not format.signed:
        return unpack(plan, format, x, "x")
    width = format.width - 1
    sign = plan.step("x_sign", 1, lambda x: x[-1], x)
    magnitude = plan.constant(0, 1)
    if width:
        magnitude = plan.step("x_magnitude", width, lambda x: x[:-1], x)
    luts = -(-format.width // 3)
    zero = plan.step("x_zero", 1, lambda x: ~Value.cast(x).any(), x, using=Logic(2, luts))
    span = Span(0, 0, 0, max(width, 1) - 1)
    return replace(constant_exponent(plan, sign, magnitude, format.least_place, span), zero=zero)


def divide_unpacked(plan: Plan, x: Unpacked, y: Unpacked, wanted: Wanted) -> tuple[Any, Carried]:
    """x / y as an Unpacked, and what was carried along. x/0 is infinite, 0/0 is NaN."""
    sign = plan.step("quotient_sign", 1, lambda x, y: x ^ y, x.sign, y.sign, using=Logic())
    nan, special = _quotient_specials(plan, x, y)
    dividend = x.significand
    known = 0
    if not wanted.whole:
        x, y = normalised(plan, x, "x"), normalised(plan, y, "y")
        dividend, known = x.significand, y.width - 1
    if y.special is not None and y.special is not y.nan:
        # A finite number divided by an infinite one is zero.
        dividend = plan.step(
            "dividend",
            x.width,
            lambda s, i: s & ~i.replicate(x.width),
            *(dividend, y.special),
            using=Logic(1, x.width),
        )
    low, high = x.exponent_low - y.exponent_high, x.exponent_high - y.exponent_low
    exponent = _exponent(plan, x, y, low, high)
    first = x.scale + x.width - 1 - y.scale - known
    spans = [
        (a.exponent_low - b.exponent_high, a.exponent_high - b.exponent_low)
        for a in x.spans
        for b in y.spans
    ]
    highest = max((top for _, top in spans), default=0) + first
    how = wanted.recurrence(highest, 2, [sign, exponent, nan, special])
    found = quotient(plan, dividend, y.significand, how, known)
    may_be_zero = x.zero_high is not None or y.special is not None
    shape = _Shape(first, (low, high), spans, 2, may_be_zero)
    return _number(plan, found, how, wanted, shape)


def root_unpacked(plan: Plan, x: Unpacked, wanted: Wanted) -> tuple[Any, Carried]:
    """The square root of x; NaN for negative numbers, -0 for -0."""
    zero = zero_of(plan, x)
    nan, special = _root_specials(plan, x, zero)
    sign = plan.step("root_sign", 1, lambda s, z: s & z, x.sign, zero, using=Logic())
    even = _even(plan, x, wanted.whole)
    # The first digit belongs to the two first bits.
    missing = even.significand.width % 2
    radicand = plan.step(
        "radicand",
        even.significand.width + missing,
        lambda s: Cat(s, Const(0, missing)) if wanted.whole else Cat(Const(0, missing), s),
        even.significand,
    )
    first = even.place + (radicand.width // 2 - 1 if wanted.whole else 0)
    highest = max((top for _, top in even.spans), default=0) + first
    how = wanted.recurrence(highest, 1, [sign, even.half, nan, special])
    found = square_root(plan, radicand, how)
    shape = _Shape(first, (even.low, even.high), even.spans, 1, True)
    return _number(plan, found, how, wanted, shape)


def inverse_root_unpacked(plan: Plan, x: Unpacked, wanted: Wanted) -> tuple[Any, Carried]:
    """1 / sqrt(x); NaN for negative numbers, infinite for zero, with the sign of that zero."""
    zero = zero_of(plan, x)
    nan, infinite = _root_specials(plan, x, zero)
    special = _any(plan, "root_special", zero, nan)
    sign = plan.step("root_sign", 1, lambda s, z: s & z, x.sign, zero, using=Logic())
    even = _even(plan, x, wanted.whole)
    numerator = plan.constant(1, 1)
    if infinite is not None and x.special is not None:
        # Where the operand is infinite, nothing remains from the start.
        numerator = plan.step("numerator", 1, lambda i: ~i, x.special, using=Logic())
    exponent = plan.step(
        "root_exponent",
        range_shape(-even.high, -even.low),
        lambda e: -e,
        even.half,
        using=Adder(range_shape(-even.high, -even.low).width),
        wrap=True,
    )
    spans = [(-top, -bottom) for bottom, top in even.spans]
    first = -even.place
    highest = max((top for _, top in spans), default=0) + first
    how = wanted.recurrence(highest, 2, [sign, exponent, nan, special])
    places = 0 if wanted.whole else x.width - 1
    found = inverse_root(plan, numerator, even.significand, places, how)
    shape = _Shape(first, (-even.high, -even.low), spans, 2, x.special is not None)
    return _number(plan, found, how, wanted, shape)


@dataclass(frozen=True)
class _Shape:
    """Of a result: the place of its first digit without its exponent, what the exponent can be, of
    any number and of nonzero ones, and within how many digits the first one is."""

    first: int
    exponents: tuple[int, int]
    spans: Sequence[tuple[int, int]]
    leading: int
    may_be_zero: bool


def _number(
    plan: Plan, found: Digits, how: Recurrence, wanted: Wanted, shape: _Shape
) -> tuple[Unpacked, Carried]:
    """Digits with a sticky bit below them as a number."""
    sign, exponent, nan, special, *carried = found.carried
    assert sign is not None and exponent is not None
    significand, width = found.value, how.digits
    if found.sticky is not None:
        width += 1
        significand = plan.step(
            "quotient", width, lambda q, s: Cat(s, q), found.value, found.sticky
        )
    leading_low = 0 if wanted.whole else max(width - shape.leading, 0)
    number = Unpacked(
        sign=sign,
        significand=significand,
        exponent=exponent,
        scale=shape.first - (width - 1),
        exponent_low=shape.exponents[0],
        exponent_high=shape.exponents[1],
        spans=tuple(Span(low, high, leading_low, width - 1) for low, high in shape.spans),
        zero_high=shape.exponents[1] if shape.may_be_zero or wanted.whole else None,
        nan=nan,
        special=special,
    )
    return number, carried


def _quotient_specials(plan: Plan, x: Unpacked, y: Unpacked) -> tuple[Wire | None, Wire | None]:
    """NaN, and NaN or infinite."""
    x_zero = zero_of(plan, x) if x.zero_high is not None else None
    y_zero = zero_of(plan, y) if y.zero_high is not None else None
    both_zero = _both(plan, "zeros", x_zero, y_zero)
    both_special = _both(plan, "specials", x.special, y.special)
    nan = _any(plan, "quotient_nan", x.nan, y.nan, both_zero, both_special)
    return nan, _any(plan, "quotient_special", x.special, y_zero, y.nan)


def _root_specials(plan: Plan, x: Unpacked, zero: Wire) -> tuple[Wire, Wire | None]:
    """NaN, and NaN or infinite."""
    negative = plan.step("negative", 1, lambda s, z: s & ~z, x.sign, zero, using=Logic())
    nan = _any(plan, "root_nan", x.nan, negative)
    assert nan is not None
    return nan, _any(plan, "root_special", x.special, nan)


@dataclass(frozen=True)
class _Even:
    """significand * 2^(2 (half + place)): in [1, 4) times that if normalised, else an integer."""

    significand: Wire
    half: Wire
    place: int
    low: int
    high: int
    spans: Sequence[tuple[int, int]]


def _even(plan: Plan, x: Unpacked, whole: bool) -> _Even:
    """A number with an even exponent."""
    if whole:
        odd = x.scale % 2
        significand = plan.step(
            "even", x.width + odd, lambda s: Cat(Const(0, odd), s), x.significand
        )
        return _Even(significand, x.exponent, (x.scale - odd) // 2, 0, 0, [(0, 0)])
    x = normalised(plan, x, "x")
    offset = x.scale + x.width - 1
    odd = offset % 2
    low, high = (x.exponent_low + odd) >> 1, (x.exponent_high + odd) >> 1
    shape = range_shape(low, high)
    half = plan.step(
        "half_exponent",
        shape,
        lambda e: (e + odd) >> 1,
        x.exponent,
        using=Adder(shape.width),
        wrap=True,
    )
    significand = plan.step(
        "even",
        x.width + 1,
        lambda e, s: Mux(Value.cast(e)[0] ^ odd, Cat(Const(0, 1), s), s),
        *(x.exponent, x.significand),
        using=Multiplexer(x.width + 1),
    )
    spans = [((s.exponent_low + odd) >> 1, (s.exponent_high + odd) >> 1) for s in x.spans]
    return _Even(significand, half, (offset - odd) // 2, low, high, spans)


def _exponent(plan: Plan, x: Unpacked, y: Unpacked, low: int, high: int) -> Wire:
    if y.exponent_low == y.exponent_high == 0:
        return x.exponent
    shape = range_shape(low, high)
    return plan.step(
        "quotient_exponent",
        shape,
        lambda a, b: a - b,
        *(x.exponent, y.exponent),
        using=Adder(shape.width),
        wrap=True,
    )


def _any(plan: Plan, name: str, *bits: Wire | None) -> Wire | None:
    found = list(dict.fromkeys(bit for bit in bits if bit is not None))
    if len(found) < 2:
        return found[0] if found else None
    return plan.step(name, 1, lambda *b: Cat(*b).any(), *found, using=Logic())


def _both(plan: Plan, name: str, a: Wire | None, b: Wire | None) -> Wire | None:
    if a is None or b is None:
        return None
    return plan.step(name, 1, lambda a, b: a & b, a, b, using=Logic())
