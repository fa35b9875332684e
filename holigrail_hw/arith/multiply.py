"""Multiplication of two numbers of any formats, rounded once.

The exact product is projected onto the result format: rounding, overflow, subnormals, infinities
and NaN as that format has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw import golden
from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.formats import FixedFormat, Format, Rounding, parse
from holigrail_hw.hdl.fixed import FIXED_KINDS, fixed_product, product_range
from holigrail_hw.hdl.float_multiply import multiply_unpacked
from holigrail_hw.hdl.float_unpack import unpack
from holigrail_hw.hdl.integer_multiply import MULTIPLIERS, multiply
from holigrail_hw.hdl.plan import Plan, Wire
from holigrail_hw.hdl.project import project, project_integer

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
class Multiply(OperatorSpec):
    """p = a * b; latency 0 without a clock request, one product per cycle."""

    a: Format = parameter(
        parse("fp8_e4m3"),
        "format of operand a",
        samples=tuple(map(parse, ("fp16", "int8", "ternary"))),
    )
    b: Format = parameter(
        parse("fp8_e4m3"), "format of operand b", samples=tuple(map(parse, ("fp16", "uint4")))
    )
    result: Format | None = parameter(
        None, "format of the product; exact for fixed point, the wider float else"
    )
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode")
    random_width: int = parameter(8, "bits of the random word, if stochastic", low=1, high=32)
    overflow: str = parameter(
        "wrap", "a fixed-point product out of range", choices=("wrap", "saturate")
    )
    multiplier: str = parameter(
        "rows",
        "structure of the product: rows of carry chains (FPGA), tree of full adders (gates), dsp",
        choices=MULTIPLIERS,
    )

    def derive(self) -> dict[str, Any]:
        return {"result": _default_result(self.a, self.b)}

    def check(self) -> list[str]:
        return [
            f"{name} must be a float, fixed-point, binary or ternary format, not {format}"
            for name, format in (("a", self.a), ("b", self.b), ("result", self._product))
            if format.kind not in (*FIXED_KINDS, "float")
        ]

    @property
    def _product(self) -> Format:
        assert self.result is not None
        return self.result

    def inputs(self) -> dict[str, Format]:
        ports = {"a": self.a, "b": self.b}
        if self.rounding == Rounding.STOCHASTIC:
            ports["random"] = parse(f"uint{self.random_width}")
        return ports

    def outputs(self) -> dict[str, Format]:
        return {"p": self._product}

    def golden(self, a: Any, b: Any, random: Any = None) -> dict[str, Any]:
        exact = golden.multiply(self.a.unpack(a), self.b.unpack(b))
        overflow = self.overflow if self._product.kind == "fixed" else None
        code = self._product.project(exact, self.rounding, random, self.random_width, overflow)
        return {"p": code}

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        options: dict[str, Any] = {
            "rounding": self.rounding,
            "random": wires.get("random"),
            "overflow": self.overflow,
        }
        formats = (self.a, self.b, self._product)
        if all(format.kind in FIXED_KINDS for format in formats):
            product = self._fixed_product(plan, wires["a"], wires["b"])
            fraction_width = product_range(self.a, self.b)[2]
            return {"p": project_integer(plan, self._product, product, fraction_width, **options)}
        a = unpack(plan, self.a, wires["a"], "a")
        b = unpack(plan, self.b, wires["b"], "b")
        return {
            "p": project(
                plan, self._product, multiply_unpacked(plan, a, b, self.multiplier), **options
            )
        }

    def _fixed_product(self, plan: Plan, a: Wire, b: Wire) -> Wire:
        if self.a.kind == self.b.kind == "fixed":
            return multiply(plan, a, b, self.multiplier)
        return fixed_product(plan, a, self.a, b, self.b, dsp=self.multiplier == "dsp")


def _default_result(a: Format, b: Format) -> Format:
    if a.kind in FIXED_KINDS and b.kind in FIXED_KINDS:
        low, high, fraction_width = product_range(a, b)
        is_signed = low < 0
        width = max(high.bit_length(), (-1 - low).bit_length() if is_signed else 0) + is_signed
        return FixedFormat(max(width, 1), is_signed, fraction_width)
    floats = [format for format in (a, b) if format.kind == "float"]
    return max(floats or [a], key=lambda format: format.width)
