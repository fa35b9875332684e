"""The sum of two unpacked numbers, exact as far as one rounding can see.

One number, ``held``, keeps its place in a window of bits; the other, ``moved``, enters at the top
of the window and is shifted right by

    t = max(0, limit - D),    D = exponent(moved) - exponent(held).

With D > limit the held number lies wholly below everything that rounding looks at, and standing
too high in the window does no harm. Bits of the moved number that leave the window at the bottom
are joined in one sticky bit. Neither number has to be normalised, and it need not be known which
is larger: a carry chain compares them, and a negative difference is inverted without a second
addition, by ~(x + ~y) = y - x.

How far the window reaches up and down follows from what the operands can hold and from what the
rounding needs; :func:`window` works it out. A zero loses its place in the window to the other
operand.

Reference: Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed. 2018, section 7.3.
"""

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Multiplexer
from holigrail_hw.formats import Format, Rounding

from ..plan.plan import Plan, Wire
from .rules import hardware_rules
from .unpacked import Span, Unpacked, range_shape

__all__ = [
    "NEED",
    "SUM",
    "UNBOUNDED",
    "Need",
    "Window",
    "add_with_carry",
    "aligned_sum",
    "sum_cancelled",
    "sum_sign",
    "window",
    "zero_of",
]

UNBOUNDED = 1 << 20
"""More places than any number has."""

NEED = hardware_rules("need of a rounding")
"""By format: ``(format, guard, wraps)`` to a Need; without one for fixed-like formats."""
SUM = hardware_rules("sum")
"""By both formats: ``(plan, a, x, a_format, b, y, b_format, need, rounding)`` to an Unpacked; codes
and the numbers taken apart to their sum, as exact as ``need`` says."""


@dataclass(frozen=True)
class Need:
    """What rounding needs of an exact sum.

    ``precision``: significant bits of the result. ``finest``: no result has bits below
    2^finest. ``guard``: exact bits wanted below the last place, besides a sticky bit.
    """

    precision: int
    finest: int
    guard: int

    @classmethod
    def of(
        cls, format: Format, rounding: Rounding, random: Wire | None, *, wraps: bool = False
    ) -> "Need":
        """The need of one rounding to ``format``; ``wraps`` modulo its width."""
        guard = Rounding(rounding).guard(0 if random is None else random.width)
        rule = NEED.find(format)
        if rule is not None:
            return rule(format, guard, wraps)
        if not format.is_fixed_like:
            raise TypeError(f"{format}: no rule says what rounding to it needs of a sum")
        wraps = wraps and "wrap" in format.overflow_modes
        return cls(UNBOUNDED if wraps else format.width + 1, format.least_place, guard)


@dataclass(frozen=True)
class Window:
    """Where the bits of a sum are kept.

    ``limit``: greatest distance D that is represented. ``below``: exact bits kept under the last
    bit of the held number. ``above``: bits from there upwards. ``lossy``: whether bits may fall
    out below. ``yields``: whether a moved zero must leave its place to the held number.
    """

    limit: int
    below: int
    above: int
    lossy: bool
    yields: bool


def window(held: Unpacked, moved: Unpacked, need: Need) -> Window:
    """The smallest window that lets ``need`` be met for all values of both operands."""
    held_top = 1 + max(span.leading_high for span in held.spans)
    moved_low = _low(moved)
    limit = held_top
    for span in moved.spans:
        # The lowest exact bit, counted from the last bit of a moved number far above the other.
        exact = max(
            span.leading_low - need.precision,
            need.finest - span.exponent_high - moved.scale,
        )
        limit = max(limit, held_top - exact + need.guard)
    farthest = _high(moved) - _low(held)
    yields = False
    if farthest > limit:
        yields = (
            moved.zero_high is not None and limit < held_top - need.finest + moved_low + need.guard
        )
    else:
        limit = max(farthest, 0)
    below = 0
    nearest = moved_low - _high(held)
    for distance in range(-1, nearest - 1, -1):
        for x in held.spans:
            for y in moved.spans:
                below = max(below, _bits_below(distance, x, y, held.scale, moved.scale, need))
    # Forced or clamped alignments never use fewer bits than the operands have.
    above = limit + moved.width
    if above <= held_top or limit < held_top:
        above = max(above, held_top) + 1
    return Window(limit, below, above, -nearest > below, yields)


