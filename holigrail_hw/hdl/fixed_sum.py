"""The sum of two fixed-point numbers: one integer addition at the finer of the two scales.

The exact sum is brought into the result format afterwards. Without bits to round away and with
enough room, that costs nothing.
"""

from dataclasses import dataclass

from holigrail_hw.formats import FixedFormat, Format, Rounding

from .fixed import limit, range_shape
from .float_unpack import unpack
from .plan import Plan, Wire
from .primitives import Adder
from .project import project
from .shapes import shape_of

__all__ = ["Term", "exact_format", "fixed_sum"]


@dataclass(frozen=True)
class Term:
    """Integers ``low`` to ``high`` in units of 2^-fraction_width; subtracted if ``negative``."""

    low: int
    high: int
    fraction_width: int
    negative: bool = False

    def at(self, fraction_width: int) -> tuple[int, int]:
        """The bounds of what is added, in finer units."""
        shift = fraction_width - self.fraction_width
        low, high = self.low << shift, self.high << shift
        return (-high, -low) if self.negative else (low, high)


def exact_format(x: Term, y: Term) -> FixedFormat:
    """The narrowest format that holds every sum."""
    low, high, fraction_width = _bounds(x, y)
    shape = range_shape(low, high)
    return FixedFormat(max(shape.width, 1), shape.signed, fraction_width)


def fixed_sum(
    plan: Plan,
    x_wire: Wire,
    x: Term,
    y_wire: Wire,
    y: Term,
    result: Format,
    *,
    rounding: Rounding,
    random: Wire | None = None,
    overflow: str = "saturate",
) -> Wire:
    """The code of the sum of two integers in any fixed-like ``result`` format.

    Parameters
    ----------
    overflow : str
        ``wrap`` or ``saturate``.
    """
    exact = exact_format(x, y)
    low, high, fraction_width = _bounds(x, y)

    def total(a, b):
        a = a.shift_left(fraction_width - x.fraction_width)
        b = b.shift_left(fraction_width - y.fraction_width)
        return a - b if y.negative else a + b

    wire = plan.step(
        "total", shape_of(exact), total, x_wire, y_wire, using=Adder(exact.width), wrap=True
    )
    if not isinstance(result, FixedFormat) or result.fraction_width < fraction_width:
        number = unpack(plan, exact, wire, "sum")
        return project(plan, result, number, rounding=rounding, random=random, overflow=overflow)
    shift = result.fraction_width - fraction_width
    fits = result.minimum <= low << shift and high << shift <= result.maximum
    shifted = plan.step(
        "scaled", range_shape(low << shift, high << shift), lambda v: v.shift_left(shift), wire,
        wrap=True,
    )  # fmt: skip
    if fits or overflow == "wrap":
        return plan.step("code", shape_of(result), lambda v: v, shifted, wrap=True)
    return limit(plan, "code", shifted, result, saturate=True)


def _bounds(x: Term, y: Term) -> tuple[int, int, int]:
    fraction_width = max(x.fraction_width, y.fraction_width)
    (x_low, x_high), (y_low, y_high) = x.at(fraction_width), y.at(fraction_width)
    return x_low + y_low, x_high + y_high, fraction_width
