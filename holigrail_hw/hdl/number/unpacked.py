"""Numbers taken apart: sign, significand, exponent and special values, from any scalar format.

Inside a datapath a number is (-1)^sign * significand * 2^(exponent + scale). The significand is an
unsigned integer, the exponent a small integer signal, the scale a constant. Integers and fixed
point become a significand with a constant exponent; nothing is normalised.

What a format can and cannot hold is kept beside the wires as :class:`Span` records. From these a
rounding unit knows which shifts, overflows and special values can happen at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from amaranth import Shape, signed, unsigned

from ..plan.plan import Plan, Wire

__all__ = ["Span", "Unpacked", "constant_exponent", "range_shape"]


@dataclass(frozen=True)
class Span:
    """Nonzero numbers with exponents and positions of the leading one in these ranges (closed)."""

    exponent_low: int
    exponent_high: int
    leading_low: int
    leading_high: int


@dataclass(frozen=True)
class Unpacked:
    """A number inside a datapath.

    ``exponent_low`` and ``exponent_high`` bound the wire, special values included. ``zero_high``
    is the largest exponent that comes with significand 0, None if that never happens. ``nan`` and
    ``special`` (NaN or infinity) are None where they cannot occur; sign, significand and exponent
    of a special value are as the code has them.
    """

    sign: Wire
    significand: Wire
    exponent: Wire
    scale: int
    exponent_low: int
    exponent_high: int
    spans: tuple[Span, ...]
    zero_high: int | None
    nan: Wire | None = None
    special: Wire | None = None
    zero: Wire | None = None

    @property
    def width(self) -> int:
        """Width of the significand in bits."""
        return self.significand.width

    @property
    def _names(self) -> list[str]:
        return [f.name for f in fields(self) if isinstance(getattr(self, f.name), Wire)]

    @property
    def wires(self) -> list[Wire]:
        """All wires, in a fixed order: what a loop that reads the number must be given."""
        return [getattr(self, name) for name in self._names]

    def of(self, wires: Iterable[Wire]) -> "Unpacked":
        """The same number on the wires that a loop hands on; more of them are left alone."""
        return replace(self, **dict(zip(self._names, wires, strict=False)))


def range_shape(low: int, high: int) -> Shape:
    """The smallest integer shape that holds ``low`` to ``high``, at least one bit wide."""
    if low >= 0:
        return unsigned(max(high.bit_length(), 1))
    return signed(max(high.bit_length(), (-1 - low).bit_length()) + 1)


def constant_exponent(
    plan: Plan, sign: Wire, significand: Wire, scale: int, span: Span
) -> Unpacked:
    """The number (-1)^sign * significand * 2^scale, which may be zero."""
    return Unpacked(
        sign=sign,
        significand=significand,
        exponent=plan.constant(0, 1),
        scale=scale,
        exponent_low=0,
        exponent_high=0,
        spans=(span,),
        zero_high=0,
    )
