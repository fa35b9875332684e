"""Fused multiply-add: a * b + c with one rounding, for any mix of formats.

The product is exact and never normalised; the addend is aligned to it (:mod:`.float_sum`), and one
rounding unit brings the sum into the result format.
"""

from dataclasses import replace

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.formats import Format, Rounding

from ..plan.plan import Plan, Wire
from .float_multiply import multiply_unpacked
from .float_sum import Need, aligned_sum, zero_of
from .project import project
from .status import Status
from .unpack import unpack
from .unpacked import Unpacked

__all__ = ["float_fma", "product_zero"]


def float_fma(
    plan: Plan,
    a: Wire,
    a_format: Format,
    b: Wire,
    b_format: Format,
    c: Wire,
    c_format: Format,
    result_format: Format,
    rounding: Rounding = Rounding.NEAREST_EVEN,
    random: Wire | None = None,
    *,
    structure: str = "rows",
    overflow: str = "saturate",
    status: Status | None = None,
) -> Wire:
    """The code of a * b + c in ``result_format``, rounded once.

    Parameters
    ----------
    a, b, c : Wire
        Codes of numbers of any formats that have hardware.
    random : Wire or None
        The random word, for stochastic rounding.
    structure : str
        Of the multiplier, see :func:`.multiply.multiply`.
    overflow : str
        ``wrap`` or ``saturate``, for a fixed-point result.
    status : Status or None
        Filled with what flags are made of.
    """
    x, y = unpack(plan, a_format, a, "a"), unpack(plan, b_format, b, "b")
    held = replace(multiply_unpacked(plan, x, y, structure), zero=product_zero(plan, x, y))
    moved = unpack(plan, c_format, c, "c")
    need = Need.of(result_format, rounding, random, wraps=overflow == "wrap")
    need = need if status is None else replace(need, guard=need.guard + 1)
    total = aligned_sum(plan, held, moved, need, rounding)
    how = {"rounding": rounding, "random": random, "overflow": overflow, "status": status}
    return project(plan, result_format, total, **how)


def product_zero(plan: Plan, x: Unpacked, y: Unpacked) -> Wire | None:
    """Whether the product of two numbers is zero; None if that never happens."""
    zeros = [zero_of(plan, number) for number in (x, y) if number.zero_high is not None]
    if len(zeros) < 2:
        return zeros[0] if zeros else None
    return plan.step("product_zero", 1, lambda x, y: x | y, *zeros, using=Logic())
