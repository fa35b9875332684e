"""Rounding an unpacked number to a posit: the code of unlimited length, cut off and rounded once.

With the exponent {k, e} of the leading one, k above as many bits as the format has for e, and s the
sign of k, the code of the magnitude is the string

    ~s, s, e, fraction

shifted to the right by c = k ^ s, the run of copies of ~s growing by one with each place. What is
shifted out decides the increment, and one adder applies increment and sign together:
-(m + i) = ~m + (1 - i). Where the run leaves no room for its end, the string is all copies of ~s:
of ones it is the largest number, and is not rounded up; of zeros it lies below the smallest number,
and is rounded up to that. Zero and NaR are strings of zeros, too, that are not rounded up.

Reference: Posit Working Group, Standard for Posit Arithmetic (2022), section 4.1.
"""

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Adder, LeadingZeros, Logic, Multiplexer
from holigrail_hw.formats import Rounding
from holigrail_hw.formats.scalar.posit import PositFormat

from ..integer.leading_zeros import leading_zeros
from ..integer.window_shift import shift_window
from ..plan.plan import Plan, Wire
from .project import PROJECT
from .unpacked import Unpacked, range_shape

__all__ = ["Normal", "round_to_posit", "string_width"]

_NEAREST = (Rounding.NEAREST_EVEN, Rounding.NEAREST_AWAY)


@dataclass(frozen=True)
class Normal:
    """The number (-1)^sign * 1.fraction * 2^exponent, or zero, or NaR.

    ``low`` and ``high`` bound the exponents of nonzero numbers. ``inexact``: whether there is more
    below the fraction. ``zero`` and ``nar`` are None where they cannot be; the rest then means
    nothing.

    With ``complement`` a negative number is (-2 + 0.fraction) * 2^~exponent: exponent and fraction
    are the digits of the code in two's complement.
    """

    sign: Wire
    exponent: Wire
    low: int
    high: int
    fraction: Wire
    inexact: Wire | None
    zero: Wire | None
    nar: Wire | None
    complement: bool = False


def extra_bits(rounding: Rounding, random: Wire | None) -> int:
    """How many bits below the code rounding looks at one by one."""
    return random.width if random is not None else int(rounding in _NEAREST)


def string_width(format: PositFormat, rounding: Rounding, random: Wire | None) -> int:
    """Bits of the string that matter one by one before it is shifted."""
    return format.width - 1 + extra_bits(rounding, random)


@PROJECT.rule(PositFormat)
def _project_posit(
    plan: Plan,
    format: PositFormat,
    number: Unpacked,
    rounding: Rounding,
    random: Wire | None,
    overflow: str | None,
) -> Wire:
    size = string_width(format, rounding, random) - 2 - format.exponent_width
    normal = _normalised(plan, number, max(size, 0), format.exponent_width)
    return round_to_posit(plan, format, normal, rounding, random)


def _normalised(plan: Plan, number: Unpacked, size: int, fields: int) -> Normal:
    """The number with its leading one on top, and ``size`` bits of fraction.

    The exponent has a sign above at least ``fields`` bits.
    """
    width = number.width
    leading = [span.leading_low for span in number.spans] or [width - 1]
    looked_at = width - min(leading)
    levels = (looked_at - 1).bit_length()
    zeros = plan.step(
        "leading_zeros",
        levels + 1,
        lambda p: leading_zeros(p[-looked_at:]),
        number.significand,
        using=LeadingZeros(looked_at),
    )
    amount = plan.step("normal_shift", max(levels, 1), lambda z: z[:levels], zeros)
    top = number.scale + width - 1
    low = min((s.exponent_low + s.leading_low for s in number.spans), default=0) + number.scale
    high = max((s.exponent_high + s.leading_high for s in number.spans), default=0) + number.scale
    shape = range_shape(min(low, -1 << fields), max(high, 0))
    exponent = plan.step(
        "leading_exponent",
        shape,
        lambda e, a: e + top - a,
        *(number.exponent, amount),
        using=Adder(shape.width),
        wrap=True,
    )
    window, inexact = shift_window(
        plan, number.significand, amount, size + 1, stages=levels, sticky=True
    )
    zero = number.zero
    if zero is None and number.zero_high is not None:
        zero = plan.step("empty", 1, lambda z: z[-1], zeros)
    fraction = plan.step("normal_fraction", size, lambda w: w[:-1], window)
    return Normal(number.sign, exponent, low, high, fraction, inexact, zero, number.special)


def round_to_posit(
    plan: Plan,
    format: PositFormat,
    number: Normal,
    rounding: Rounding = Rounding.NEAREST_EVEN,
    random: Wire | None = None,
) -> Wire:
    """The code of ``number`` in ``format``, rounded once; the string is cut where nobody looks."""
    return _Rounding(plan, format, number, Rounding(rounding), random).code()


