"""The larger and the smaller of two numbers (IEEE 754-2019, section 9.6).

With ``number`` a NaN loses against a number (maximumNumber, minimumNumber); with ``propagate`` it
wins (maximum, minimum). -0 is smaller than +0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from amaranth import Mux, Value

from holigrail_hw import golden
from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.estimate.primitives import Logic, Multiplexer
from holigrail_hw.formats import Format, parse
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.number.canonical import canonical
from holigrail_hw.hdl.number.order import ORDER, order
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .rounded import unless_ruled

__all__ = ["Maximum", "Minimum"]

_REFERENCES = ("IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019, section 9.6",)


@dataclass(frozen=True, kw_only=True)
class _Extremum(OperatorSpec):
    """The codes of one of the operands, NaN made canonical and flushed numbers made zero."""

    largest: ClassVar[bool]

    format: Format = parameter(
        parse("fp8_e4m3"),
        "format of operands and result",
        samples=tuple(map(parse, ("fp16", "int8", "ternary"))),
    )
    nan: str = parameter(
        "number", "a NaN against a number: the number, or NaN", choices=("number", "propagate")
    )

    def check(self) -> list[str]:
        return unless_ruled(ORDER, format=self.format, b=self.format)[:1]

    def inputs(self) -> dict[str, Format]:
        return {"a": self.format, "b": self.format}

    def outputs(self) -> dict[str, Format]:
        return {"result": self.format}

    def golden(self, a: Any, b: Any) -> dict[str, Any]:
        format, sides = self.format, (a, b)
        found = golden.compare_codes(format, a, format, b)
        a_negative, b_negative = map(format.is_negative_code, sides)
        is_before = (found == golden.LESS) | ((found == golden.EQUAL) & a_negative & ~b_negative)
        takes_b = is_before if self.largest else (found != golden.EQUAL) & ~is_before
        if not self.largest:
            takes_b |= (found == golden.EQUAL) & ~a_negative & b_negative
        a_nan, b_nan = map(format.is_nan_code, sides)
        loser_is_nan = a_nan if self.nan == "number" else b_nan
        winner_is_b = np.where(a_nan | b_nan, loser_is_nan, takes_b)
        return {"result": format.canonical_codes(np.where(winner_is_b, b, a))}

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """Both numbers as whole numbers at one place, compared; the chosen one written anew."""
        format = self.format
        if not reference.is_known(format, result=format):
            return None
        if not reference.fits(reference.span(format)):
            return None

        def answer(plan: Plan, a: Any, b: Any) -> dict[str, Any]:
            x, y = reference.decode(plan, format, a), reference.decode(plan, format, b)
            found = reference.compare(plan, x, y, alike=True)
            low, high = (x, y) if self.largest else (y, x)
            takes_b = found["less" if self.largest else "greater"] | (
                found["equal"] & low.negative & ~high.negative
            )
            alone = x.nan if self.nan == "number" else y.nan
            takes_b = Mux(x.nan | y.nan, alone, takes_b)
            chosen = Mux(takes_b, Value.cast(b), Value.cast(a))
            return {
                "result": reference.project(plan, format, reference.decode(plan, format, chosen))
            }

        return reference.circuit(self.inputs(), self.outputs(), answer)

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        format, a, b = self.format, wires["a"], wires["b"]
        found = order(plan, format, a, format, b)
        largest = self.largest
        takes_b = plan.step("takes_b", 1, lambda p: p if largest else ~p, found.before)
        a_nan, b_nan = (n and n.nan for n in (found.a, found.b))
        if a_nan and b_nan:
            takes_b = plan.step(
                "takes_b",
                1,
                (lambda t, x, y: Mux(x | y, x, t))
                if self.nan == "number"
                else (lambda t, x, y: Mux(x | y, y, t)),
                takes_b,
                a_nan,
                b_nan,
                using=Logic(),
            )
        chosen = plan.step(
            "chosen",
            format.width,
            lambda t, a, b: Mux(t, Value.cast(b), Value.cast(a)).as_unsigned(),
            takes_b,
            a,
            b,
            using=Multiplexer(format.width),
        )
        return {"result": canonical(plan, format, chosen)}


@operator("max", summary="the larger of two numbers", references=_REFERENCES)
@dataclass(frozen=True, kw_only=True)
class Maximum(_Extremum):
    """result = max(a, b); latency 0 without a clock request."""

    largest: ClassVar[bool] = True


@operator("min", summary="the smaller of two numbers", references=_REFERENCES)
@dataclass(frozen=True, kw_only=True)
class Minimum(_Extremum):
    """result = min(a, b); latency 0 without a clock request."""

    largest: ClassVar[bool] = False
