"""The last step of every operator that rounds: an exact unpacked number becomes a code."""

from holigrail_hw.formats import BinaryFormat, FixedFormat, FloatFormat, Format, Rounding

from .fixed_round import round_to_integer
from .float_round import round_to_float
from .float_unpack import Unpacked
from .plan import Plan, Wire
from .primitives import Logic

__all__ = ["project"]


def project(
    plan: Plan,
    format: Format,
    number: Unpacked,
    *,
    rounding: Rounding = Rounding.NEAREST_EVEN,
    random: Wire | None = None,
    overflow: str = "saturate",
) -> Wire:
    """The code of ``number`` in any scalar ``format``, rounded once.

    Parameters
    ----------
    random : Wire or None
        The random word of stochastic rounding.
    overflow : str
        ``wrap`` or ``saturate``, for fixed point.
    """
    rounding = Rounding(rounding)
    if isinstance(format, FloatFormat):
        return round_to_float(plan, format, number, rounding, random)
    if isinstance(format, BinaryFormat):
        return _to_binary(plan, number)
    if isinstance(format, FixedFormat):
        bounds, fraction_width = (format.minimum, format.maximum), format.fraction_width
    else:
        bounds, fraction_width, overflow = (-1, 1), 0, "saturate"
    return round_to_integer(
        plan,
        number,
        fraction_width,
        bounds,
        rounding=rounding,
        random=random,
        saturate=overflow == "saturate",
    )


def _to_binary(plan: Plan, number: Unpacked) -> Wire:
    """1 for +1: everything but negative numbers."""
    nan = number.nan or plan.constant(0, 1)
    special = number.special or plan.constant(0, 1)

    def code(sign, significand, special, nan):
        return ~(sign & (significand.any() | special) & ~nan)

    return plan.step(
        "code",
        1,
        code,
        number.sign,
        number.significand,
        special,
        nan,
        using=Logic(2, -(-number.width // 3) + 1),
    )
