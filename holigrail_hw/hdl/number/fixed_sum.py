"""The sum of two fixed-point numbers: one integer addition at the finer of the two scales.

The exact sum is brought into the result format afterwards; where it fits, that costs nothing.
"""

from dataclasses import dataclass

from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.formats import FixedFormat, Format, Rounding

from ..plan.plan import Plan, Wire
from ..shapes import shape_of
from .fixed import range_shape
from .project import project_integer

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
    fraction_width = exact.fraction_width

    def total(a, b):
        a = a.shift_left(fraction_width - x.fraction_width)
        b = b.shift_left(fraction_width - y.fraction_width)
        return a - b if y.negative else a + b

    wire = plan.step(
        "total", shape_of(exact), total, x_wire, y_wire, using=Adder(exact.width), wrap=True
    )
    return project_integer(
        plan,
        result,
        wire,
        fraction_width,
        rounding=rounding,
        random=random,
        overflow=overflow,
    )


def _bounds(x: Term, y: Term) -> tuple[int, int, int]:
    fraction_width = max(x.fraction_width, y.fraction_width)
    (x_low, x_high), (y_low, y_high) = x.at(fraction_width), y.at(fraction_width)
    return x_low + y_low, x_high + y_high, fraction_width
