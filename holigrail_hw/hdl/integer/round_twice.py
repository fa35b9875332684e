"""The two roundings of gemmlowp, with one adder for the first and one increment for the second.

The saturating rounding doubling high multiply adds half a unit to a product p >= 0 and half a unit
less one to p < 0, then truncates towards zero (Jacob et al., 2018, and gemmlowp's fixedpoint.h).
Both branches are floor((p + 2^(w-1)) / 2^w): ties go up. The rounding division by 2^k takes ties
away from zero, which is ties up after subtracting one from a negative number. The two addends
combine: floor(p / 2^(w-1)) plus one, or minus one if p < 0 and k > 0, without its last bit. Where
the first result is 0 for a negative p, the resulting -1 is rounded to 0 as well.

A single rounding at 2^(w+k), ties up, is the second step on floor(p / 2^w) if k > 0: then nothing
is added; and the first step alone if k = 0. So it takes no more than another choice of the addend.
"""

from typing import Any

from amaranth import Const, Mux, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic, Shifter

from ..plan.plan import Plan, Wire

__all__ = ["rounded_once", "shifted_left"]


def rounded_once(
    plan: Plan,
    value: Wire,
    product: Wire,
    scale_width: int,
    shift: int,
    amount: Wire | None,
    single: Wire | None = None,
) -> Wire:
    """The product over 2^scale_width, to be rounded at ``shift + amount`` with ties up.

    Parameters
    ----------
    value : Wire
        The factor that determines the sign of the product.
    shift : int
        Not negative.
    single : Wire or None
        One bit: whether the rounding that follows is the only one.
    """
    is_signed = product.shape.signed

    def lessened(x: Any, *amount: Any) -> Any:
        sign: Any = Value.cast(x)[-1] if is_signed else Const(0, 1)
        return sign & (amount[0].any() if amount and not shift else Const(shift > 0, 1))

    operands = [value] + ([amount] if amount is not None else [])
    less = plan.step("lessened", 1, lessened, *operands, using=Logic(2, 2))
    width = max(product.width - (scale_width - 1), 1) + 1 + (not is_signed)

    def once(p: Any, less: Any, *none: Any) -> Any:
        upper = Value.cast(p).shift_right(scale_width - 1)
        addend: Any = Mux(less, Const(-1, signed(2)), Const(1, signed(2)))
        if none:
            addend = Mux(none[0], Const(0, signed(2)), addend)
        return (upper + addend).shift_right(1)

    def unchanged(single: Any, *amount: Any) -> Any:
        return single & (amount[0].any() if amount and not shift else Const(shift > 0, 1))

    none = []
    if single is not None:
        operands[0] = single
        none = [plan.step("unchanged", 1, unchanged, *operands, using=Logic(2, 2))]
    operands = [product, less, *none]
    return plan.step("rounded_once", signed(width), once, *operands, using=Adder(width), wrap=True)


def shifted_left(
    plan: Plan, value: Wire, left: int, amount: Wire | None
) -> tuple[Wire, Wire | None]:
    """``value`` shifted left by max(left - amount, 0); and the rest, max(amount - left, 0)."""
    width = value.width + left
    shape = signed(width) if value.shape.signed else unsigned(width)
    if amount is None:
        return plan.step("shifted", shape, lambda x: x.shift_left(left), value), None
    bits = left.bit_length()
    distance = plan.step(
        "distance",
        bits,
        lambda a: Mux(a < left, left - a, 0),
        amount,
        using=Adder(amount.width),
        wrap=True,
    )
    shifted = plan.step(
        "shifted",
        shape,
        lambda x, d: x << d,
        value,
        distance,
        using=Shifter(width, bits),
        wrap=True,
    )
    rest = plan.step(
        "rest",
        amount.width,
        lambda a: Mux(a > left, a - left, 0),
        amount,
        using=Adder(amount.width),
        wrap=True,
    )
    return shifted, rest
