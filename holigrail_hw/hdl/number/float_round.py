"""Rounding an unpacked number to a float format, once, in any rounding mode.

With X the exponent field that the number has if the top bit of its significand is the leading one
(less one), and L its leading zeros, the field minus one of a normal result is D = X - L:

* D >= 0: shift the significand left by L; the exponent field is D, and the hidden bit adds one.
* D < 0: the result is subnormal. Shift by X instead (right if negative); the field is 0, and the
  hidden bit, if rounding creates it, makes the field 1.

One shifter thus normalises and denormalises. One adder adds the hidden bit and the rounding
increment to {field, fraction}, so that carries run into the field and the code of the largest
number turns into the one above it. Fields, shifts and special cases that the operand's spans rule
out are left out.

Reference: Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed. 2018, chapter 7.
"""

from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Adder, LeadingZeros, Logic, Multiplexer
from holigrail_hw.formats import Rounding
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from ..integer.leading_zeros import leading_zeros
from ..integer.window_shift import shift_window
from ..plan.plan import Plan, Wire
from .status import Status
from .unpacked import Unpacked, range_shape

__all__ = ["round_to_float"]


def round_to_float(
    plan: Plan,
    format: BinaryFloat,
    number: Unpacked,
    rounding: Rounding = Rounding.NEAREST_EVEN,
    random: Wire | None = None,
    status: Status | None = None,
) -> Wire:
    """The code of ``number`` in ``format``, rounded once.

    Parameters
    ----------
    random : Wire or None
        For stochastic rounding: the random word.
    status : Status or None
        Filled with what exception flags are made of; the format has subnormal numbers then.

    Returns
    -------
    Wire
        The packed code, an unsigned integer; NaN is canonical.
    """
    return _Rounding(plan, format, number, Rounding(rounding), random, status).code()


