"""Addition and subtraction of floats, with one rounding.

Operands of one float format are ordered by magnitude first: one comparison of their codes without
the sign. Then only the smaller one is shifted, the difference is never negative, and few bits below
the last place of the larger one decide how the sum is rounded. The same comparison makes the
distance: with the exponent fields E and the borrow of the comparison,

    |Ea - Eb| = Ea - Eb,  or  ~(Ea + ~Eb) = Eb - Ea,

so the conditional negation costs no second adder. A subnormal counts with the exponent field 1;
the distance is one less if exactly one operand is subnormal, which is the absence of the carry that
starts the subtraction.

Operands of different formats go through :mod:`.float_sum`.

Reference: Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed. 2018, sections 7.3, 8.4.
"""

from dataclasses import replace

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Multiplexer
from holigrail_hw.formats import Format, Rounding
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from ..plan.plan import Plan, Wire
from .float_sum import SUM, Need, add_with_carry, aligned_sum, sum_cancelled, sum_sign
from .project import project
from .status import Status
from .unpack import unpack
from .unpacked import Span, Unpacked

__all__ = ["float_add"]


def float_add(
    plan: Plan,
    a: Wire,
    a_format: Format,
    b: Wire,
    b_format: Format,
    result_format: Format,
    rounding: Rounding = Rounding.NEAREST_EVEN,
    random: Wire | None = None,
    *,
    subtract: bool = False,
    overflow: str = "saturate",
    status: Status | None = None,
) -> Wire:
    """The code of a + b, or a - b, in ``result_format``, rounded once.

    Parameters
    ----------
    a, b : Wire
        Codes of numbers of any formats that have hardware.
    random : Wire or None
        The random word, for stochastic rounding.
    overflow : str
        ``wrap`` or ``saturate``, for a fixed-point result.
    status : Status or None
        Filled with what flags are made of.
    """
    x, y = unpack(plan, a_format, a, "a"), unpack(plan, b_format, b, "b")
    if subtract:
        y = replace(y, sign=plan.step("b_negated", 1, lambda s: ~s, y.sign, using=Logic()))
    need = Need.of(result_format, rounding, random, wraps=overflow == "wrap")
    need = need if status is None else replace(need, guard=need.guard + 1)
    rule = SUM.find(a_format, b_format)
    if rule is not None:
        total = rule(plan, a, x, a_format, b, y, b_format, need, rounding)
    else:
        total = aligned_sum(plan, x, y, need, rounding)
    how = {"rounding": rounding, "random": random, "overflow": overflow, "status": status}
    return project(plan, result_format, total, **how)


@SUM.rule(BinaryFloat, BinaryFloat)
def _ordered_sum(
    plan: Plan,
    a: Wire,
    x: Unpacked,
    format: BinaryFloat,
    b: Wire,
    y: Unpacked,
    other: BinaryFloat,
    need: Need,
    rounding: Rounding,
) -> Unpacked:
    """``x + y`` of two numbers of one float format, given their codes too."""
    if other != format:
        return aligned_sum(plan, x, y, need, rounding)
    fraction, magnitude, step = format.fraction_width, format.magnitude_width, plan.step
    swap = step(
        "swap",
        1,
        lambda a, b: Value.cast(a)[:magnitude] < Value.cast(b)[:magnitude],
        *(a, b),
        using=Comparator(magnitude),
    )
    subtract = step("subtract", 1, lambda x, y: x ^ y, x.sign, y.sign, using=Logic())

    def choose(name, if_swapped, if_not, width):
        return step(
            name,
            width,
            lambda s, x, y: Mux(s, x, y),
            *(swap, if_swapped, if_not),
            using=Multiplexer(width),
        )

    large = choose("large", y.significand, x.significand, fraction + 1)
    small = choose("small", x.significand, y.significand, fraction + 1)
    exponent = _larger_exponent(plan, a, b, swap, large, format)
    sign = choose("large_sign", y.sign, x.sign, 1)
    distance = _distance(plan, a, x, b, y, format, swap)

    # With two or more places between them, the sum is not below half of the larger number.
    farthest = x.exponent_high - x.exponent_low
    below = min(max(1, need.precision + need.guard - fraction), farthest)
    total = _magnitudes_added(plan, large, small, distance, subtract, below, farthest)
    kept = total.width - (fraction + 2)
    # Of numbers that are close together, no bit below the first one kept is set.
    lowest = max(kept - 1, 0)
    visible = step("visible", total.width - lowest, lambda t: t[lowest:], total)
    cancelled = sum_cancelled(plan, visible, subtract)
    nan, special = _specials(plan, x, y, format, exponent, large, subtract, cancelled)
    lowest = 0 if format.full else 1
    high = max(format.largest_code >> fraction, lowest)
    return Unpacked(
        sign=sum_sign(plan, cancelled, sign, rounding),
        significand=total,
        exponent=exponent,
        scale=x.scale - kept,
        exponent_low=x.exponent_low,
        exponent_high=x.exponent_high,
        spans=(Span(lowest, high, max(kept - 1, 0), total.width - 1),),
        zero_high=high,
        nan=nan,
        special=special,
    )


