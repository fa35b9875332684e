"""Making a block of numbers: the largest magnitude, the scale, the elements.

The largest magnitude is found on keys, the exponent above the significand, which need no
normalisation where a format has normal numbers and, below them, subnormal ones of one exponent. The
quotients by a power of two are differences of exponents, all others are made digit by digit.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from amaranth import Cat, Const, Mux

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Multiplexer
from holigrail_hw.formats import Rounding
from holigrail_hw.formats.block.block import SCALE_RULES, BlockFormat

from ..integer.balanced_tree import balanced_tree
from ..plan.plan import Plan, Wire
from .block import is_constant_one
from .digit_places import Wanted, any_of
from .float_sum import Need, zero_of
from .normal import normalised
from .project import project
from .quotients import divide_unpacked
from .unpack import unpack
from .unpacked import Span, Unpacked, constant_exponent, range_shape

__all__ = ["element_codes", "largest_magnitude", "scale_code"]


def largest_magnitude(plan: Plan, numbers: Sequence[Unpacked]) -> Unpacked:
    """The largest magnitude of numbers of one format; NaN if any is not finite."""
    if not _is_ordered(numbers[0]):
        numbers = [normalised(plan, number, "x") for number in numbers]
    first = numbers[0]
    low, width = first.exponent_low, first.width

    def larger(x: Wire, y: Wire) -> Wire:
        using = Comparator(x.width)
        less = plan.step("is_less", 1, lambda x, y: x < y, x, y, using=using)
        using = Multiplexer(x.width)
        return plan.step("larger", x.shape, lambda s, x, y: Mux(s, y, x), less, x, y, using=using)

    key = balanced_tree([_key(plan, number) for number in numbers], larger)
    high = first.exponent_high - low
    special = any_of(plan, "any_special", *(number.special for number in numbers))
    bits = max(key.width - width, 1)
    return Unpacked(
        sign=plan.constant(0, 1),
        significand=plan.step("largest", width, lambda k: k[:width], key),
        exponent=plan.step(
            "largest_exponent", bits, lambda k: Cat(k[width:], Const(0, 1))[:bits], key
        ),
        scale=first.scale + low,
        exponent_low=0,
        exponent_high=high,
        spans=tuple(
            Span(s.exponent_low - low, s.exponent_high - low, s.leading_low, s.leading_high)
            for s in first.spans
        ),
        zero_high=None if first.zero_high is None else 0,
        nan=special,
        special=special,
    )


def _is_ordered(number: Unpacked) -> bool:
    """Whether exponents and significands together are in the order of the magnitudes."""
    if number.exponent_low == number.exponent_high:
        return True
    lowest = min((span.exponent_low for span in number.spans), default=0)
    top = number.width - 1
    return all(
        span.leading_low == span.leading_high == top or span.exponent_high == lowest
        for span in number.spans
    )


def _key(plan: Plan, number: Unpacked) -> Wire:
    """Exponent, counted from the lowest one, above the significand; 0 for zero."""
    low = number.exponent_low
    bits = (number.exponent_high - low).bit_length()
    width = number.width + bits
    hides_zero = number.zero_high is not None and number.zero_high > low
    operands = [number.significand, number.exponent]
    operands += [zero_of(plan, number)] if hides_zero else []

    def key(s: Any, e: Any, *zero: Any) -> Any:
        found = Cat(s, (e - low)[:bits]) if bits else s
        return found & ~zero[0].replicate(width) if zero else found

    using = Adder(bits) if low else Logic(1, width) if hides_zero else None
    return plan.step("key", width, key, *operands, using=using)


def scale_code(plan: Plan, format: BlockFormat, largest: Unpacked, rule: str) -> Wire:
    """The code of the scale for the largest magnitude, by a rule of :mod:`.formats.block.block`."""
    scale, rounding = format.scale, SCALE_RULES[rule]
    assert scale is not None
    end = format.element.number_range[1]
    if rule == "floor":
        number = _power_of_two(plan, largest, end)
    else:
        need = Need.of(scale, rounding, None)
        divisor = _constant(plan, end)
        number, _ = divide_unpacked(plan, largest, divisor, Wanted(need, True, False))
    return project(plan, scale.saturating, number, rounding=rounding, overflow="saturate")


def _power_of_two(plan: Plan, largest: Unpacked, end: Fraction) -> Unpacked:
    """The power of two of a number over that of the largest element."""
    number = normalised(plan, largest, "largest")
    top = number.width - 1
    below = end.numerator.bit_length() - end.denominator.bit_length()
    below -= Fraction(2) ** below > end
    return replace(
        number,
        significand=plan.step("leading_one", 1, lambda s: s[-1], number.significand),
        scale=number.scale + top - below,
        spans=tuple(replace(span, leading_low=0, leading_high=0) for span in number.spans),
        zero=None,
    )


def _constant(plan: Plan, value: Fraction) -> Unpacked:
    """A positive binary fraction."""
    place = 1 - value.denominator.bit_length()
    significand = value.numerator
    while significand % 2 == 0:
        significand, place = significand // 2, place + 1
    bits = significand.bit_length()
    number = constant_exponent(
        plan,
        plan.constant(0, 1),
        plan.constant(significand, bits),
        place,
        Span(0, 0, bits - 1, bits - 1),
    )
    return replace(number, zero_high=None)


def element_codes(
    plan: Plan,
    format: BlockFormat,
    numbers: Sequence[Unpacked],
    scale: Wire,
    rounding: Rounding,
    random: Sequence[Wire] | None,
) -> list[Wire]:
    """Codes of the elements: the numbers over the scale, rounded; 0 where there is no quotient."""
    assert format.scale is not None
    element, divisor = format.element, unpack(plan, format.scale, scale, "scale")
    zero = zero_of(plan, divisor) if divisor.zero_high is not None else None
    special = any_of(plan, "any_special", *(number.special for number in numbers))
    dead = any_of(plan, "no_quotient", zero, divisor.special, special)
    divisor = _finite(divisor, zero_high=None)
    if not is_constant_one(divisor):
        divisor = normalised(plan, divisor, "scale")
    nothing = int(element.encode(0))
    codes = []
    for index, number in enumerate(numbers):
        word = None if random is None else random[index]
        need = Need.of(element, rounding, word)
        quotient = _over(plan, _finite(number), divisor, need)
        code = project(
            plan, element.saturating, quotient, rounding=rounding, random=word, overflow="saturate"
        )
        if dead is not None:
            using = Multiplexer(element.width)
            shape = code.shape
            code = plan.step(
                f"element_{index}", shape, lambda c, d: Mux(d, nothing, c), code, dead, using=using,
                wrap=True,
            )  # fmt: skip
        codes.append(code)
    return codes


def _finite(number: Unpacked, **changes: Any) -> Unpacked:
    """The number as if there were no special values."""
    return replace(number, nan=None, special=None, **changes)


def _over(plan: Plan, number: Unpacked, divisor: Unpacked, need: Need) -> Unpacked:
    if not is_constant_one(divisor):
        return divide_unpacked(plan, number, divisor, Wanted(need, True, False))[0]
    low = number.exponent_low - divisor.exponent_high
    high = number.exponent_high - divisor.exponent_low
    shape = range_shape(low, high)
    first, last = divisor.spans[0].exponent_low, divisor.spans[-1].exponent_high
    return replace(
        number,
        exponent=plan.step(
            "quotient_exponent",
            shape,
            lambda x, y: x - y,
            *(number.exponent, divisor.exponent),
            using=Adder(shape.width),
            wrap=True,
        ),
        scale=number.scale - divisor.scale,
        exponent_low=low,
        exponent_high=high,
        spans=tuple(
            Span(s.exponent_low - last, s.exponent_high - first, s.leading_low, s.leading_high)
            for s in number.spans
        ),
        zero_high=None if number.zero_high is None else number.zero_high - divisor.exponent_low,
    )
