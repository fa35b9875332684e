"""From a code to a number taken apart, by number system (:mod:`.unpacked` says what that is).

A fixed-like format needs no rule of its own: its integer becomes sign and magnitude.
"""

from amaranth import Value

from holigrail_hw.estimate.primitives import Negation
from holigrail_hw.formats import Format

from ..integer.negated import negated_where
from ..plan.plan import Plan, Wire
from .fixed import INTEGER, fixed_operand
from .rules import hardware_rules
from .unpacked import Span, Unpacked, constant_exponent

__all__ = ["UNPACK", "can_unpack", "unpack", "unpack_integer"]

UNPACK = hardware_rules("unpack")
"""By format: ``(plan, format, wire, name)`` to an Unpacked; ``name`` prefixes the steps' names."""


def unpack(plan: Plan, format: Format, x: Wire, name: str) -> Unpacked:
    """Steps that take a number of ``format`` apart; ``name`` prefixes their names.

    Raises
    ------
    TypeError
        For formats without a rule that are not fixed-like.
    """
    rule = UNPACK.find(format)
    if rule is not None:
        return rule(plan, format, x, name)
    if not can_unpack(format):
        raise TypeError(f"{format}: no way to unpack a {format.kind} number")
    value = fixed_operand(plan, f"{name}_integer", x, format)
    return unpack_integer(plan, value, -format.least_place, name)


def can_unpack(format: Format) -> bool:
    """Whether there is hardware that reads numbers of the format."""
    if UNPACK.find(format) is not None:
        return True
    return format.is_fixed_like and (format.codes_are_integers or INTEGER.find(format) is not None)


def unpack_integer(plan: Plan, x: Wire, fraction_width: int, name: str) -> Unpacked:
    """An integer wire in units of 2^-fraction_width as sign and magnitude."""
    width = x.width
    significand, sign = x, plan.constant(0, 1)
    if Value.cast(x.value).shape().signed:
        sign = plan.step(f"{name}_sign", 1, lambda x: x[-1], x)
        significand = plan.step(
            f"{name}_magnitude",
            width,
            lambda x: negated_where(x[-1], x),
            x,
            using=Negation(width),
        )
    return constant_exponent(plan, sign, significand, -fraction_width, Span(0, 0, 0, width - 1))
