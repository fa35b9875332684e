"""Fused multiply-add of three numbers of any formats: a * b + c, rounded once.

The product stays exact until the addend has joined it. Fixed-point operands with a fixed-point
result are one integer product and one addition.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.core import operator, parameter
from holigrail_hw.formats import Format, parse
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS
from holigrail_hw.hdl.number.fixed import (
    fixed_operand,
    fixed_product,
    fixed_range,
    product_range,
)
from holigrail_hw.hdl.number.fixed_sum import Term, exact_format, fixed_sum
from holigrail_hw.hdl.number.float_fma import float_fma
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .rounded import ArithmeticOperator
from .telling import mostly_near, mostly_plain

__all__ = ["Fma"]


@operator(
    "fma",
    summary="fused multiply-add a*b+c of numbers of any formats, rounded once",
    references=(
        "IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019",
        "Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed., 2018",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Fma(ArithmeticOperator):
    """result = a * b + c; latency 0 without a clock request, one result per cycle."""

    a: Format = parameter(
        parse("fp8_e4m3"),
        "format of operand a",
        samples=tuple(map(parse, ("fp16", "int8", "ternary"))),
    )
    b: Format = parameter(
        parse("fp8_e4m3"), "format of operand b", samples=tuple(map(parse, ("fp8_e5m2", "uint4")))
    )
    c: Format = parameter(
        parse("fp16"), "format of the addend c", samples=tuple(map(parse, ("fp8_e4m3", "int8")))
    )
    multiplier: str = parameter(
        "rows",
        MULTIPLIER_MEANING,
        choices=MULTIPLIERS,
    )

    def derive(self) -> dict[str, Any]:
        if self.is_fixed:
            return {"result": exact_format(*self._terms)}
        return {"result": self.widest_float() if self.c.is_fixed_like else self.c}

    @property
    def arithmetic(self) -> str:
        return "fma"

    def operands(self) -> dict[str, Format]:
        return {"a": self.a, "b": self.b, "c": self.c}

    @property
    def _terms(self) -> tuple[Term, Term]:
        return Term(*product_range(self.a, self.b)), Term(*fixed_range(self.c))

    def exact_number(self, plan: Plan, **numbers: reference.Number) -> reference.Number:
        product = reference.multiply(plan, numbers["a"], numbers["b"])
        return reference.add(plan, product, numbers["c"], self.rounding)

    def exact_span(self) -> tuple[int, int]:
        (a_low, a_high), (b_low, b_high) = map(reference.span, (self.a, self.b))
        c_low, c_high = reference.span(self.c)
        return min(a_low + b_low, c_low), max(a_high + b_high, c_high) + 1

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        if not self.of_binary_fractions:
            return codes
        # Uniform codes hardly ever cancel: most c are nearly the opposite of a * b.
        codes |= mostly_plain(rng, {"a": self.a, "b": self.b}, codes)
        product = golden.multiply(self.a.unpack(codes["a"]), self.b.unpack(codes["b"]))
        opposite = self.c.project(golden.negate(product))
        return codes | {"c": mostly_near(rng, self.c, codes["c"], opposite)}

    def rounded(self, plan: Plan, a: Wire, b: Wire, c: Wire, **options: Any) -> Wire:
        if self.is_fixed and self.target.is_fixed_like:
            x, y = self._terms
            product = fixed_product(plan, a, self.a, b, self.b, self.multiplier)
            c = fixed_operand(plan, "c_integer", c, self.c)
            return fixed_sum(plan, product, x, c, y, self.target, **options)
        return float_fma(
            plan,
            *(a, self.a, b, self.b, c, self.c, self.target),
            structure=self.multiplier,
            **options,
        )
