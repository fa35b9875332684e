"""How many of some bits are set, by adders that take a bit as their carry, too.

The sum of n bits is that of l, of r and, as a carry, of one more (Swartzlander, "Parallel
counters", 1973, with carry chains for full adders). How n is split costs more or less LUTs; the
cheapest splits are found by dynamic programming.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from amaranth import Cat, Const, unsigned

from holigrail_hw.estimate.primitives import Adder

from ..plan.plan import Plan, Wire
from .unmerged import unmerged

__all__ = ["population_count"]


def population_count(plan: Plan, bits: Sequence[Wire]) -> Wire:
    """The number of bits that are set, of at least one."""
    if len(bits) == 1:
        return bits[0]
    left, right, carries = _split(len(bits))[1:]
    shape = unsigned(len(bits).bit_length())
    x = population_count(plan, bits[:left])
    y = population_count(plan, bits[left : left + right])
    using = Adder(shape.width)
    if not carries:
        total = plan.step("count", shape, lambda x, y: x + y, x, y, using=using, wrap=True)
    else:
        # A place below: one plus the bit is its carry, and no LUT.
        total = plan.step(
            "count",
            shape,
            _with_carry,
            *(x, y, bits[-1]),
            using=using,
            wrap=True,
        )
    return plan.step("count_apart", shape, unmerged, total)


def _with_carry(x: Any, y: Any, carry: Any) -> Any:
    below: tuple[Any, Any] = Cat(Const(1, 1), x), Cat(carry, y)
    return (below[0] + below[1])[1:]


@cache
def _split(count: int) -> tuple[int, int, int, bool]:
    """LUTs, bits on both sides of the last sum, and whether it has one for its carry."""
    if count == 1:
        return 1, 0, 0, False
    choices = []
    for carries in (False, True):
        rest = count - carries
        for left in range((rest + 1) // 2, rest):
            # A sum of two bits shares its LUTs with the gates in front of it.
            own = 0 if count == 2 else count.bit_length()
            luts = _split(left)[0] + _split(rest - left)[0] + own
            choices.append((luts, left, rest - left, carries))
    return min(choices, key=lambda choice: (choice[0], choice[1]))
