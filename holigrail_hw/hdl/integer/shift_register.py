"""Random words from a linear-feedback shift register of 32 bits with x^32 + x^22 + x^2 + x + 1.

A word is the lowest bits of the register, which then shifts by the width of the word at once: every
new bit is the exclusive or of four bits, some of which may be new ones.

State: the register, ``seed`` after a reset; it goes on with every valid item.
"""

from typing import Any

from amaranth import Cat, Value

from holigrail_hw.estimate.primitives import Logic

from ..plan.plan import Plan, Wire

__all__ = ["random_word"]

_BITS = 32


def random_word(plan: Plan, width: int, seed: int) -> Wire:
    """A new word of ``width`` bits, 1 to 32, with every item; ``seed`` is not 0."""

    def following(state: Any) -> Any:
        bits = list(Value.cast(state))
        for _ in range(width):
            bits.append(bits[-_BITS] ^ bits[-_BITS + 1] ^ bits[-_BITS + 2] ^ bits[-_BITS + 22])
        return Cat(*bits[width:])

    using = Logic(1 + (width - 1) // 10, width)
    state = plan.sequence("shift_register", _BITS, following, using, seed)
    return plan.step("random", width, lambda s: Value.cast(s)[:width], state)
