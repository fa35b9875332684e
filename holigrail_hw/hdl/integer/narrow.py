"""A wide integer divided by a power of two, rounded, offset by a zero point and clamped.

The word is shifted right, short distances first. Each stage drops the upper bits that no later
stage can bring into the result, and records whether any of them mattered: a value beyond the
result's range is clamped, whatever it is. So the word narrows from stage to stage, and the adder
and the comparisons are hardly wider than the result.

Two's complement is truncated downwards, to q. The discarded bits decide the increment, and one
adder computes q + zero point + increment, its carry input being the lowest bit of a word one bit
wider.
"""

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Mux, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Multiplexer
from holigrail_hw.formats import FixedFormat

from ..plan.plan import Plan, Wire

__all__ = ["Narrowing", "narrow"]

_NO_STICKY = ("nearest_up", "down")


@dataclass(frozen=True, kw_only=True)
class Narrowing:
    """What to do with the word.

    Parameters
    ----------
    result : FixedFormat
    shift : int
        Constant part of the right shift; negative for a left shift.
    amount : Wire or None
        Variable part, added to it: an unsigned number.
    rounding : str
        One of ``golden.ROUNDINGS``.
    zero_point : Wire
        A number in the result format; constant or not.
    before : bool
        Whether the zero point is added before rounding; it then affects what counts as odd or
        negative.
    bounds : (Wire, Wire) or None
        Least and greatest result; ``None`` for those of the format.
    random : Wire or None
        The random word of stochastic rounding.
    """

    result: FixedFormat
    shift: int
    amount: Wire | None
    rounding: str
    zero_point: Wire
    before: bool = False
    bounds: tuple[Wire, Wire] | None = None
    random: Wire | None = None


def narrow(plan: Plan, value: Wire, how: Narrowing) -> Wire:
    """``value`` in the result format, clamped: above the maximum, then below the minimum."""
    extra = how.random.width if how.random is not None else 1
    keep = how.result.width + 1 + extra
    needs_sticky = how.rounding not in _NO_STICKY
    if not Value.cast(value.value).shape().signed:
        value = plan.step("positive", signed(value.width + 1), lambda v: v, value)
    sign = plan.step("negative", 1, _sign, value)
    word, far, sticky = _shifted(plan, value, sign, how, keep, extra, needs_sticky)
    total = _rounded(plan, word, sticky, sign, how, extra)
    return _clamped(plan, total, far, sign, how)


