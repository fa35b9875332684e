"""Comparison of two numbers of any formats, exactly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.formats import Format, parse
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.number.order import ORDER, order
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .rounded import unless_ruled

__all__ = ["Compare"]

_OUTPUTS = {
    "less": golden.LESS,
    "equal": golden.EQUAL,
    "greater": golden.GREATER,
    "unordered": golden.UNORDERED,
}


@operator(
    "compare",
    summary="whether a is less than, equal to, or greater than b, or unordered (NaN)",
    references=("IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019, section 5.11",),
)
@dataclass(frozen=True, kw_only=True)
class Compare(OperatorSpec):
    """Exactly one of the four outputs is 1; +0 equals -0. Latency 0 without a clock request."""

    a: Format = parameter(
        parse("fp8_e4m3"),
        "format of operand a",
        samples=tuple(map(parse, ("fp16", "int8", "ternary"))),
    )
    b: Format | None = parameter(None, "format of operand b; that of a if left out")

    def derive(self) -> dict[str, Any]:
        return {"b": self.a}

    def check(self) -> list[str]:
        return unless_ruled(ORDER, a=self.a, b=self._other)

    @property
    def _other(self) -> Format:
        assert self.b is not None
        return self.b

    def inputs(self) -> dict[str, Format]:
        return {"a": self.a, "b": self._other}

    def outputs(self) -> dict[str, Format]:
        return dict.fromkeys(_OUTPUTS, parse("uint1"))

    def golden(self, a: Any, b: Any) -> dict[str, Any]:
        found = golden.compare_codes(self.a, a, self._other, b)
        return {name: (found == code).astype(np.uint64) for name, code in _OUTPUTS.items()}

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """Both numbers as whole numbers at one place, compared."""
        if not reference.is_known(*self.inputs().values()):
            return None
        if not reference.fits(*map(reference.span, self.inputs().values())):
            return None

        def answer(plan: Plan, a: Any, b: Any) -> dict[str, Any]:
            x, y = reference.decode(plan, self.a, a), reference.decode(plan, self._other, b)
            ordered = reference.COMPARE.find(self.a, self._other) or reference.compare
            return ordered(plan, x, y, alike=self.a == self._other)

        return reference.circuit(self.inputs(), self.outputs(), answer)

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        found = order(plan, self.a, wires["a"], self._other, wires["b"])
        return {name: getattr(found, name) for name in _OUTPUTS}
