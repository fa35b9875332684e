"""Counting leading zeros by recursive halving.

Reference: Oklobdzija, "An Algorithmic and Novel Design of a Leading Zero Detector Circuit", 1994.
"""

from typing import Any

from amaranth import Cat, Const, Mux

__all__ = ["leading_zeros"]


def leading_zeros(value: Any) -> Any:
    """Number of leading zeros of an expression.

    For n bits with 2^k >= n the result has k + 1 bits; all of them are set if the value is 0.
    """
    return Cat(*_count(list(value)))


def _count(bits: list[Any]) -> list[Any]:
    if len(bits) == 1:
        return [~bits[0]]
    half = 1 << ((len(bits) - 1).bit_length() - 1)
    high, low = _count(bits[-half:]), _count([Const(0, 1)] * (2 * half - len(bits)) + bits[:-half])
    empty = high[-1]
    chosen = [Mux(empty, b, a) for a, b in zip(high[:-1], low[:-1], strict=True)]
    return [*chosen, empty, empty & low[-1]]
