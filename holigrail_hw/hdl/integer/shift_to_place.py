"""A shift to the left by which a narrow signed word reaches any place of a wide one.

Short distances come first, while the word is narrow, one bit of the distance after the other. Once
the word fills no more than two groups of as many bits as the rest of the distance counts in, a bit
of the result has only two bits of the word to choose from; else it is 0, below the word, or the
sign, above it. Two bits for each group say which of the four it is, so that all the rest of the
distance takes one 4-input look-up table for each bit of the result.
"""

from collections.abc import Callable
from typing import Any

from amaranth import Cat, Const, Mux, Value, signed

from holigrail_hw.estimate.primitives import Logic, Shifter

from ..plan.plan import Plan, Wire

__all__ = ["shift_to_place"]

_STAGES_PER_STEP = 2


def shift_to_place(plan: Plan, word: Wire, distance: Wire, width: int) -> Wire:
    """A signed word times 2^distance, modulo 2^width: signed, ``width`` bits or fewer.

    ``distance`` is unsigned. The result is narrower if no distance reaches the width.
    """
    stages = distance.width
    single = min(stages, max(word.width - 2, 0).bit_length())
    for low in range(0, single, _STAGES_PER_STEP):
        high = min(low + _STAGES_PER_STEP, single)
        grown = min(word.width + (1 << high) - (1 << low), width)
        word = plan.step(
            f"aligned_{high}",
            signed(grown),
            _shift_by(low, high),
            *(word, distance),
            using=Shifter(grown, high - low),
            wrap=True,
        )
    if single == stages:
        return word
    return _in_groups(plan, word, distance, single, width)


def _in_groups(plan: Plan, word: Wire, distance: Wire, single: int, width: int) -> Wire:
    """The rest of the shift, by groups of 2^single bits."""
    size = 1 << single
    groups = -(-width // size)

    def chosen(value: Any, distance: Any) -> Any:
        bits, rest, sign = Value.cast(value), distance[single:], value[-1]
        whole: Any = Cat(bits, sign.replicate(2 * size - len(bits)))
        low, high, result = whole[:size], whole[size:], []
        for group in range(groups):
            inside, upper = _controls(rest, sign, group)
            result.append(Mux(inside, Mux(upper, high, low), upper.replicate(size)))
        return Cat(*result)[:width].as_signed()

    return plan.step(
        "aligned", signed(width), chosen, word, distance, using=Logic(2, width + 2 * groups)
    )


def _controls(rest: Any, sign: Any, group: int) -> tuple[Any, Any]:
    """Whether the word reaches into a group, and with which half; or what fills the group."""
    least = Const(0, 1) if group >> len(rest) else rest == group
    next = Const(0, 1) if group < 1 or (group - 1) >> len(rest) else rest == group - 1
    below = rest < group - 1 if group > 1 else Const(0, 1)
    return least | next, next | (sign & below)


def _shift_by(low: int, high: int) -> Callable:
    """Shift left by the bits low to high of the distance."""

    def shifted(value, distance):
        for bit in range(low, high):
            value = Mux(distance[bit], value.shift_left(1 << bit), value)
        return value

    return shifted
