"""What running sums are made of: what is added, how it is added, and how a state goes on.

What is added is a number taken apart before the loop, or the code of a rounded product where a
number system has additions of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from amaranth import Mux, Value

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.formats import Format, Rounding
from holigrail_hw.hdl.number.float_fma import product_zero
from holigrail_hw.hdl.number.float_multiply import multiply_unpacked
from holigrail_hw.hdl.number.float_sum import Need, aligned_sum
from holigrail_hw.hdl.number.project import project
from holigrail_hw.hdl.number.sum_of_many import digits_of
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.number.unpacked import Unpacked
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..add import Add
from ..multiply import Multiply
from .shape import MacShape

__all__ = [
    "Term",
    "chosen",
    "combine",
    "parts",
    "started",
    "term_of",
    "zeros",
    "zeros_of",
]


@dataclass(frozen=True)
class Term:
    """What is added: a number, with what lies above it, or a code of ``format`` if there is none.

    Inside a loop it is rebuilt from its ``wires``.
    """

    spec: MacShape
    number: Unpacked | None
    digits: int
    format: Format
    code: Wire | None

    @property
    def wires(self) -> list[Wire]:
        """What a loop must be given."""
        if self.number is None:
            assert self.code is not None
            return [self.code]
        return self.number.wires

    def of(self, wires: Sequence[Wire]) -> "Term":
        """The same, of the wires that a loop hands on."""
        if self.number is None:
            return replace(self, code=wires[0])
        return replace(self, number=self.number.of(wires))

    def plus(self, plan: Plan, total: Wire, *, minus: bool = False) -> Wire:
        """The code of this plus, or minus, a sum, rounded once."""
        spec = self.spec
        if self.number is None:
            assert self.code is not None
            return combine(spec, plan, self.format, self.code, total, minus=minus)
        addend = unpack(plan, spec.accumulator, total, "sum")
        if minus:
            sign = plan.step("sum_negated", 1, lambda s: ~s, addend.sign, using=Logic())
            addend = replace(addend, sign=sign)
        need = Need.of(spec.accumulator, spec.rounding, None)
        exact = aligned_sum(plan, self.number, addend, need, spec.rounding)
        return project(plan, spec.accumulator, exact, rounding=spec.rounding)


def term_of(spec: MacShape, plan: Plan, a: Wire, b: Wire, random: Wire | None) -> Term:
    """The product of two codes; ``random``: the word by which it is rounded, if it is."""
    if spec.product is not None and not spec.of_binary_fractions:
        multiply = Multiply(a=spec.a, b=spec.b, result=spec.product, rounding=spec.rounding)
        code = multiply.datapath(plan, a=a, b=b)["result"]
        return Term(spec, None, 0, spec.product, code)
    x, y = unpack(plan, spec.a, a, "a"), unpack(plan, spec.b, b, "b")
    number = multiply_unpacked(plan, x, y, spec.multiplier)
    digits = digits_of(spec.a, x) + digits_of(spec.b, y)
    if spec.product is not None:
        code = project(plan, spec.product, number, rounding=spec.rounding, random=random)
        number = unpack(plan, spec.product, code, "product")
        digits = digits_of(spec.product, number)
    elif spec.accumulation == "window":
        # A window asks whether a product is zero: that of its factors is known before its digits.
        number = replace(number, zero=product_zero(plan, x, y))
    return Term(spec, number, digits, spec.accumulator, None)


def combine(
    spec: MacShape, plan: Plan, format: Format, x: Wire, y: Wire, *, minus: bool = False
) -> Wire:
    """x + y or x - y, of a code of ``format`` and one of the accumulator, by that operator."""
    made = Add(
        a=format,
        b=spec.accumulator,
        result=spec.accumulator,
        rounding=spec.rounding,
        operation="subtract" if minus else "add",
    )
    return made.datapath(plan, a=x, b=y)["result"]


def zeros(spec: MacShape) -> tuple[int, int]:
    """The code of zero, and that of the zero to which a number is added unchanged."""
    return zeros_of(spec.accumulator, spec.rounding)


def zeros_of(format: Format, rounding: Rounding) -> tuple[int, int]:
    """The same for sums in a format."""
    zero = int(format.encode(0))
    is_negative = format.has_negative_zero and rounding is not Rounding.DOWN
    return zero, int(format.encode(-0.0)) if is_negative else zero


def parts(plan: Plan, state: Wire, **widths: int) -> list[Wire]:
    """A state cut into named pieces, the first one lowest."""
    found, place = [], 0
    for name, width in widths.items():
        part = slice(place, place + width)
        found.append(plan.step(name, width, lambda s, part=part: s[part], state))
        place += width
    return found


def chosen(
    plan: Plan, name: str, start: Any, old: Wire, new: Wire, clear: Wire, enable: Wire
) -> Wire:
    """A state after an item: the new one if counted, ``start`` if only cleared, else as before."""
    return plan.step(
        name,
        old.width,
        lambda s, z, c, e: Mux(e, Value.cast(z), Mux(c, start, s)),
        *(old, new, clear, enable),
        using=Logic(1, old.width),
    )


def started(plan: Plan, name: str, start: int, old: Wire, afresh: Wire) -> Wire:
    """The state that an item goes on from."""
    width = old.width
    return plan.step(name, width, lambda s, c: Mux(c, start, s), old, afresh, using=Logic(1, width))
