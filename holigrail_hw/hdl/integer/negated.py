"""The negative of a word where a bit says so, at one cell for each bit.

c - x is ~(x - c - 1). That sum has a constant operand, so no inverter stands before the carry
chain, and the choice that follows has the inputs of the sum: where an adder can select, both share
its cell.
"""

from typing import Any

from amaranth import Cat, Const, Mux, Value

__all__ = ["negated_where"]


def negated_where(negative: Any, value: Any, width: int | None = None, constant: int = 0) -> Any:
    """``constant - value`` if ``negative`` else ``value``, modulo 2^width, unsigned.

    ``width`` is that of the value if it is not given; a longer result extends the value first.
    """
    bits = Value.cast(value)
    width = len(bits) if width is None else width
    sign: Any = bits[-1] if bits.shape().signed else Const(0, 1)
    word: Any = Cat(bits, sign.replicate(max(width - len(bits), 0)))[:width]
    return Mux(negative, ~(word + ((-constant - 1) % (1 << width)))[:width], word)