def _magnitudes_added(
    plan: Plan,
    large: Wire,
    small: Wire,
    distance: Wire,
    subtract: Wire,
    below: int,
    farthest: int,
) -> Wire:
    """``large`` plus or minus the shifted ``small``, with ``below`` more bits than they have.

    Where a shift may reach farther, the lowest bit says whether a one was lost.
    """
    step = plan.step
    word, sticky = _shift_down(plan, small, distance, large.width + below, farthest)
    size = large.width + 1 + below
    addend = step(
        "addend",
        size,
        lambda w, s: Cat(w, 0) ^ s.replicate(size),
        word,
        subtract,
        using=Logic(1, size),
    )
    total = step(
        "total",
        size,
        lambda p, q, s, lost: add_with_carry(Cat(Const(0, below), p, Const(0, 1)), q, s & ~lost)[
            :size
        ],
        *(large, addend, subtract, sticky),
        using=Adder(size),
    )
    if farthest > below:
        total = step("sum", size + 1, lambda t, lost: Cat(lost, t), total, sticky)
    return total


def _specials(plan: Plan, x, y, format, exponent, large, subtract, cancelled):
    """NaN and special flags of the sum."""
    if x.special is None or y.special is None:
        return x.special, x.special
    step = plan.step
    if format.infinity_has_own_field and format.exponent_width > 1:
        # The larger number is special if any is.
        special = step("sum_special", 1, lambda e: e.all(), exponent, using=Logic(2, 2))
    else:
        # Finite numbers share the exponent of infinity; with one exponent bit, subnormals do.
        special = step("sum_special", 1, lambda i, j: i | j, x.special, y.special, using=Logic())
    if not format.has_infinity:
        return special, special
    if format.infinity_has_own_field:
        # Equal infinities of opposite signs cancel.
        nan = step(
            "sum_nan",
            1,
            lambda i, p, c: i & (p[:-1].any() | c),
            *(special, large, cancelled),
            using=Logic(2, 4),
        )
    else:
        nan = step(
            "sum_nan",
            1,
            lambda p, q, i, j, s: p | q | (i & j & s),
            *(x.nan, y.nan, x.special, y.special, subtract),
            using=Logic(2, 2),
        )
    return nan, special


def _larger_exponent(plan: Plan, a: Wire, b: Wire, swap: Wire, large: Wire, format) -> Wire:
    """The exponent of the larger number; a field of 0 counts as 1 unless subnormals are flushed."""
    fields, fraction = format.exponent_width, format.fraction_width
    exponent = slice(fraction, format.magnitude_width)

    def choose(s, a, b, p):
        field = Mux(s, Value.cast(b)[exponent], Value.cast(a)[exponent])
        return Cat(field[0] | ~p[-1], field[1:]) if format.subnormals else field

    return plan.step(
        "large_exponent", fields, choose, *(swap, a, b, large), using=Multiplexer(fields)
    )


def _distance(plan: Plan, a: Wire, x: Unpacked, b: Wire, y: Unpacked, format, swap: Wire) -> Wire:
    """How many places the smaller number's exponent is below the larger one's."""
    fields, fraction = format.exponent_width, format.fraction_width

    def start(s, p, q):
        return ~s ^ p[-1] ^ q[-1] if format.subnormals else ~s

    carry = plan.step("distance_carry", 1, start, swap, x.significand, y.significand, using=Logic())

    def field(v):
        return Value.cast(v)[fraction : format.magnitude_width]

    return plan.step(
        "distance",
        fields,
        lambda a, b, s, c: add_with_carry(field(a), ~field(b), c)[:fields] ^ s.replicate(fields),
        *(a, b, swap, carry),
        using=Adder(fields),
    )


def _shift_down(plan: Plan, small: Wire, distance: Wire, size: int, farthest: int):
    """``small`` at the top of ``size`` bits, shifted right, and whether a one was lost."""
    bits = min(farthest, size).bit_length()
    lost: list[Wire] = []
    word = plan.step("small_wide", size, lambda s: Cat(Const(0, size - len(s)), s), small)
    if farthest >> bits:
        gone = plan.step("gone", 1, lambda d: d[bits:].any(), distance, using=Logic())
        lost.append(
            plan.step("lost_all", 1, lambda w, g: g & w.any(), word, gone, using=Logic(2, 4))
        )
        word = plan.step(
            "small_kept", size, lambda w, g: w & ~g.replicate(size), word, gone, using=Logic(1, 0)
        )
    for index in reversed(range(bits)):
        count = min(1 << index, size)
        lost.append(
            plan.step(
                f"lost_{count}",
                1,
                lambda w, d, index=index, count=count: d[index] & w[:count].any(),
                *(word, distance),
                using=Logic(2, count // 3 + 1),
            )
        )
        word = plan.step(
            f"small_{count}",
            size,
            lambda w, d, index=index, count=count: Mux(d[index], w[count:], w),
            *(word, distance),
            using=Multiplexer(size),
        )
    if not lost:
        return word, plan.constant(0, 1)
    return word, plan.step(
        "sticky", 1, lambda *b: Value.cast(Cat(*b)).any(), *lost, using=Logic(2, 2)
    )
