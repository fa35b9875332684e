"""Exception flags in datapaths: what the rounding unit saw, and what the operands were.

What each flag means is said in :mod:`holigrail_hw.golden.flags`.
"""

from collections.abc import Sequence

from amaranth import Cat

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.formats import Format

from ..plan.plan import Plan, Wire
from .digit_places import any_of
from .status import Status
from .unpack import unpack

__all__ = ["flags_of"]


def flags_of(
    plan: Plan, operands: Sequence[tuple[Format, Wire]], target: Format, status: Status
) -> Wire:
    """The flags of an operation, with its operands and what the rounding unit told."""
    number = status.number
    assert number is not None and status.inexact is not None
    assert status.underflow is not None and status.overflow is not None
    nothing = plan.constant(0, 1)
    read = [unpack(plan, format, code, "operand") for format, code in operands]
    nan = any_of(plan, "operand_nan", *(x.nan for x in read)) or nothing
    special = any_of(plan, "operand_special", *(x.special for x in read)) or nothing
    keeps_nan, keeps_infinity = target.has_nan, target.has_infinity

    def flags(inexact, underflow, overflow, result_special, result_nan, nan, special):
        infinite, finite = result_special & ~result_nan, ~result_special
        divide_by_zero = infinite & ~special
        invalid = result_nan if not keeps_nan else result_nan & ~nan
        if not keeps_infinity:
            invalid = invalid | (infinite & special)
        return Cat(inexact & finite, underflow & finite, overflow & finite, divide_by_zero, invalid)

    return plan.step(
        "exception_flags",
        5,
        flags,
        *(status.inexact, status.underflow, status.overflow),
        *(number.special or nothing, number.nan or nothing, nan, special),
        using=Logic(2, 5),
    )
