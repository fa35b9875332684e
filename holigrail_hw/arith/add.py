"""Addition and subtraction of two numbers of any formats, rounded once.

Fixed-point operands with a fixed-point result are one integer addition. Floats of one format are
ordered by magnitude before they are added; other mixtures are aligned in a window of bits that is
wide enough for one correct rounding.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.core import operator, parameter
from holigrail_hw.formats import Format, parse
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.number.fixed import fixed_operand, fixed_range
from holigrail_hw.hdl.number.fixed_sum import Term, exact_format, fixed_sum
from holigrail_hw.hdl.number.float_add import float_add
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .rounded import ArithmeticOperator
from .telling import mostly_near, mostly_plain

__all__ = ["Add"]


@operator(
    "add",
    summary="sum a+b or difference a-b of two numbers of any formats, rounded once",
    references=(
        "IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019",
        "Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed., 2018",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Add(ArithmeticOperator):
    """result = a + b or a - b; latency 0 without a clock request, one sum per cycle."""

    a: Format = parameter(
        parse("fp8_e4m3"),
        "format of operand a",
        samples=tuple(map(parse, ("fp16", "int8", "ternary"))),
    )
    b: Format = parameter(
        parse("fp8_e4m3"), "format of operand b", samples=tuple(map(parse, ("fp16", "uint4")))
    )
    operation: str = parameter("add", "what is computed", choices=("add", "subtract"))

    def derive(self) -> dict[str, Any]:
        if self.is_fixed:
            return {"result": exact_format(*self._terms)}
        return {"result": self.widest_float()}

    def operands(self) -> dict[str, Format]:
        return {"a": self.a, "b": self.b}

    @property
    def _terms(self) -> tuple[Term, Term]:
        subtract = self.operation == "subtract"
        return Term(*fixed_range(self.a)), Term(*fixed_range(self.b), negative=subtract)

    @property
    def arithmetic(self) -> str:
        return self.operation

    def exact_number(self, plan: Plan, **numbers: reference.Number) -> reference.Number:
        a, b = numbers["a"], numbers["b"]
        other = reference.negate(b) if self.operation == "subtract" else b
        return reference.add(plan, a, other, self.rounding)

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        if not self.of_binary_fractions:
            return codes
        # Uniform codes hardly ever cancel: most b are nearly the opposite of a.
        codes |= mostly_plain(rng, {"a": self.a}, codes)
        exact = self.a.unpack(codes["a"])
        other = exact if self.operation == "subtract" else golden.negate(exact)
        return codes | {"b": mostly_near(rng, self.b, codes["b"], self.b.project(other))}

    def rounded(self, plan: Plan, a: Wire, b: Wire, **options: Any) -> Wire:
        if self.is_fixed and self.target.is_fixed_like:
            x, y = self._terms
            a = fixed_operand(plan, "a_integer", a, self.a)
            b = fixed_operand(plan, "b_integer", b, self.b)
            return fixed_sum(plan, a, x, b, y, self.target, **options)
        subtract = self.operation == "subtract"
        return float_add(plan, a, self.a, b, self.b, self.target, subtract=subtract, **options)
