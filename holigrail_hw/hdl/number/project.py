"""The last step of every operator that rounds: an exact number becomes a code, by number system.

A fixed-like format needs no rule of its own: the number is rounded to an integer of the format's
range, and that becomes a code.
"""

from amaranth import Cat, Const

from holigrail_hw.formats import Format, Rounding
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from ..plan.plan import Plan, Wire
from .fixed import CODE, fixed_code, fixed_range
from .fixed_project import requantize
from .fixed_round import round_to_integer
from .float_round import round_to_float
from .rules import hardware_rules
from .status import Status
from .unpack import can_unpack, unpack_integer
from .unpacked import Unpacked

__all__ = [
    "PROJECT",
    "PROJECT_INTEGER",
    "can_round",
    "has_hardware",
    "project",
    "project_integer",
]

PROJECT = hardware_rules("project")
"""By format: ``(plan, format, number, rounding, random, overflow)`` to the code of an Unpacked.

``rounding`` is never ``stochastic_b``, which is ``stochastic`` with another random word."""
PROJECT_INTEGER = hardware_rules("project an integer")
"""By format: ``(plan, format, value, fraction_width, rounding, overflow)``, never stochastic."""


def project(
    plan: Plan,
    format: Format,
    number: Unpacked,
    *,
    rounding: Rounding = Rounding.NEAREST_EVEN,
    random: Wire | None = None,
    overflow: str = "saturate",
    status: Status | None = None,
) -> Wire:
    """The code of ``number`` in any scalar ``format``, rounded once.

    Parameters
    ----------
    random : Wire or None
        The random word of stochastic rounding.
    overflow : str
        ``wrap`` or ``saturate``, for formats that have both.
    status : Status or None
        Filled with what flags are made of, if the format is a binary float.

    Raises
    ------
    TypeError
        For formats without a rule that are not fixed-like.
    """
    rounding, mode = Rounding(rounding), format.overflow_of(overflow)
    if rounding is Rounding.STOCHASTIC_B and random is not None:
        # Variant B is A with one bit more, which is always 1.
        rounding = Rounding.STOCHASTIC
        random = plan.step("random_half", random.width + 1, lambda r: Cat(Const(1, 1), r), random)
    if status is not None:
        assert isinstance(format, BinaryFloat)
        return round_to_float(plan, format, number, rounding, random, status)
    rule = PROJECT.find(format)
    if rule is not None:
        return rule(plan, format, number, rounding, random, mode)
    if not _can_project(format):
        raise TypeError(f"{format}: no way to round to a {format.kind} number")
    low, high, fraction_width = fixed_range(format)
    value = round_to_integer(
        plan,
        number,
        fraction_width,
        (low, high),
        rounding=rounding,
        random=random,
        saturate=mode != "wrap",
    )
    return fixed_code(plan, value, format)


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
    rounding, mode = Rounding(rounding), format.overflow_of(overflow)
    if not format.is_fixed_like or rounding.is_stochastic:
        number = unpack_integer(plan, value, fraction_width, "value")
        return project(plan, format, number, rounding=rounding, random=random, overflow=overflow)
    rule = PROJECT_INTEGER.find(format)
    if rule is not None:
        return rule(plan, format, value, fraction_width, rounding, mode)
    low, high, result_fraction_width = fixed_range(format)
    rounded = requantize(
        plan,
        value,
        fraction_width,
        result_fraction_width,
        (low, high),
        rounding=rounding,
        saturate=mode != "wrap",
    )
    return fixed_code(plan, rounded, format)


def has_hardware(format: Format) -> bool:
    """Whether operators can read numbers of the format and round to it."""
    return can_unpack(format) and _can_project(format)


def can_round(format: Format, rounding: Rounding) -> bool:
    """Whether the hardware of a format, if it has any, knows a rounding mode."""
    if not format.has_binary_fractions:
        return not Rounding(rounding).is_stochastic
    knows_all = isinstance(format, BinaryFloat) or format.is_fixed_like
    return knows_all or Rounding(rounding) is not Rounding.STOCHASTIC_C


def _can_project(format: Format) -> bool:
    if PROJECT.find(format) is not None:
        return True
    return format.is_fixed_like and (format.codes_are_integers or CODE.find(format) is not None)
