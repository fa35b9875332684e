"""Multiplication of two numbers of any formats, rounded once.

The exact product is projected onto the result format: rounding, overflow, subnormals, infinities
and NaN as that format has them.
"""

from dataclasses import dataclass
from typing import Any

from holigrail_hw.core import operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS
from holigrail_hw.hdl.number.fixed import fixed_product, product_range
from holigrail_hw.hdl.number.float_multiply import multiply_unpacked
from holigrail_hw.hdl.number.project import project, project_integer
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.number.unpacked import range_shape
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .rounded import ArithmeticOperator

__all__ = ["Multiply"]


@operator(
    "multiply",
    summary="product a*b of two numbers of any formats, rounded once",
    references=(
        "IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019",
        "Dadda, Some schemes for parallel multipliers, 1965",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Multiply(ArithmeticOperator):
    """result = a * b; latency 0 without a clock request, one product per cycle."""

    a: Format = parameter(
        parse("fp8_e4m3"),
        "format of operand a",
        samples=tuple(map(parse, ("fp16", "int8", "ternary"))),
    )
    b: Format = parameter(
        parse("fp8_e4m3"), "format of operand b", samples=tuple(map(parse, ("fp16", "uint4")))
    )
    multiplier: str = parameter(
        "rows",
        MULTIPLIER_MEANING,
        choices=MULTIPLIERS,
    )

    @property
    def arithmetic(self) -> str:
        return "multiply"

    def operands(self) -> dict[str, Format]:
        return {"a": self.a, "b": self.b}

    def derive(self) -> dict[str, Any]:
        if not self.is_fixed:
            return {"result": self.widest_float()}
        low, high, fraction_width = product_range(self.a, self.b)
        shape = range_shape(low, high)
        return {"result": FixedFormat(shape.width, shape.signed, fraction_width)}

    def exact_number(self, plan: Plan, **numbers: reference.Number) -> reference.Number:
        return reference.multiply(plan, numbers["a"], numbers["b"])

    def exact_span(self) -> tuple[int, int]:
        (a_low, a_high), (b_low, b_high) = map(reference.span, (self.a, self.b))
        return a_low + b_low, a_high + b_high

    def rounded(self, plan: Plan, a: Wire, b: Wire, **options: Any) -> Wire:
        if self.is_fixed and self.target.is_fixed_like:
            product = fixed_product(plan, a, self.a, b, self.b, self.multiplier)
            fraction_width = product_range(self.a, self.b)[2]
            return project_integer(plan, self.target, product, fraction_width, **options)
        x, y = unpack(plan, self.a, a, "a"), unpack(plan, self.b, b, "b")
        product = multiply_unpacked(plan, x, y, self.multiplier)
        return project(plan, self.target, product, **options)