class _Rounding:
    """One use of the rounding unit."""

    def __init__(self, plan, format: PositFormat, number: Normal, rounding: Rounding, random):
        self.plan, self.format, self.number = plan, format, number
        self.rounding, self.random = rounding, random
        self.extra = extra_bits(rounding, random)
        self.size = string_width(format, rounding, random)
        truncates = Rounding.DOWN if number.complement else Rounding.TOWARD_ZERO
        self.sticky_needed = random is None and rounding is not truncates
        self.lost: list[Wire] = []

    def step(self, name, shape, function, *operands, using=None) -> Wire:
        return self.plan.step(name, shape, function, *operands, using=using, wrap=True)

    def code(self) -> Wire:
        number, digits = self.number, self.format.width - 1
        nothing = self.plan.constant(0, 1)
        nar = number.nar or nothing
        void = nothing
        flags = [flag for flag in (number.zero, number.nar) if flag is not None]
        if flags:
            void = self.step("void", 1, lambda *f: Cat(*f).any(), *flags, using=Logic())
        sign = self.step("code_sign", 1, lambda s, v: s & ~v, number.sign, void, using=Logic())
        amount, over = self._amount(void)
        fill = self.step("fill", 1, lambda k, v: ~k[-1] & ~v, number.exponent, void, using=Logic())
        string, sticky = self._shift(self._string(fill), amount, fill)
        increment = self._increment(string, sticky, sign, fill, over, void)
        extra = self.extra
        body = self.step("body", digits, lambda w: w[extra:], string)
        if not number.complement:
            body = self.step(
                "signed_body",
                digits,
                lambda b, s: b ^ s.replicate(digits),
                *(body, sign),
                using=Logic(0, 0),
            )
        total = self.step(
            "rounded", digits, lambda b, i: b + i, body, increment, using=Adder(digits)
        )
        return self.step(
            "code", digits + 1, lambda t, s, n: Cat(t, s | n), total, sign, nar, using=Logic()
        )

    def _amount(self, void: Wire) -> tuple[Wire, Wire]:
        """By how much the string is shifted, and whether the run leaves no room for its end."""
        fields, longest = self.format.exponent_width, self.format.width - 2
        number = self.number
        run = self.step(
            "run",
            max(number.exponent.width - fields - 1, 0),
            lambda x: (x[fields:] ^ x[-1].replicate(len(x) - fields))[:-1],
            number.exponent,
            using=Logic(),
        )
        over = self.plan.constant(0, 1)
        if max(number.high >> fields, ~(number.low >> fields)) >= longest:
            over = self.step(
                "beyond", 1, lambda c: _at_least(c, longest), run, using=Logic(2, run.width // 3)
            )
        bits = longest.bit_length()
        amount = self.step(
            "string_shift",
            bits,
            lambda c, v: (
                Cat(c[:bits], Const(0, bits))[:bits] | (c[bits:].any() | v).replicate(bits)
            ),
            *(run, void),
            using=Logic(1, bits),
        )
        return amount, over

    def _string(self, fill: Wire) -> Wire:
        """The first bits of the code that nothing has been shifted out of; more are lost."""
        fields, size, number = self.format.exponent_width, self.size, self.number

        def string(x: Any, f: Any, fill: Any) -> Any:
            whole = Cat(f, x[:fields], x[-1], fill)
            return Cat(Const(0, max(size - len(whole), 0)), whole[max(len(whole) - size, 0) :])

        beyond = number.fraction.width + fields + 2 - size
        if self.sticky_needed and beyond > 0:
            self.lost.append(
                self.step(
                    "lost_below",
                    1,
                    lambda x, f: Cat(f, x[:fields], x[-1])[:beyond].any(),
                    *(number.exponent, number.fraction),
                    using=Logic(2, beyond // 3),
                )
            )
        if self.sticky_needed and number.inexact is not None:
            self.lost.append(number.inexact)
        return self.step("string", size, string, number.exponent, number.fraction, fill)

    def _shift(self, word: Wire, amount: Wire, fill: Wire) -> tuple[Wire, Wire]:
        """The string behind a longer run, and whether a one was shifted out."""
        size = self.size
        for index in reversed(range(amount.width)):
            distance = min(1 << index, size)
            if self.sticky_needed:
                self.lost.append(
                    self.step(
                        f"lost_{1 << index}",
                        1,
                        lambda w, c, i=index, d=distance: c[i] & w[:d].any(),
                        *(word, amount),
                        using=Logic(2, distance // 3 + 1),
                    )
                )
            word = self.step(
                f"string_{1 << index}",
                size,
                lambda w, c, f, i=index, d=distance: Mux(c[i], Cat(w[d:], f.replicate(d)), w),
                *(word, amount, fill),
                using=Multiplexer(size),
            )
        if not self.lost:
            return word, self.plan.constant(0, 1)
        sticky = self.step("inexact", 1, lambda *b: Cat(*b).any(), *self.lost, using=Logic(2, 2))
        return word, sticky

    def _increment(self, string, sticky, sign, fill, over, void) -> Wire:
        """What is added to the body once the sign has been applied to it.

        Two's complement digits that are cut off round down, whatever the sign.
        """
        extra, complement = self.extra, self.number.complement
        operands = [string, sticky, sign, fill, over, void]
        operands += [] if self.random is None else [self.random]

        def increment(w, sticky, sign, fill, over, void, *random) -> Any:
            rest, odd = w[:extra], w[extra]
            inexact = rest.any() | sticky
            up: Any = Const(0, 1)
            match self.rounding:
                case Rounding.NEAREST_EVEN:
                    up = rest[0] & (sticky | odd)
                case Rounding.NEAREST_AWAY:
                    up = rest[0] & (sticky | ~sign) if complement else rest[0]
                case Rounding.UP:
                    up = inexact if complement else inexact & ~sign
                case Rounding.DOWN:
                    up = Const(0, 1) if complement else inexact & sign
                case Rounding.TOWARD_ZERO:
                    up = inexact & sign if complement else Const(0, 1)
                case Rounding.TO_ODD:
                    up = inexact & ~odd
                case Rounding.STOCHASTIC:
                    up = (Value.cast(rest) + random[0])[extra]
            up = Mux(over, ~fill, up) & ~void
            return up if complement else up ^ sign

        return self.step("increment", 1, increment, *operands, using=Logic(2, 3))


def _at_least(value: Any, least: int) -> Any:
    """value >= least, without a carry chain."""
    found: Any = Const(1, 1)
    for index, bit in enumerate(value):
        found = bit & found if least >> index & 1 else bit | found
    return found if least >> len(value) == 0 else Const(0, 1)
