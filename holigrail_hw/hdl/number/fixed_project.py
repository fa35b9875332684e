"""Fixed point to fixed point: an integer in units of 2^-f becomes one in units of 2^-g, in range.

Two's complement is rounded as it stands. Dropping bits rounds down; what was dropped, with the
sign, decides the increment (Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed. 2018).
"""

from typing import Any

from amaranth import Cat, Const, Mux, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic
from holigrail_hw.formats import Rounding

from ..plan.plan import Plan, Wire
from .fixed import range_shape

__all__ = ["requantize"]


def requantize(
    plan: Plan,
    value: Wire,
    fraction_width: int,
    result_fraction_width: int,
    bounds: tuple[int, int],
    *,
    rounding: Rounding,
    saturate: bool,
) -> Wire:
    """``value`` rounded to the result's unit; in the smallest shape that holds the bounds.

    Every rounding mode but stochastic. Out of range the result is clamped to the bounds, or, if
    not ``saturate``, taken modulo 2^width.
    """
    low, high = bounds
    shape = range_shape(low, high)
    width = shape.width
    dropped = fraction_width - result_fraction_width
    if dropped <= 0:
        places = min(-dropped, width) if not saturate else -dropped
        total = plan.step(
            "scaled",
            Value.cast(value.value).shape() if not places else _wider(value, places),
            lambda v: Value.cast(v).shift_left(places),
            value,
        )
    else:
        total = _rounded(plan, value, dropped, rounding)
    if not saturate:
        return plan.step("code", shape, lambda v: _resized(v, width), total, wrap=True)

    def clamp(v: Any) -> Any:
        return Mux(v > high, high, Mux(v < low, low, v))

    return plan.step("code", shape, clamp, total, using=Comparator(total.width), wrap=True)


def _rounded(plan: Plan, value: Wire, dropped: int, rounding: Rounding) -> Wire:
    size = max(value.width, dropped + 1)
    is_signed = Value.cast(value.value).shape().signed

    def increment(v: Any) -> Any:
        bits = _resized(v, size)
        rest, odd = bits[:dropped], bits[dropped]
        half, sticky = rest[-1], rest[:-1].any() if dropped > 1 else Const(0, 1)
        sign = bits[-1] if is_signed else Const(0, 1)
        match Rounding(rounding):
            case Rounding.NEAREST_EVEN:
                return half & (sticky | odd)
            case Rounding.NEAREST_AWAY:
                return half & (sticky | ~sign)
            case Rounding.TOWARD_ZERO:
                return (half | sticky) & sign
            case Rounding.UP:
                return half | sticky
            case Rounding.TO_ODD:
                return (half | sticky) & ~odd
        return Const(0, 1)

    up = plan.step("increment", 1, increment, value, using=Logic(2, -(-dropped // 3)))
    kept = size - dropped + 1
    shape = signed(kept) if is_signed else unsigned(kept)

    def add(v: Any, up: Any) -> Any:
        high = _resized(v, size)[dropped:]
        return (high.as_signed() if is_signed else high) + up

    return plan.step("rounded", shape, add, value, up, using=Adder(kept), wrap=True)


def _wider(value: Wire, places: int) -> Any:
    width = value.width + places
    return signed(width) if Value.cast(value.value).shape().signed else unsigned(width)


def _resized(value: Any, width: int) -> Any:
    """The lowest ``width`` bits, the sign repeated where there are fewer."""
    value = Value.cast(value)
    sign: Any = value[-1] if value.shape().signed else Const(0, 1)
    whole: Any = Cat(value, sign.replicate(max(width - len(value), 0)))
    return whole[:width]
