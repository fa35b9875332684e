"""Conversion of a number from any format to any other, rounded once."""

from dataclasses import dataclass
from typing import Any

from holigrail_hw.core import operator, parameter
from holigrail_hw.formats import Format, parse
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.number.fixed import fixed_operand, fixed_range
from holigrail_hw.hdl.number.project import project, project_integer
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .rounded import ArithmeticOperator

__all__ = ["Convert"]


@operator(
    "convert",
    summary="a number in another format, rounded once",
    references=("IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019, section 5.4",),
)
@dataclass(frozen=True, kw_only=True)
class Convert(ArithmeticOperator):
    """result = x in the format ``result``; latency 0 without a clock request.

    NaN becomes the NaN of the result format, else its largest number (floats) or 0 (fixed point).
    """

    source: Format = parameter(
        parse("fp16"),
        "format of x",
        samples=tuple(map(parse, ("fp32", "int8", "binary", "sfix8_en4"))),
    )
    result: Format = parameter(
        parse("fp8_e4m3"),
        "format of the result",
        samples=tuple(map(parse, ("bf16", "int8", "ternary", "fp4_e2m1"))),
    )
    overflow: str = parameter(
        "saturate", "a fixed-point result out of range", choices=("saturate", "wrap")
    )

    @property
    def arithmetic(self) -> str:
        return "convert"

    def operands(self) -> dict[str, Format]:
        return {"x": self.source}

    def exact_number(self, plan: Plan, **numbers: reference.Number) -> reference.Number:
        return numbers["x"]

    def rounded(self, plan: Plan, x: Wire, **options: Any) -> Wire:
        if self.is_fixed and self.target.is_fixed_like:
            value = fixed_operand(plan, "value", x, self.source)
            fraction_width = fixed_range(self.source)[2]
            return project_integer(plan, self.target, value, fraction_width, **options)
        return project(plan, self.target, unpack(plan, self.source, x, "x"), **options)
