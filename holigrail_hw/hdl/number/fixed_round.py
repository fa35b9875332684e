"""Rounding an unpacked number to an integer multiple of a constant unit: fixed point.

The significand is shifted to the place its exponent says, the bits below the unit decide the
increment, and one adder applies increment and sign together: -(m + i) = ~m + (1 - i). What lies
beyond the result's range saturates or is cut off (modulo 2^width).
"""

from amaranth import Cat, Const, Mux, Shape, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Shifter
from holigrail_hw.formats import Rounding

from ..plan.plan import Plan, Wire
from .increment import grows
from .unpacked import Unpacked

__all__ = ["round_to_integer"]


def round_to_integer(
    plan: Plan,
    number: Unpacked,
    fraction_width: int,
    bounds: tuple[int, int],
    *,
    rounding: Rounding,
    random: Wire | None = None,
    saturate: bool = True,
) -> Wire:
    """``number`` in units of 2^-fraction_width; NaN gives 0.

    Parameters
    ----------
    bounds : (int, int)
        Smallest and largest integer of the result, which has the smallest shape that holds both.
    saturate : bool
        Clamp to the bounds; otherwise wrap, and infinities give 0.
    """
    low, high = bounds
    width = max(high.bit_length(), (-1 - low).bit_length() if low < 0 else 0) + (low < 0)
    shape = signed(width) if low < 0 else unsigned(width)
    extra = Rounding(rounding).guard(random.width) if random is not None else 2
    integer, rest, far = _place(plan, number, fraction_width, width, extra)
    increment = _increment(plan, rounding, number.sign, integer, rest, random)
    wide = integer.width + 2

    def apply_sign(m, i, s):
        flipped = Cat(m, Const(0, 2)) ^ s.replicate(wide)
        return (flipped + (i ^ s))[:wide].as_signed()

    total = plan.step(
        "rounded",
        signed(wide),
        apply_sign,
        integer,
        increment,
        number.sign,
        using=Adder(wide),
        wrap=True,
    )
    if saturate:
        return _saturated(plan, total, number, far, shape, bounds)
    return plan.step(
        "code",
        shape,
        lambda t, special: Mux(special, 0, _resize(t, width)),
        total,
        number.special or plan.constant(0, 1),
        using=Logic(1, width),
        wrap=True,
    )


def _saturated(
    plan: Plan, total: Wire, number: Unpacked, far: Wire, shape: Shape, bounds: tuple[int, int]
) -> Wire:
    low, high = bounds
    nothing = plan.constant(0, 1)
    special, nan = number.special or nothing, number.nan or nothing

    def clamp(t, s, far, special, nan):
        over, under = (t > high), (t < low)
        beyond = far | special
        clamped = Mux(
            (beyond & s) | (under & ~beyond),
            low,
            Mux(beyond | over, high, t),
        )
        return Mux(nan, 0, clamped)

    return plan.step(
        "code",
        shape,
        clamp,
        total,
        number.sign,
        far,
        special,
        nan,
        using=Comparator(total.width),
        wrap=True,
    )


def _resize(value, width: int):
    value = Value.cast(value)
    return Cat(value, value[-1].replicate(max(width - len(value), 0)))[:width]


def _place(plan: Plan, number: Unpacked, fraction_width: int, width: int, extra: int):
    """Integer part of the magnitude, ``extra`` bits and a sticky bit below it, and "far too large".

    The last ``rest`` bit is the sticky bit; more than ``width`` bits of integer part are kept only
    as far as they are needed to see an overflow.
    """
    significand_width = number.width
    offset = number.scale + fraction_width
    low, high = number.exponent_low + offset, number.exponent_high + offset
    # Shifts to the left beyond these limits move everything out of sight.
    least, most = max(low, -(significand_width + extra)), min(high, width)
    most = max(most, least)
    below = max(0, -least)
    size = significand_width + max(most, 0) + below
    shifts = most - least
    stages = shifts.bit_length()
    base = max(least, 0)

    amount = plan.step(
        "shift",
        max(stages, 1),
        lambda e: (e + (offset - least))[: max(stages, 1)],
        number.exponent,
        using=Adder(max(stages, 1)),
        wrap=True,
    )
    far = lost = None
    if high > most:
        far = plan.step(
            "far",
            1,
            lambda e, m: (e > most - offset) & m.any(),
            number.exponent,
            number.significand,
            using=Comparator(number.exponent.width),
        )
    if low < least:
        lost = plan.step(
            "all_lost",
            1,
            lambda e: e < least - offset,
            number.exponent,
            using=Comparator(number.exponent.width),
        )
    placed = plan.step(
        "placed",
        size,
        lambda m, s: ((m << base) << s)[:size] if stages else (m << base)[:size],
        number.significand,
        amount,
        using=Shifter(size, stages),
        wrap=True,
    )
    nothing = plan.constant(0, 1)
    gone = (far or nothing, lost or nothing)
    integer, rest = _cut(plan, placed, gone, number.significand, below, extra)
    return integer, rest, far or nothing


def _cut(
    plan: Plan, placed: Wire, gone: tuple[Wire, Wire], significand: Wire, below: int, extra: int
) -> tuple[Wire, Wire]:
    """What stands above the lowest ``below`` bits, and ``extra`` bits and a sticky bit of those.

    ``gone``: all stands too far above, or too far below.
    """

    def visible(p, far, lost):
        return Mux(far | lost, 0, p[below:] if below < len(p) else Const(0, 1))

    def discarded(p, far, lost, m):
        bits = p[:below] if below else Const(0, 1)
        kept = [bits[len(bits) - 1 - k] if k < len(bits) else Const(0, 1) for k in range(extra)]
        under = bits[: max(len(bits) - extra, 0)]
        sticky = Mux(lost, m.any(), under.any() & ~far if len(under) else 0)
        mask = ~(far | lost)
        return Cat(sticky, *(bit & mask for bit in reversed(kept)))

    operands = (placed, *gone)
    integer = plan.step(
        "integer", max(placed.width - below, 1), visible, *operands, using=Logic(1, placed.width)
    )
    rest = plan.step(
        "discarded",
        extra + 1,
        discarded,
        *operands,
        significand,
        using=Logic(2, below),
    )
    return integer, rest


def _increment(plan: Plan, rounding: Rounding, sign, integer, rest, random) -> Wire:
    """Whether the magnitude grows by one. ``rest``: the bits below the unit, sticky bit last."""

    def increment(sign, integer, rest, *random):
        match Rounding(rounding):
            case Rounding.STOCHASTIC:
                return (rest[1:] + random[0])[-1]
            case Rounding.STOCHASTIC_C:
                return (rest[2:] + random[0] + (rest[1] & (rest[0] | rest[2])))[len(random[0])]
        return grows(rounding, rest, integer[0], sign)

    operands = [sign, integer, rest] + ([random] if random is not None else [])
    return plan.step("increment", 1, increment, *operands, using=Logic(2, rest.width))
