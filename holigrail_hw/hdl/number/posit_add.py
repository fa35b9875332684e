"""Addition of posits of one format in two's complement, from code to code.

Below its sign s, the code of a negative number holds fields {k, e} and f as well: its number is
(-2 + f) * 2^~{k, e}. So nothing is negated on the way in. The operands are ordered by exponent
alone; with d = Ea - Eb the number to be shifted down is b by d, or, if d < 0, half of a by ~d,
which costs no second subtraction. The sum of the significands is normalised by the run of
bits that equal its sign, and is rounded as it stands: nothing is negated on the way out either.
What falls out below is joined in one sticky bit; two's complement digits that are cut off always
lie above what is left.

Reference: Murillo, Mallasen, Del Barrio, Botella, "Comparing different decodings for posit
arithmetic", CoNGA 2022 (two's complement decoding).
"""

from typing import Any

from amaranth import Cat, Const, Mux, Value, signed

from holigrail_hw.estimate.primitives import Adder, Logic, Multiplexer, Negation
from holigrail_hw.formats import Format, Rounding
from holigrail_hw.formats.scalar.posit import PositFormat

from ..integer.negated import negated_where
from ..plan.plan import Plan, Wire
from .float_add import float_add
from .operation import OPERATIONS
from .posit import fraction_width, normalise, posit_fields
from .posit_round import Normal, extra_bits, round_to_posit

__all__: list[str] = []


@OPERATIONS["subtract"].rule(PositFormat, PositFormat, PositFormat)
def _subtract(
    plan: Plan,
    formats: tuple[Format, ...],
    codes: tuple[Wire, ...],
    result: PositFormat,
    **options: Any,
) -> Wire:
    a, b = codes
    width = b.width
    # The code of -b is -b; zero and NaR stay what they are.
    negated = plan.step(
        "b_negated", width, lambda b: negated_where(1, b), b, using=Negation(width), wrap=True
    )
    return _add(plan, formats, (a, negated), result, **options)


@OPERATIONS["add"].rule(PositFormat, PositFormat, PositFormat)
def _add(
    plan: Plan,
    formats: tuple[Format, ...],
    codes: tuple[Wire, ...],
    result: PositFormat,
    *,
    rounding: Rounding,
    random: Wire | None,
    overflow: str,
) -> Wire:
    (a_format, b_format), (a, b) = formats, codes
    if a_format != b_format or random is not None:
        # A random word is compared with the magnitude's digits.
        return float_add(plan, a, a_format, b, b_format, result, rounding, random)
    assert isinstance(a_format, PositFormat)
    return _Sum(plan, a_format, result, rounding).code(a, b)