def aligned_sum(
    plan: Plan, held: Unpacked, moved: Unpacked, need: Need, rounding: Rounding
) -> Unpacked:
    """``held + moved``; the last bit of the significand is sticky if bits were lost.

    ``rounding`` decides the sign of a sum of opposite numbers.
    """
    place = window(held, moved, need)
    exponent, high, shift, gone = _align(plan, held, moved, place)
    word, sticky = _shift_down(plan, moved, place, shift, gone)
    size = place.above + place.below
    subtract = plan.step("subtract", 1, lambda x, y: x ^ y, held.sign, moved.sign, using=Logic())
    x = plan.step(
        "held", size, lambda s: Cat(Const(0, place.below), s)[:size], held.significand, wrap=True
    )
    y = plan.step(
        "addend", size, lambda w, s: w ^ s.replicate(size), word, subtract, using=Logic(1, size)
    )
    # held - moved >= 0 is the carry out of held + ~moved + 1; a sticky bit eats the 1.
    not_less = plan.step(
        "not_less",
        1,
        lambda x, y, lost: add_with_carry(x, y, ~lost)[size],
        *(x, y, sticky),
        using=Comparator(size),
    )
    total = plan.step(
        "total",
        size,
        lambda x, y, s, lost, n: (
            add_with_carry(x, y, s & n & ~lost)[:size] ^ (s & ~n).replicate(size)
        ),
        *(x, y, subtract, sticky, not_less),
        using=Adder(size),
    )
    significand, kept = total, place.below
    if place.lossy:
        significand = plan.step("sum", size + 1, lambda t, lost: Cat(lost, t), total, sticky)
        kept += 1
    sign = plan.step(
        "larger_sign",
        1,
        lambda s, n, x, y: Mux(s & ~n, y, x),
        *(subtract, not_less, held.sign, moved.sign),
        using=Logic(),
    )
    nan, special, sign = _specials(plan, held, moved, subtract, sign)
    cancelled = sum_cancelled(plan, significand, subtract, special)
    low = min(_low(held) + place.limit, _low(moved)) if place.yields else _low(moved)
    low -= moved.scale
    return Unpacked(
        sign=sum_sign(plan, cancelled, sign, rounding),
        significand=significand,
        exponent=exponent,
        scale=moved.scale - place.limit - kept,
        exponent_low=low,
        exponent_high=high,
        spans=(Span(low, high, 0, significand.width - 1),),
        zero_high=high,
        nan=nan,
        special=special,
    )


def add_with_carry(x: Any, y: Any, carry: Any) -> Any:
    """x + y + carry, one bit longer than x and y, on one carry chain."""
    return (Value.cast(Cat(Const(1, 1), x)) + Value.cast(Cat(carry, y)))[1:]


