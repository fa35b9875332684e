"""Numbers made digit by digit, exact as far as one rounding can see.

Digits are made down to the last place that the rounding looks at; below them one sticky bit says
whether anything remains. Where a result is fixed-like and so are all operands, integers are divided
as they are. Otherwise the operands are brought to the form 1.xxx, or to exponents that are even,
so that the first one of the result is at its first or second digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import Cat

from holigrail_hw.estimate.primitives import Logic

from ..integer.digit_recurrence import Digits, Recurrence
from ..plan.plan import Plan, Wire
from .float_sum import UNBOUNDED, Need
from .unpacked import Span, Unpacked

__all__ = ["Carried", "DigitPlaces", "Wanted", "any_of", "with_sticky"]


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
        elif self.need.finest <= -UNBOUNDED:
            # Only the sign counts, and it comes from the operands.
            count = 1
        count, along = max(count, 1), [*carried, *self.carried]
        if self.per_cycle is None:
            return Recurrence(count, self.sticky, None, along)
        # More digits than it takes do no harm: all turns are alike.
        step = min(self.per_cycle, count)
        return Recurrence(-(-count // step) * step, self.sticky, step, along)


Carried = Sequence[Wire | None]


@dataclass(frozen=True)
class DigitPlaces:
    """Of a result: the place of its first digit without its exponent, what the exponent can be, of
    any number and of nonzero ones, and within how many digits the first one is."""

    first: int
    exponents: tuple[int, int]
    spans: Sequence[tuple[int, int]]
    leading: int
    may_be_zero: bool


def with_sticky(
    plan: Plan, found: Digits, how: Recurrence, wanted: Wanted, shape: DigitPlaces
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


def any_of(plan: Plan, name: str, *bits: Wire | None) -> Wire | None:
    found = list(dict.fromkeys(bit for bit in bits if bit is not None))
    if len(found) < 2:
        return found[0] if found else None
    return plan.step(name, 1, lambda *b: Cat(*b).any(), *found, using=Logic())