class _Rounding:
    """One use of the rounding unit: what can happen, then the steps."""

    def __init__(
        self, plan, format: BinaryFloat, number: Unpacked, rounding: Rounding, random, status
    ):
        self.plan, self.format, self.number = plan, format, number
        self.rounding, self.random, self.status = rounding, random, status
        self.fields, self.fraction = format.exponent_width, format.fraction_width
        nearest_even = rounding is Rounding.NEAREST_EVEN
        self.sticky_needed = (status is not None or nearest_even) or rounding in (
            Rounding.UP,
            Rounding.DOWN,
            Rounding.TO_ODD,
            Rounding.STOCHASTIC_C,
        )
        self.extra = rounding.guard(0 if random is None else random.width)
        # Whether a number is tiny after rounding shows one place below.
        self.finer = int(status is not None and status.tininess == "after")
        self.window = self.fraction + 1 + self.extra + self.finer
        width = number.width
        # The field less one, if the top bit of the significand is the leading one.
        self.offset = number.scale + width - 1 + format.bias - 1
        spans = [
            (
                span.exponent_low + self.offset,
                span.exponent_high + self.offset,
                width - 1 - span.leading_high,
                width - 1 - span.leading_low,
            )
            for span in number.spans
        ]
        self.field_low = min((low for low, _, _, _ in spans), default=0)
        self.field_high = max((high - zeros for _, high, zeros, _ in spans), default=0)
        if format.subnormals:
            self.most_left = max((min(z, max(h, 0)) for _, h, _, z in spans), default=0)
            self.may_be_subnormal = any(low < zeros for low, _, _, zeros in spans)
            self.most_right = max(0, -self.field_low)
        else:
            self.most_left = max((zeros for _, _, _, zeros in spans), default=0)
            self.may_be_subnormal = False
            self.most_right = 0
        self.may_be_zero = number.zero_high is not None

    def step(self, name, shape, function, *operands, using=None, wrap=False) -> Wire:
        return self.plan.step(name, shape, function, *operands, using=using, wrap=wrap)

    def code(self) -> Wire:
        field = self._field()
        count, empty = self._leading_zeros()
        normal_field, below = self._normal_field(field, count, empty)
        amount, negative, lost = self._shift_amount(field, count, below)
        window, sticky = self._shift(amount, negative, lost)
        if self.status is not None:
            window, sticky = self._observe(window, sticky, below)
        total = self._add(window, sticky, normal_field, below, empty)
        return self._finish(total, normal_field, below, empty)

    def _field(self) -> Wire:
        """X: the field less one of a number without leading zeros."""
        number, offset = self.number, self.offset
        low, high = number.exponent_low + offset, number.exponent_high + offset
        return self.step(
            "field_top",
            range_shape(low, high),
            lambda exponent: exponent + offset,
            number.exponent,
            using=Adder(range_shape(low, high).width),
            wrap=True,
        )

    def _leading_zeros(self) -> tuple[Wire, Wire]:
        """L, and whether all bits that may hold the leading one are zero."""
        looked_at = min(self.most_left + 1, self.number.width)
        levels = (looked_at - 1).bit_length()
        zeros = self.step(
            "leading_zeros",
            levels + 1,
            lambda p: leading_zeros(p[-looked_at:]),
            self.number.significand,
            using=LeadingZeros(looked_at),
        )
        return zeros, self.step("empty", 1, lambda z: z[-1], zeros)

    def _normal_field(self, field: Wire, count: Wire, empty: Wire) -> tuple[Wire, Wire]:
        """D, and whether it is negative."""
        high = (1 << count.width) - 1
        low_field, high_field = _bounds(field)
        shape = range_shape(low_field - high, high_field)
        difference = self.step(
            "normal_field",
            shape,
            lambda x, zeros: x - zeros,
            field,
            count,
            using=Adder(shape.width),
            wrap=True,
        )
        return difference, self.step("below", 1, lambda d: d[-1] if shape.signed else 0, difference)

    def _shift_amount(self, field, count, below):
        """Shift to the left; whether it starts 2^right_bits further right; whether all is lost."""
        left_bits = self.most_left.bit_length()
        reach = self.window - 1 if self.rounding is Rounding.NEAREST_EVEN else self.window
        right = min(self.most_right, reach)
        self.right_bits = (right - 1).bit_length() if right else 0
        self.stages = stages = max(left_bits, self.right_bits)
        if not self.may_be_subnormal:
            return self.step("shift", max(stages, 1), lambda z: z[:stages], count), None, None
        negative = self.step("shifts_right", 1, lambda x: x[-1], field) if right else None
        right_bits = self.right_bits

        def choose(x, zeros, below, negative=0):
            wide = Value.cast(x)
            bits = []
            for index in range(stages):
                from_field = wide[min(index, len(wide) - 1)]
                from_count = zeros[index] if index < left_bits else Const(0, 1)
                bit = Mux(below, from_field, from_count)
                bits.append(bit if index < right_bits or not right else bit & ~negative)
            return Cat(*bits) if bits else Const(0, 1)

        operands = [field, count, below] + ([negative] if right else [])
        amount = self.step(
            "shift", max(stages, 1), choose, *operands, using=Multiplexer(max(stages, 1))
        )
        lost = None
        if self.most_right > 1 << right_bits:
            lost = self.step(
                "all_lost",
                1,
                lambda x: x[-1] & ~Value.cast(x)[right_bits:].all(),
                field,
                using=Logic(2, 2),
            )
        return amount, negative, lost

    def _shift(self, amount, negative, lost):
        """The top bits of the shifted significand, and whether a one was lost below them."""
        return shift_window(
            self.plan,
            self.number.significand,
            amount,
            self.window,
            stages=self.stages,
            right=None if negative is None else (negative, 1 << self.right_bits),
            lost=lost,
            sticky=self.sticky_needed,
        )

    def _observe(self, fine, beyond, below):
        """Tell whether the result is inexact, and whether it underflows; the window without its
        lowest place, and what is lost below that."""
        window, sticky, extra = fine, beyond, self.extra
        if self.finer:
            window = self.step("window", self.window - 1, lambda w: w[1:], fine)
            sticky = self.step("sticky", 1, lambda w, s: w[0] | s, fine, beyond, using=Logic())
        inexact = self.step(
            "inexact", 1, lambda w, s: w[:extra].any() | s, window, sticky, using=Logic(2, 1)
        )
        self.status.number, self.status.inexact = self.number, inexact

        def tiny(inexact, below, fine, beyond, sign):
            found = inexact & below
            if not self.finer:
                return found
            # With one place more, it would be rounded up to the smallest normal number.
            ones = fine[extra + 1 : -1].all() & fine[extra]
            up = {
                Rounding.NEAREST_EVEN: fine[0],
                Rounding.NEAREST_AWAY: fine[0],
                Rounding.UP: beyond & ~sign,
                Rounding.DOWN: beyond & sign,
            }
            return found & ~(ones & up.get(self.rounding, Const(0, 1)))

        self.status.underflow = self.step(
            "underflow",
            1,
            tiny,
            *(inexact, below, fine, beyond, self.number.sign),
            using=Logic(2, self.fraction // 3 + 2),
        )
        return window, sticky

    def _add(self, window, sticky, normal_field, below, empty):
        """Code of the magnitude with one bit more than the format has."""
        extra, fraction, fields = self.extra, self.fraction, self.fields
        masked = self.format.subnormals
        size = fields if masked else max(fields + 1, normal_field.width) + 1
        high = [normal_field]
        if masked:
            high += [below] + ([empty] if self.may_be_zero else [])

        def field_bits(d, *zeros):
            wide = Value.cast(d)
            bits = [
                wide[i] if i < len(wide) else (wide[-1] if d.shape().signed else Const(0, 1))
                for i in range(size)
            ]
            if not masked:
                return Cat(*bits)
            mask = zeros[0] if len(zeros) == 1 else zeros[0] | zeros[1]
            return Cat(*bits) & ~mask.replicate(size)

        field = self.step("field", size, field_bits, *high, using=Logic(1, size))
        operands = [window, field, self.number.sign, sticky]
        operands += [] if self.random is None else [self.random]
        total_size = size + fraction + masked

        def total(w, e, sign, inexact, *random) -> Any:
            hidden, kept = w[-1], w[extra:-1]
            odd = kept[0] if fraction else e[0] ^ hidden
            increment = Const(0, 1)
            match self.rounding:
                case Rounding.NEAREST_EVEN:
                    increment = w[0] & (inexact | odd)
                case Rounding.NEAREST_AWAY:
                    increment = w[0]
                case Rounding.UP:
                    increment = inexact & ~sign
                case Rounding.DOWN:
                    increment = inexact & sign
                case Rounding.TO_ODD:
                    increment = inexact & ~odd
                case Rounding.STOCHASTIC:
                    left: Any = Cat(w[:-1], e)
                    right = Cat(random[0], Const(0, fraction), hidden)
                    return (left + right)[extra:]
                case Rounding.STOCHASTIC_C:
                    # The cut off part is rounded to as many bits as the random word has.
                    carry = w[0] & (inexact | w[1])
                    left = Cat(Const(1, 1), w[1:-1], e)
                    right = Cat(carry, random[0], Const(0, fraction), hidden)
                    return (left + right)[extra:]
            left: Any = Cat(kept, e)
            if fraction == 0:
                return left + hidden + increment
            return left + Cat(increment, Const(0, fraction - 1), hidden)

        return self.step(
            "rounded", total_size, total, *operands, using=Adder(total_size), wrap=True
        )

    def _finish(self, total, normal_field, below, empty):
        """Overflow, special values and the sign."""
        flushed = self._flushed(total, empty)
        over = self._overflow(total, normal_field, below, empty, flushed)
        if self.status is not None:
            self.status.overflow = over
            self.status.inexact = self.step(
                "inexact_or_over", 1, lambda x, y: x | y, self.status.inexact, over, using=Logic()
            )
        nothing, number = self.plan.constant(0, 1), self.number
        return self.step(
            "code",
            self.format.width,
            self._signed_code if self.format.signed else self._unsigned_code,
            total,
            number.sign,
            over,
            number.special or nothing,
            number.nan or nothing,
            flushed,
            using=Logic(2, self.format.width),
            wrap=True,
        )

    def _flushed(self, total, empty) -> Wire:
        """Whether a number lies below the smallest one, where there are no subnormal ones."""
        if self.format.subnormals:
            return self.plan.constant(0, 1)
        # The field is signed here: not above 0 means below the smallest normal number.
        lowest = self.fraction if self.format.flushes else 0
        return self.step(
            "flushed",
            1,
            lambda t, e: t[-1] | ~t[lowest:-1].any() | e,
            total,
            empty,
            using=Logic(2, 3),
        )

    def _overflow(self, total, normal_field, below, empty, flushed) -> Wire:
        """Whether a rounded magnitude is above the largest number."""
        format, fields, width = self.format, self.fields, self.format.magnitude_width
        if self.field_high + 1 < format.largest_code >> self.fraction:
            return self.plan.constant(0, 1)
        # As many codes as a power of two lie above the largest number, or none.
        above = (1 << width) - 1 - format.largest_code
        lowest = above.bit_length() - 1

        def is_over(total, d, below, empty, flushed):
            magnitude, upper = total[:width], total[width:]
            if format.subnormals:
                sure = Value.cast(d)[fields : len(d) - d.shape().signed]
                big = upper | sure.any() & ~below & ~empty if len(sure) else upper
            else:
                big = upper[:-1].any()
            if above:
                big = big | (magnitude[lowest:] if lowest else magnitude).all()
            return big & ~flushed

        return self.step(
            "overflow",
            1,
            is_over,
            total,
            normal_field,
            below,
            empty,
            flushed,
            using=Logic(2, 3),
        )

    def _magnitude(self, total, sign, over, special, nan, flushed) -> tuple[Any, Any]:
        """The code without its sign, and whether it is NaN."""
        format, largest, width = self.format, self.format.largest_code, self.format.magnitude_width
        nan_code = largest if format.nan_code is None else format.nan_code
        nan_magnitude = nan_code & ((1 << width) - 1)
        infinite, stop = format.infinity_code, self._stops(sign)
        if format.saturates:
            infinite = largest
        elif infinite is None:
            infinite = nan_magnitude
        magnitude = total[:width]
        magnitude = Mux(flushed, 0, magnitude) if not format.subnormals else magnitude
        to_largest = Mux(stop, largest, infinite)
        magnitude = Mux(over, to_largest, magnitude)
        magnitude = Mux(special, infinite, magnitude)
        magnitude = Mux(nan, nan_magnitude, magnitude)[:width]
        if format.has_nan and not format.has_infinity and not format.saturates:
            nan = nan | special | (over & ~stop)
        return magnitude, nan

    def _signed_code(self, total, sign, over, special, nan, flushed) -> Any:
        magnitude, nan = self._magnitude(total, sign, over, special, nan, flushed)
        if self.format.nan_is_negative_zero:
            negative = sign & magnitude.any() | nan
        else:
            negative = sign & ~nan
        return Cat(magnitude, negative)

    def _unsigned_code(self, total, sign, over, special, nan, flushed) -> Any:
        """No number is below zero: what is becomes zero, as it would the lowest one, or NaN."""
        magnitude, _ = self._magnitude(total, sign, over, special, nan, flushed)
        ends: Any = Const(0, 1)
        if self.format.clamps:
            ends = Const(1, 1)
        elif self.rounding in (Rounding.TOWARD_ZERO, Rounding.UP):
            ends = ~special
        is_below = sign & magnitude.any() & ~nan
        return Mux(is_below, Mux(ends, 0, self.format.nan_code), magnitude)

    def _stops(self, sign) -> Any:
        """Whether overflow of a finite number ends at the largest number."""
        if self.format.clamps:
            return Const(1, 1)
        match self.rounding:
            case Rounding.TOWARD_ZERO:
                return Const(1, 1)
            case Rounding.TO_ODD:
                return Const(int(self.format.odd_stops), 1)
            case Rounding.UP:
                return sign
            case Rounding.DOWN:
                return ~sign
        return Const(0, 1)


def _bounds(wire: Wire) -> tuple[int, int]:
    """Smallest and largest integer of a wire's shape."""
    shape = Value.cast(wire.value).shape()
    if shape.signed:
        return -(1 << (shape.width - 1)), (1 << (shape.width - 1)) - 1
    return 0, (1 << shape.width) - 1
