"""Square roots of unpacked numbers and their reciprocals (IEEE 754-2019, 5.4.1 and 9.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Adder, Logic, Multiplexer
from holigrail_hw.formats import Format

from ..integer.inverse_root import inverse_root
from ..integer.square_root import square_root
from ..plan.plan import Plan, Wire
from .digit_places import Carried, DigitPlaces, Wanted, any_of, with_sticky
from .float_sum import zero_of
from .normal import normalised
from .unpack import unpack
from .unpacked import Span, Unpacked, constant_exponent, range_shape

__all__ = ["inverse_root_unpacked", "root_unpacked", "unpack_radicand"]


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


def root_unpacked(plan: Plan, x: Unpacked, wanted: Wanted) -> tuple[Unpacked, Carried]:
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
    shape = DigitPlaces(first, (even.low, even.high), even.spans, 1, True)
    return with_sticky(plan, found, how, wanted, shape)


def inverse_root_unpacked(plan: Plan, x: Unpacked, wanted: Wanted) -> tuple[Unpacked, Carried]:
    """1 / sqrt(x); NaN for negative numbers, infinite for zero, with the sign of that zero."""
    zero = zero_of(plan, x)
    nan, infinite = _root_specials(plan, x, zero)
    special = any_of(plan, "root_special", zero, nan)
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
    shape = DigitPlaces(first, (-even.high, -even.low), spans, 2, x.special is not None)
    return with_sticky(plan, found, how, wanted, shape)


def _root_specials(plan: Plan, x: Unpacked, zero: Wire) -> tuple[Wire, Wire | None]:
    """NaN, and NaN or infinite."""
    negative = plan.step("negative", 1, lambda s, z: s & ~z, x.sign, zero, using=Logic())
    nan = any_of(plan, "root_nan", x.nan, negative)
    assert nan is not None
    return nan, any_of(plan, "root_special", x.special, nan)


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
