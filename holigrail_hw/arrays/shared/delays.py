"""Chains of registers, with which arrays skew and align what crosses them."""

from typing import Any

from amaranth import Module, Signal, Value

__all__ = ["delayed"]


def delayed(m: Module, value: Any, cycles: int, name: str, *, resets: bool = False) -> Any:
    """``value``, ``cycles`` cycles later; reset must clear control bits (``resets``), not data."""
    bits = Value.cast(value)
    for index in range(cycles):
        register = Signal(bits.shape(), name=f"{name}_late{index + 1}", reset_less=not resets)
        m.d.sync += register.eq(bits)
        bits = register
    return bits
