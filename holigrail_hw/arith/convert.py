"""Conversion of a number from any format to any other, rounded once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.formats import Format, Rounding, parse
from holigrail_hw.hdl.fixed import FIXED_KINDS, fixed_operand, fixed_range
from holigrail_hw.hdl.float_unpack import unpack
from holigrail_hw.hdl.plan import Plan, Wire
from holigrail_hw.hdl.project import project, project_integer

__all__ = ["Convert"]


@operator(
    "convert",
    summary="a number in another format, rounded once",
    references=("IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019, section 5.4",),
)
@dataclass(frozen=True, kw_only=True)
class Convert(OperatorSpec):
    """z = x in the format ``result``; latency 0 without a clock request.

    NaN becomes the NaN of the result format, else its largest number (floats) or 0 (fixed point).
    """

    source: Format = parameter(
        parse("fp16"),
        "format of x",
        samples=tuple(map(parse, ("fp32", "int8", "binary", "sfix8_en4"))),
    )
    result: Format = parameter(
        parse("fp8_e4m3"),
        "format of z",
        samples=tuple(map(parse, ("bf16", "int8", "ternary", "fp4_e2m1"))),
    )
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode")
    random_width: int = parameter(8, "bits of the random word, if stochastic", low=1, high=32)
    overflow: str = parameter(
        "saturate", "a fixed-point result out of range", choices=("saturate", "wrap")
    )

    def check(self) -> list[str]:
        return [
            f"{name} must be a float, fixed-point, binary or ternary format, not {format}"
            for name, format in (("source", self.source), ("result", self.result))
            if format.kind not in (*FIXED_KINDS, "float")
        ]

    def inputs(self) -> dict[str, Format]:
        ports = {"x": self.source}
        if self.rounding == Rounding.STOCHASTIC:
            ports["random"] = parse(f"uint{self.random_width}")
        return ports

    def outputs(self) -> dict[str, Format]:
        return {"z": self.result}

    def golden(self, x: Any, random: Any = None) -> dict[str, Any]:
        overflow = self.overflow if self.result.kind == "fixed" else None
        exact = self.source.unpack(x)
        code = self.result.project(exact, self.rounding, random, self.random_width, overflow)
        return {"z": code}

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        options = {
            "rounding": self.rounding,
            "random": wires.get("random"),
            "overflow": self.overflow,
        }
        if self.source.kind in FIXED_KINDS and self.result.kind in FIXED_KINDS:
            value = fixed_operand(plan, "value", wires["x"], self.source)
            fraction_width = fixed_range(self.source)[2]
            return {"z": project_integer(plan, self.result, value, fraction_width, **options)}
        number = unpack(plan, self.source, wires["x"], "x")
        return {"z": project(plan, self.result, number, **options)}
