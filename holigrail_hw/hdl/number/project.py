"""The last step of every operator that rounds: an exact unpacked number becomes a code."""

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.formats import BinaryFormat, FixedFormat, FloatFormat, Format, Rounding

from ..plan.plan import Plan, Wire
from .fixed import fixed_range
from .fixed_project import requantize
from .fixed_round import round_to_integer
from .float_round import round_to_float
from .unpack import Unpacked, unpack_integer

__all__ = ["project", "project_integer"]


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
    bounds, fraction_width = _range(format)
    return round_to_integer(
        plan,
        number,
        fraction_width,
        bounds,
        rounding=rounding,
        random=random,
        saturate=overflow == "saturate" or not isinstance(format, FixedFormat),
    )


def project_integer(
    plan: Plan,
    format: Format,
    value: Wire,
    fraction_width: int,
    *,
    rounding: Rounding = Rounding.NEAREST_EVEN,
    random: Wire | None = None,
    overflow: str = "saturate",
) -> Wire:
    """As :func:`project`, for an integer wire in units of 2^-fraction_width."""
    rounding = Rounding(rounding)
    if isinstance(format, FloatFormat) or rounding is Rounding.STOCHASTIC:
        number = unpack_integer(plan, value, fraction_width, "value")
        return project(plan, format, number, rounding=rounding, random=random, overflow=overflow)
    if isinstance(format, BinaryFormat):
        return plan.step("code", 1, lambda v: v >= 0, value)
    bounds, result_fraction_width = _range(format)
    return requantize(
        plan,
        value,
        fraction_width,
        result_fraction_width,
        bounds,
        rounding=rounding,
        saturate=overflow == "saturate" or not isinstance(format, FixedFormat),
    )


def _range(format: Format) -> tuple[tuple[int, int], int]:
    """Smallest and largest integer of a fixed-point or ternary format, and its fraction width."""
    low, high, fraction_width = fixed_range(format)
    return (low, high), fraction_width


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
