"""The reciprocal of a number of any format, rounded once: a division of the number 1."""

from dataclasses import dataclass
from typing import Any

from holigrail_hw.core import operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.number.digit_places import Carried, Wanted
from holigrail_hw.hdl.number.fixed import fixed_range
from holigrail_hw.hdl.number.quotients import divide_unpacked, one
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.number.unpacked import Unpacked, range_shape
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.reference import span

from .quotient import QuotientOperator

__all__ = ["Reciprocal"]


@operator(
    "reciprocal",
    summary="1/x of a number of any format, rounded once",
    references=(
        "IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019",
        "Ercegovac and Lang, Digital Arithmetic, 2004",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Reciprocal(QuotientOperator):
    """result = 1 / x; latency 0 without a clock request, one reciprocal per cycle.

    With ``bits_per_cycle`` one reciprocal at a time, behind valid and ready.

    Without a result format, a fixed-point result has as many digits as x has bits, below its
    largest one.
    """

    x: Format = parameter(
        parse("fp8_e4m3"), "format of x", samples=tuple(map(parse, ("fp16", "uint8", "int8")))
    )

    @property
    def arithmetic(self) -> str:
        return "reciprocal"

    def operands(self) -> dict[str, Format]:
        return {"x": self.x}

    def top_place(self) -> int:
        return 1 - span(self.x)[0]

    def derive(self) -> dict[str, Any]:
        if not self.is_fixed:
            return {"result": self.widest_float()}
        low, _, fraction_width = fixed_range(self.x)
        top = 1 << self.x.width
        shape = range_shape(-top if low < 0 else 0, top)
        places = self.x.width - fraction_width
        return {"result": FixedFormat(shape.width, shape.signed, places)}

    def exact_result(self, plan: Plan, wanted: Wanted, **codes: Wire) -> tuple[Unpacked, Carried]:
        return divide_unpacked(plan, one(plan), unpack(plan, self.x, codes["x"], "x"), wanted)
