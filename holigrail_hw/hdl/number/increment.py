"""Whether a magnitude that was cut grows by one unit: the rule of every rounding mode, once.

IEEE 754-2019, section 4.3; stochastic rounding adds a random word to what was cut off.
"""

from typing import Any

from amaranth import Cat, Const

from holigrail_hw.formats import Rounding

__all__ = ["drawn", "grows"]


def grows(rounding: Rounding, rest: Any, odd: Any, sign: Any) -> Any:
    """One bit, for a mode without random numbers; nothing grows where nothing was cut off.

    Parameters
    ----------
    rest : value
        The bits below the unit, the highest of them last; none of them may be missing.
    odd : value
        The last bit that is kept.
    sign : value
        Whether the number is negative.
    """
    if not len(rest):
        return Const(0, 1)
    half, inexact = rest[-1], rest.any()
    match Rounding(rounding):
        case Rounding.NEAREST_EVEN:
            return half & (rest[:-1].any() | odd)
        case Rounding.NEAREST_AWAY:
            return half
        case Rounding.UP:
            return inexact & ~sign
        case Rounding.DOWN:
            return inexact & sign
        case Rounding.TO_ODD:
            return inexact & ~odd
    return Const(0, 1)


def drawn(rest: Any, random: Any) -> Any:
    """The same for stochastic rounding: whether the upper bits cut off and the word carry."""
    width = len(random)
    if not len(rest):
        return Const(0, 1)
    return (Cat(Const(0, width), rest)[-width:] + random)[width]