class _Sum:
    """One adder: ``below`` digits are kept under the ones of the larger operand."""

    def __init__(self, plan: Plan, format: PositFormat, result: PositFormat, rounding: Rounding):
        self.plan, self.format, self.result, self.rounding = plan, format, result, rounding
        self.fraction = fraction_width(format)
        # Close operands may cancel, and need all their digits; of distant ones, at least two places
        # apart, the sum is not below one half. The last digit is set by distant ones only.
        precise = fraction_width(result) + extra_bits(rounding, None)
        self.below = max(self.fraction + 1, precise) + 1
        self.rounds_back = extra_bits(rounding, None) > 0 and fraction_width(result) > 0

    def step(self, name, shape, function, *operands, using=None) -> Wire:
        return self.plan.step(name, shape, function, *operands, using=using, wrap=True)

    def code(self, a: Wire, b: Wire) -> Wire:
        """The code of a + b."""
        x, x_exponent, x_nar = self._decoded(a, "a")
        y, y_exponent, y_nar = self._decoded(b, "b")
        width = x_exponent.width
        distance = self.step(
            "distance",
            signed(width + 1),
            lambda a, b: a - b,
            *(x_exponent, y_exponent),
            using=Adder(width + 1),
        )
        swap = self.step("swap", 1, lambda d: d[-1], distance)
        size = self.fraction + 3
        large = self._choose("large", swap, y, x, size - 1)
        exponent = self._choose("large_exponent", swap, y_exponent, x_exponent, width)
        small = self.step(
            "small",
            size,
            lambda s, x, y: Mux(s, Cat(x, x[-1]), Cat(Const(0, 1), y)),
            *(swap, x, y),
            using=Multiplexer(size),
        )
        word, sticky = self._shift_down(small, distance, swap)
        size = self.below + 3
        total = self.step(
            "total",
            size,
            lambda p, q: Cat(Const(0, self.below - self.fraction), p).as_signed() + q.as_signed(),
            *(large, word),
            using=Adder(size),
        )
        nar = self.step("nar", 1, lambda a, b: a | b, x_nar, y_nar, using=Logic())
        return self._rounded(total, sticky, exponent, nar)

    def _decoded(self, code: Wire, name: str) -> tuple[Wire, Wire, Wire]:
        """Significand with two digits above the fraction, exponent, and whether it is NaR."""
        body = self.step(f"{name}_body", self.format.width - 1, lambda c: Value.cast(c)[:-1], code)
        sign = self.step(f"{name}_sign", 1, lambda c: Value.cast(c)[-1], code)
        fields = posit_fields(self.plan, self.format, body, name)
        exponent = self.step(
            f"{name}_place",
            fields.exponent.shape,
            lambda e, s: (e ^ s.replicate(len(e))).as_signed(),
            *(fields.exponent, sign),
            using=Logic(0, 0),
        )
        significand = self.step(
            f"{name}_significand",
            self.fraction + 2,
            lambda f, r, s: Cat(f, r & ~s, s),
            *(fields.fraction, fields.regular, sign),
            using=Logic(),
        )
        nar = self.step(f"{name}_nar", 1, lambda r, s: s & ~r, fields.regular, sign, using=Logic())
        return significand, exponent, nar

    def _choose(self, name: str, swap: Wire, swapped: Wire, straight: Wire, width: int) -> Wire:
        shape = straight.shape
        return self.step(
            name,
            shape,
            lambda s, y, x: Mux(s, y, x),
            *(swap, swapped, straight),
            using=Multiplexer(width),
        )

    def _shift_down(self, small: Wire, distance: Wire, swap: Wire) -> tuple[Wire, Wire]:
        """The smaller operand at its place below the larger one, and whether a one was lost."""
        size = self.below + 2
        # A negative power of two that just leaves by all its places would look exact; that does no
        # harm where it is a tie that rounds back up.
        stages = (size - 1 if self.rounds_back else size).bit_length()
        bits = distance.width - 1

        def amount(d: Any, s: Any) -> Any:
            digits: Any = d[:bits] ^ s.replicate(bits)
            far = digits[min(stages, bits) :].any() if bits > stages else Const(0, 1)
            near: Any = Cat(digits, Const(0, stages))[:stages]
            return near | far.replicate(stages)

        shift = self.step("small_shift", stages, amount, *(distance, swap), using=Logic(2, stages))
        missing = size - small.width
        word = self.step("small_wide", size, lambda w: Cat(Const(0, missing), w), small)
        lost = []
        for index in reversed(range(stages)):
            count = min(1 << index, size)
            lost.append(
                self.step(
                    f"small_lost_{count}",
                    1,
                    lambda w, a, i=index, n=count: a[i] & w[:n].any(),
                    *(word, shift),
                    using=Logic(2, count // 3 + 1),
                )
            )
            word = self.step(
                f"small_{count}",
                size,
                lambda w, a, i=index, n=count: Mux(a[i], Cat(w[n:], w[-1].replicate(n)), w),
                *(word, shift),
                using=Multiplexer(size),
            )
        sticky = self.step("small_sticky", 1, lambda *b: Cat(*b).any(), *lost, using=Logic(2, 2))
        return word, sticky

    def _rounded(self, total: Wire, sticky: Wire, exponent: Wire, nar: Wire) -> Wire:
        sign = self.step("sum_sign", 1, lambda t: t[-1], total)
        last = self.step("sum_last", 1, lambda t: t[0], total)
        size = total.width - 2
        word = self.step("sum_word", size, lambda t: t[1:-1], total)
        fill = self.step("sum_fill", 2, lambda t, lost: Cat(lost, t[0]), total, sticky)
        stages = (self.fraction + 2).bit_length()
        word, run = normalise(self.plan, "sum", word, sign, stages, fill)
        # The last digit came into the word by a shift of one or two places; of no other is it set.
        lost = self.step(
            "sum_lost", 1, lambda d, n, s: s | d & ~n[1], *(last, run, sticky), using=Logic()
        )
        zero = self.step("sum_zero", 1, lambda w, s: ~w[-1] & ~s, word, sign, using=Logic())
        end = self.format.largest_exponent
        fields = self.result.exponent_width
        low, high = -end - self.fraction - 2, end + 1
        width = max((high + 1).bit_length(), (-low).bit_length(), fields) + 1
        place = self.step(
            "sum_exponent",
            signed(width),
            lambda e, n, s: ((e + _one_less(n))[:width] ^ s.replicate(width)).as_signed(),
            *(exponent, run, sign),
            using=Adder(width),
        )
        number = Normal(
            sign=sign,
            exponent=place,
            low=low,
            high=high,
            fraction=self.step("sum_fraction", size - 1, lambda w: w[:-1], word),
            inexact=lost,
            zero=zero,
            nar=nar,
            complement=True,
        )
        return round_to_posit(self.plan, self.result, number, self.rounding)


def _one_less(number: Any) -> Any:
    """1 - number without a carry chain, of a number that is not negative."""
    half = number[1:]
    negated = (bit ^ half[:index].any() for index, bit in enumerate(half))
    return Cat(~number[:1], *negated, half.any()).as_signed()
