"""Fused multiply-add of three numbers of any formats: a * b + c, rounded once.

The product stays exact until the addend has joined it. Fixed-point operands with a fixed-point
result are one integer product and one addition.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.formats import Format, Rounding, parse
from holigrail_hw.hdl.fixed import (
    FIXED_KINDS,
    fixed_operand,
    fixed_product,
    fixed_range,
    product_range,
)
from holigrail_hw.hdl.fixed_sum import Term, exact_format, fixed_sum
from holigrail_hw.hdl.float_fma import float_fma
from holigrail_hw.hdl.integer_multiply import MULTIPLIERS, multiply
from holigrail_hw.hdl.plan import Plan, Wire

from .add import mostly_near

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
class Fma(OperatorSpec):
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
    result: Format | None = parameter(
        None, "format of the result; exact for fixed point, that of c or else the widest float"
    )
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode")
    random_width: int = parameter(8, "bits of the random word, if stochastic", low=1, high=32)
    overflow: str = parameter(
        "wrap", "a fixed-point result out of range", choices=("wrap", "saturate")
    )
    multiplier: str = parameter(
        "rows",
        "structure of the product: rows of carry chains (FPGA), tree of full adders (gates), dsp",
        choices=MULTIPLIERS,
    )

    def derive(self) -> dict[str, Any]:
        if self._is_fixed:
            return {"result": exact_format(*self._terms)}
        floats = [format for format in (self.c, self.a, self.b) if format.kind == "float"]
        if self.c.kind == "float" or not floats:
            return {"result": self.c}
        return {"result": max(floats, key=lambda format: format.width)}

    def check(self) -> list[str]:
        formats = {"a": self.a, "b": self.b, "c": self.c, "result": self._result}
        return [
            f"{name} must be a float, fixed-point, binary or ternary format, not {format}"
            for name, format in formats.items()
            if format.kind not in (*FIXED_KINDS, "float")
        ]

    @property
    def _result(self) -> Format:
        assert self.result is not None
        return self.result

    @property
    def _is_fixed(self) -> bool:
        return all(format.kind in FIXED_KINDS for format in (self.a, self.b, self.c))

    @property
    def _terms(self) -> tuple[Term, Term]:
        return Term(*product_range(self.a, self.b)), Term(*fixed_range(self.c))

    def inputs(self) -> dict[str, Format]:
        ports = {"a": self.a, "b": self.b, "c": self.c}
        if self.rounding == Rounding.STOCHASTIC:
            ports["random"] = parse(f"uint{self.random_width}")
        return ports

    def outputs(self) -> dict[str, Format]:
        return {"result": self._result}

    def golden(self, a: Any, b: Any, c: Any, random: Any = None) -> dict[str, Any]:
        x, y, z = self.a.unpack(a), self.b.unpack(b), self.c.unpack(c)
        exact = golden.fused_multiply_add(x, y, z, self.rounding)
        overflow = self.overflow if self._result.kind == "fixed" else None
        code = self._result.project(exact, self.rounding, random, self.random_width, overflow)
        return {"result": code}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        # Uniform codes hardly ever cancel: make every other c nearly the opposite of a * b.
        product = golden.multiply(self.a.unpack(codes["a"]), self.b.unpack(codes["b"]))
        opposite = self.c.project(golden.negate(product))
        return codes | {"c": mostly_near(rng, self.c, codes["c"], opposite)}

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        options: dict[str, Any] = {
            "rounding": self.rounding,
            "random": wires.get("random"),
            "overflow": self.overflow,
        }
        a, b, c = wires["a"], wires["b"], wires["c"]
        if self._is_fixed and self._result.kind in FIXED_KINDS:
            x, y = self._terms
            if self.a.kind == self.b.kind == "fixed":
                product = multiply(plan, a, b, self.multiplier)
            else:
                dsp = self.multiplier == "dsp"
                product = fixed_product(plan, a, self.a, b, self.b, dsp=dsp)
            c = fixed_operand(plan, "c_integer", c, self.c)
            return {"result": fixed_sum(plan, product, x, c, y, self._result, **options)}
        code = float_fma(
            plan,
            *(a, self.a, b, self.b, c, self.c, self._result),
            structure=self.multiplier,
            **options,
        )
        return {"result": code}
