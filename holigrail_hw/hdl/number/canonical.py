"""A code of some number as its format writes it, where several codes stand for one number.

So what passes a number on unchanged (maximum, minimum) gives the code that rounding would give.
"""

from holigrail_hw.formats import Format

from ..plan.plan import Plan, Wire
from .fixed import fixed_code, fixed_operand
from .project import project
from .rules import hardware_rules
from .unpack import unpack

__all__ = ["CANONICAL", "canonical"]

CANONICAL = hardware_rules("canonical code")
"""By format: ``(plan, format, code)`` to the code that the format writes for the same number."""


def canonical(plan: Plan, format: Format, code: Wire) -> Wire:
    """The code that ``format`` writes for the number of ``code``; made anew without a rule."""
    rule = CANONICAL.find(format)
    if rule is not None:
        return rule(plan, format, code)
    if format.codes_are_integers:
        return code
    if format.is_fixed_like:
        return fixed_code(plan, fixed_operand(plan, "chosen_integer", code, format), format)
    return project(plan, format, unpack(plan, format, code, "chosen"))
