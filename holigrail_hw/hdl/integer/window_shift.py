"""A shifter that keeps only the top bits of its result, and records whether a one was lost.

It shifts left, long distances first. Each stage drops the bits that no later stage can bring back
into the window, so the word narrows from stage to stage.
"""

from collections.abc import Callable
from typing import Any

from amaranth import Cat, Const, Mux

from holigrail_hw.estimate.primitives import Logic, Multiplexer

from ..plan.plan import Plan, Wire

__all__ = ["shift_window"]


def shift_window(
    plan: Plan,
    significand: Wire,
    amount: Wire,
    window: int,
    *,
    stages: int,
    right: tuple[Wire, int] | None = None,
    lost: Wire | None = None,
    sticky: bool = True,
) -> tuple[Wire, Wire]:
    """The top ``window`` bits of a shifted significand, with zeros beyond its lowest bit.

    Parameters
    ----------
    amount : Wire
        Left shift; only its lowest ``stages`` bits count.
    right : (Wire, int) or None
        A bit that first shifts to the right by this distance.
    lost : Wire or None
        A bit that makes the window empty, as if all had been shifted out.
    sticky : bool
        Whether the second result is needed.

    Returns
    -------
    Wire, Wire
        The window, and whether a one was lost below it.
    """
    collector = _Sticky(plan, sticky)
    word = _in_sight(plan, significand, window + (1 << stages) - 1, right, collector)
    for index in reversed(range(stages)):
        distance = 1 << index
        size = word.width - distance
        collector.add(
            f"lost_{distance}",
            lambda w, s, index=index, distance=distance: ~s[index] & w[:distance].any(),
            word,
            amount,
            bits=distance,
        )
        word = plan.step(
            f"shifted_{distance}",
            size,
            lambda w, s, index=index, distance=distance, size=size: Mux(
                s[index], w[:size], w[distance:]
            ),
            word,
            amount,
            using=Multiplexer(size),
        )
    if lost is not None:
        collector.add(
            "lost_all", lambda p, gone: gone & p.any(), significand, lost, bits=significand.width
        )
        word = plan.step(
            "window",
            window,
            lambda w, gone: w & ~gone.replicate(window),
            word,
            lost,
            using=Logic(1, window),
        )
    return word, collector.bit


def _in_sight(
    plan: Plan, significand: Wire, size: int, right: tuple[Wire, int] | None, collector: "_Sticky"
) -> Wire:
    """The top ``size`` bits, after the shift to the right if there is one."""
    width = significand.width
    low = width - size
    if right is None:
        collector.add("lost", lambda p: p[: max(low, 0)].any(), significand, bits=max(low, 0))
        return plan.step("aligned", size, lambda p: _bits(p, low, width), significand)
    bit, distance = right
    collector.add(
        "lost_right",
        lambda p, r: (r & _bits(p, 0, low + distance).any()) | _bits(p, 0, low).any(),
        significand,
        bit,
        bits=max(low + distance, 0),
    )
    return plan.step(
        "shifted_right",
        size,
        lambda p, r: Mux(r, _bits(p, low + distance, width + distance), _bits(p, low, width)),
        significand,
        bit,
        using=Multiplexer(size),
    )


class _Sticky:
    """The OR of all bits lost so far."""

    def __init__(self, plan: Plan, needed: bool):
        self._plan, self._needed = plan, needed
        self.bit = plan.constant(0, 1)
        self._empty = True

    def add(self, name: str, function: Callable[..., Any], *operands: Wire, bits: int) -> None:
        if not self._needed or not bits:
            return
        found = self._plan.step(name, 1, function, *operands, using=Logic(2, -(-bits // 3)))
        if not self._empty:
            found = self._plan.step("sticky", 1, lambda a, b: a | b, self.bit, found, using=Logic())
        self.bit, self._empty = found, False


def _bits(value: Any, first: int, last: int) -> Any:
    """Bits ``first`` to ``last`` - 1 of a value, zero where it has none."""
    return Cat(*(value[i] if 0 <= i < len(value) else Const(0, 1) for i in range(first, last)))