def _shifted(
    plan: Plan, value: Wire, sign: Wire, how: Narrowing, keep: int, extra: int, needs_sticky: bool
) -> tuple[Wire, Wire, Wire]:
    """The lowest ``keep`` bits, whether bits above them matter, whether a one was lost below."""
    nothing = plan.constant(0, 1)
    stages = how.amount.width if how.amount is not None else 0
    needed = keep + (1 << stages) - 1
    drop = how.shift - extra
    word, fars, stickies = _aligned(plan, value, drop, needed, needs_sticky)
    for index in range(stages):
        distance, before = 1 << index, word.width
        needed -= distance
        size = max(min(before, needed), 1)
        bit = plan.step(f"amount{index}", 1, lambda a, i=index: a[i], how.amount)  # type: ignore[arg-type]
        if needs_sticky:
            lost = min(distance, before)
            stickies.append(
                plan.step(
                    f"lost{index}",
                    1,
                    lambda w, b, n=distance: b & _bits(w, n).any(),
                    word,
                    bit,
                    using=Logic(_levels(lost + 1), -(-lost // 3)),
                )
            )
        if before > size:
            fars.append(
                plan.step(
                    f"too_far{index}",
                    1,
                    lambda w, b, s, n=size: ~b & _differs(w[n - 1 :], s),
                    word,
                    bit,
                    sign,
                    using=Logic(_levels(before - size + 2), -(-(before - size) // 2)),
                )
            )
        word = plan.step(
            f"by{distance}",
            signed(size),
            lambda w, b, s, n=size, d=distance: Mux(b, Cat(w[d:], s.replicate(n))[:n], w[:n]),
            word,
            bit,
            sign,
            using=Multiplexer(size),
            wrap=True,
        )
    return word, _any(plan, "far", fars) or nothing, _any(plan, "sticky", stickies) or nothing


def _aligned(
    plan: Plan, value: Wire, drop: int, needed: int, needs_sticky: bool
) -> tuple[Wire, list[Wire], list[Wire]]:
    """The lowest ``needed`` bits above the lowest ``drop``; what matters above, what below them."""
    fars: list[Wire] = []
    stickies: list[Wire] = []
    if drop > 0 and needs_sticky:
        lost = min(drop, value.width)
        stickies.append(
            plan.step(
                "lost",
                1,
                lambda v: _bits(v, drop).any(),
                value,
                using=Logic(_levels(lost), -(-lost // 3)),
            )
        )
    width = max(value.width - drop, 1)

    def aligned(v: Any) -> Any:
        return _resized(v, value.width + max(drop, 0))[max(drop, 0) :].shift_left(max(-drop, 0))

    size = min(width, needed)
    if width > needed:
        above = width - needed + 1
        fars.append(
            plan.step(
                "too_far",
                1,
                lambda v: _differs(aligned(v)[needed - 1 : width], _sign(v)),
                value,
                using=Logic(_levels(above), -(-above // 3)),
            )
        )
    word = plan.step("aligned", signed(size), lambda v: _cut(aligned(v), v, size), value, wrap=True)
    return word, fars, stickies


def _rounded(plan: Plan, word: Wire, sticky: Wire, sign: Wire, how: Narrowing, extra: int) -> Wire:
    """Two bits wider than the result: quotient + zero point + increment."""
    width = how.result.width + 2

    def parts(w: Any) -> tuple[Any, Any]:
        whole = _resized(w, width + extra)
        return whole[extra:], whole[:extra]

    def total(w: Any, zero_point: Any, up: Any) -> Any:
        left: Any = Cat(Const(1, 1), parts(w)[0])
        return (left + Cat(up, _resized(zero_point, width)))[1 : width + 1]

    if how.rounding == "nearest_even" and how.before:
        # Half is always added; a tie that became odd is corrected by clearing its lowest bit.
        def even(w: Any, zero_point: Any, sticky: Any) -> Any:
            _, rest = parts(w)
            t = total(w, zero_point, rest[-1])
            return Cat(t[0] & ~(rest[-1] & ~sticky), t[1:])

        operands = (word, how.zero_point, sticky)
        return plan.step("total", signed(width), even, *operands, using=Adder(width + 2), wrap=True)
    if how.before:
        moved = plan.step(
            "moved",
            signed(width),
            lambda w, z: total(w, z, Const(0, 1)),
            word,
            how.zero_point,
            using=Adder(width),
            wrap=True,
        )
        up = _increment(plan, how, parts, word, moved, sticky, extra)
        return plan.step(
            "total", signed(width), lambda m, u: m + u, moved, up, using=Adder(width), wrap=True
        )
    up = _increment(plan, how, parts, word, None, sticky, extra)
    operands = (word, how.zero_point, up)
    return plan.step("total", signed(width), total, *operands, using=Adder(width + 1), wrap=True)


def _increment(
    plan: Plan, how: Narrowing, parts: Any, word: Wire, moved: Wire | None, sticky: Wire, extra: int
) -> Wire:
    """Whether the number truncated downwards is incremented."""

    def increment(w: Any, sticky: Any, *rest: Any) -> Any:
        quotient, fraction = parts(w)
        others = [*rest]
        if moved is not None:
            quotient = others.pop(0)
        half, odd, negative = fraction[-1], quotient[0], quotient[-1]
        below = sticky | fraction[:-1].any() if extra > 1 else sticky
        inexact = half | below
        match how.rounding:
            case "nearest_even":
                return half & (below | odd)
            case "nearest_away":
                return half & (below | ~negative)
            case "nearest_zero":
                return half & (below | negative)
            case "nearest_up":
                return half
            case "toward_zero":
                return inexact & negative
            case "away_from_zero":
                return inexact & ~negative
            case "up":
                return inexact
            case "to_odd":
                # The magnitude has the parity of the number; of the two neighbours, the odd one.
                return inexact & ~odd
            case "stochastic":
                drawn = others.pop(0)
                # For a negative number the magnitude's fraction is one minus this fraction: the
                # magnitude stays unless the random word is less than the fraction from below.
                rises = (Value.cast(fraction) + drawn)[extra]
                stays = (fraction > drawn) | ((fraction == drawn) & sticky)
                return Mux(negative, stays, rises)
        return Const(0, 1)

    operands = [word, sticky]
    operands += [moved] if moved is not None else []
    operands += [how.random] if how.random is not None else []
    using = Logic(2, 2) if how.random is None else Comparator(extra + 1)
    return plan.step("increment", 1, increment, *operands, using=using)


def _clamped(plan: Plan, total: Wire, far: Wire, sign: Wire, how: Narrowing) -> Wire:
    result, width = how.result, how.result.width
    shape = signed(width) if result.signed else unsigned(width)
    if how.bounds is None:
        # The range of a format ends at powers of two: its upper bits tell.
        def limit(t: Any, far: Any, s: Any) -> Any:
            below = Mux(far, s, t[-1])
            if result.signed:
                outside = far | _differs(t[width - 1 : -1], t[-1])
                return Mux(outside, Cat((~below).replicate(width - 1), below), t[:width])
            outside = far | t[width:].any()
            return Mux(outside, (~below).replicate(width), t[:width])

        using = Logic(2, width + 3)
        return plan.step("code", shape, limit, total, far, sign, using=using, wrap=True)

    def clamp(t: Any, far: Any, s: Any, low: Any, high: Any) -> Any:
        above, below = (far & ~s) | (~far & (t > high)), (far & s) | (~far & (t < low))
        return Mux(above, high, Mux(below, low, t))

    using = Comparator(2 * width)
    return plan.step("code", shape, clamp, total, far, sign, *how.bounds, using=using, wrap=True)


def _any(plan: Plan, name: str, bits: list[Wire]) -> Wire | None:
    if len(bits) < 2:
        return bits[0] if bits else None
    using = Logic(_levels(len(bits)), -(-len(bits) // 3))
    return plan.step(name, 1, lambda *b: Cat(*b).any(), *bits, using=using)


def _levels(inputs: int) -> int:
    """Levels of 4-input LUTs for a gate with ``inputs`` inputs."""
    return max((max(inputs, 1) - 1).bit_length() + 1, 2) // 2


def _bits(value: Any, count: int) -> Any:
    """The lowest ``count`` bits, or fewer if there are not as many."""
    value = Value.cast(value)
    return _resized(value, max(count, len(value)))[:count]


def _sign(value: Any) -> Any:
    value = Value.cast(value)
    return value[-1] if value.shape().signed else Const(0, 1)


def _differs(bits: Any, sign: Any) -> Any:
    """Whether any of the bits differs from the sign."""
    return (bits ^ sign.replicate(len(bits))).any()


def _cut(word: Any, value: Any, size: int) -> Any:
    word = Value.cast(word)
    return Cat(word, _sign(value).replicate(max(size - len(word), 0)))[:size]


def _resized(value: Any, width: int) -> Any:
    """The lowest ``width`` bits, sign-extended if there are fewer."""
    value = Value.cast(value)
    return Cat(value, _sign(value).replicate(max(width - len(value), 0)))[:width]
