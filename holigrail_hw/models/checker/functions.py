"""tanh and the logistic function between two integers, in units of 2^-96.

:meth:`decimal.Decimal.exp` is correctly rounded; 60 digits leave 30 of them to spare.
"""

from decimal import Context, Decimal
from functools import lru_cache

__all__ = ["UNIT", "enclosed", "values"]

UNIT = 96
_CONTEXT = Context(prec=60)
_SCALE = Decimal(1 << UNIT)


@lru_cache(maxsize=1 << 16)
def enclosed(kind: str, at: int) -> tuple[int, int]:
    """Integers at and around kind(at / 2^96) 2^96, not more than 4 apart."""
    context = _CONTEXT
    if kind == "sigmoid":
        # (1 + tanh(z / 2)) / 2; the half of an integer is exact in twice the unit.
        low, high = _tanh(context, at, 1)
        return (low + (1 << UNIT)) // 2, -(-(high + (1 << UNIT)) // 2)
    return _tanh(context, at, 2)


def _tanh(context: Context, at: int, times: int) -> tuple[int, int]:
    power = context.exp(context.divide(Decimal(-abs(at) * times), _SCALE))
    one = Decimal(1)
    share = context.divide(context.subtract(one, power), context.add(one, power))
    near = int(context.multiply(share, _SCALE))
    low, high = max(near - 1, 0), min(near + 2, 1 << UNIT)
    return (low, high) if at >= 0 else (-high, -low)


def values(kind: str, low: int, high: int) -> tuple[int, int]:
    """The least and the greatest value over an interval."""
    if kind == "relu":
        return max(low, 0), max(high, 0)
    if kind == "none":
        return low, high
    return enclosed(kind, low)[0], enclosed(kind, high)[1]