def sum_cancelled(
    plan: Plan, significand: Wire, subtract: Wire, special: Wire | None = None
) -> Wire:
    """Whether numbers of opposite signs added to zero."""
    return plan.step(
        "cancelled",
        1,
        lambda t, s, *special: s & ~t.any() & ~(special[0] if special else Const(0, 1)),
        *(significand, subtract),
        *([] if special is None else [special]),
        using=Logic(2, significand.width // 3 + 1),
    )


def sum_sign(plan: Plan, cancelled: Wire, sign: Wire, rounding: Rounding) -> Wire:
    """The sign of a sum: opposite numbers give +0, or -0 when rounding down (IEEE 754, 6.3)."""
    down = Rounding(rounding) is Rounding.DOWN
    return plan.step(
        "sum_sign", 1, lambda c, s: s | c if down else s & ~c, cancelled, sign, using=Logic()
    )


def _low(number: Unpacked) -> int:
    """Least exponent of a finite number, its scale included."""
    return number.exponent_low + number.scale


def _high(number: Unpacked) -> int:
    """Greatest exponent of a finite number, its scale included."""
    high = max((span.exponent_high for span in number.spans), default=number.exponent_low)
    return max(high, number.zero_high or 0) + number.scale


def _bits_below(distance: int, x: Span, y: Span, x_scale: int, y_scale: int, need: Need) -> int:
    """Bits needed under the held number's last bit when D is ``distance``, a negative number."""
    x_high = min(x.exponent_high + x_scale, y.exponent_high + y_scale - distance)
    if x_high < max(x.exponent_low + x_scale, y.exponent_low + y_scale - distance):
        return 0
    if distance + y.leading_high + 1 < x.leading_low:
        lead = x.leading_low - 1
    else:
        lead = distance
    exact = max(lead - need.precision + 1, need.finest - x_high) - need.guard
    # A single lost bit is not lost: it is the sticky bit.
    return min(-distance - 1, -exact)


def _align(plan: Plan, held: Unpacked, moved: Unpacked, place: Window):
    """The window's exponent in units of ``moved``, its greatest value, t, and "all bits lost"."""
    offset = held.scale - moved.scale + place.limit
    held_shape = range_shape(held.exponent_low + offset, held.exponent_high + offset)
    at_held = plan.step(
        "held_exponent",
        held_shape,
        lambda e: e + offset,
        held.exponent,
        using=Adder(held_shape.width),
        wrap=True,
    )
    distance_low = held.exponent_low + offset - moved.exponent_high
    distance_high = held.exponent_high + offset - moved.exponent_low
    shape = range_shape(distance_low, distance_high)
    distance = plan.step(
        "distance",
        shape,
        lambda x, y: x - y,
        *(at_held, moved.exponent),
        using=Adder(shape.width),
        wrap=True,
    )
    above = plan.step("above", 1, lambda d: d[-1] if shape.signed else Const(0, 1), distance)
    if held.zero_high is not None and place.lossy:
        above = plan.step("above", 1, lambda a, z: a | z, above, zero_of(plan, held), using=Logic())
    if place.yields:
        above = plan.step(
            "above", 1, lambda a, z: a & ~z, above, zero_of(plan, moved), using=Logic()
        )
    high = max(_high(held) - moved.scale + place.limit, _high(moved) - moved.scale)
    low = min(held.exponent_low + offset, 0) if place.yields else 0
    exponent_shape = range_shape(low, max(high, held.exponent_high + offset, moved.exponent_high))
    exponent = plan.step(
        "window_exponent",
        exponent_shape,
        lambda a, x, y: Mux(a, y, x)[: exponent_shape.width],
        *(above, at_held, moved.exponent),
        using=Multiplexer(exponent_shape.width),
        wrap=True,
    )
    most = min(max(distance_high, 0), place.above + place.below)
    bits = most.bit_length()
    shift = plan.step(
        "shift",
        max(bits, 1),
        lambda d, a: Value.cast(d)[:bits] & ~a.replicate(bits),
        *(distance, above),
        using=Logic(1, bits),
    )
    gone = None
    if distance_high >> bits:
        upper = slice(bits, shape.width - shape.signed)
        gone = plan.step(
            "gone", 1, lambda d, a: Value.cast(d)[upper].any() & ~a, distance, above, using=Logic()
        )
    return exponent, high, shift, gone


def _shift_down(plan: Plan, moved: Unpacked, place: Window, shift: Wire, gone: Wire | None):
    """``moved`` from the top of the window down by ``shift``, and whether a one was lost."""
    size = place.above + place.below
    fill = place.above - place.limit - moved.width
    lost: list[Wire] = []
    word = plan.step(
        "moved", fill + moved.width, lambda s: Cat(s, Const(0, fill)), moved.significand
    )
    if gone is not None:
        lost.append(
            plan.step("lost_all", 1, lambda w, g: g & w.any(), word, gone, using=Logic(2, 4))
        )
        word = plan.step(
            "moved_kept",
            word.width,
            lambda w, g: w & ~g.replicate(len(w)),
            *(word, gone),
            using=Logic(1, word.width),
        )
    for index in range(shift.width):
        step = 1 << index
        wide = min(word.width + step, size)
        drop = word.width + step - wide

        def shifted(w, s, index=index, step=step, wide=wide, drop=drop):
            stays = Cat(Const(0, wide - len(w)), w)
            return Mux(s[index], w[drop:], stays)

        if drop:
            lost.append(
                plan.step(
                    f"lost_{step}",
                    1,
                    lambda w, s, index=index, drop=drop: s[index] & w[:drop].any(),
                    *(word, shift),
                    using=Logic(2, drop // 3 + 1),
                )
            )
        word = plan.step(f"moved_{step}", wide, shifted, word, shift, using=Multiplexer(wide))
    if word.width < size:
        missing = size - word.width
        word = plan.step("moved_full", size, lambda w: Cat(Const(0, missing), w), word)
    if not place.lossy or not lost:
        return word, plan.constant(0, 1)
    sticky = plan.step(
        "sticky", 1, lambda *bits: Value.cast(Cat(*bits)).any(), *lost, using=Logic(2, 2)
    )
    return word, sticky


def zero_of(plan: Plan, number: Unpacked) -> Wire:
    """Whether a number is zero."""
    if number.zero is not None:
        return number.zero
    return plan.step(
        "is_zero",
        1,
        lambda s: ~s.any(),
        number.significand,
        using=Logic(2, number.width // 3 + 1),
    )


def _specials(plan: Plan, held: Unpacked, moved: Unpacked, subtract: Wire, sign: Wire):
    """NaN and special flags of the sum, and the sign with that of infinities."""
    nan, special = held.nan or moved.nan, held.special or moved.special
    if held.nan and moved.nan and held.special and moved.special:
        nan = plan.step(
            "sum_nan",
            1,
            lambda x, y, i, j, s: x | y | (i & j & s),
            *(held.nan, moved.nan, held.special, moved.special, subtract),
            using=Logic(2, 2),
        )
        special = plan.step(
            "sum_special", 1, lambda i, j: i | j, held.special, moved.special, using=Logic()
        )
    for number in (moved, held):
        if number.special is not None:
            sign = plan.step(
                "special_sign",
                1,
                lambda i, s, other: Mux(i, s, other),
                *(number.special, number.sign, sign),
                using=Logic(),
            )
    return nan, special, sign
