"""Division of two numbers of any formats, rounded once.

x/0 is an infinity and 0/0 is NaN, as IEEE 754-2019 has it for floats. A fixed-point result is then
what it is for every infinity and NaN: the end of the range on that side, and 0; when wrapping, 0.
``toward_zero`` and ``down`` make the integer divisions that truncate and that round down.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.core import operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.number.digit_places import Carried, Wanted
from holigrail_hw.hdl.number.fixed import fixed_range
from holigrail_hw.hdl.number.quotients import divide_unpacked
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.number.unpacked import Unpacked, range_shape
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.reference import span

from .quotient import QuotientOperator
from .telling import mostly_near, mostly_plain

__all__ = ["Divide"]


@operator(
    "divide",
    summary="quotient a/b of two numbers of any formats, rounded once",
    references=(
        "IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019",
        "Ercegovac and Lang, Digital Arithmetic, 2004",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Divide(QuotientOperator):
    """result = a / b; latency 0 without a clock request, one quotient per cycle.

    With ``bits_per_cycle`` one quotient at a time, behind valid and ready. x/0 is infinite and 0/0
    NaN; fixed point has the end of its range and 0 instead, and 0 for both when it wraps.
    """

    a: Format = parameter(
        parse("fp8_e4m3"), "format of the dividend a", samples=tuple(map(parse, ("fp16", "int8")))
    )
    b: Format = parameter(
        parse("fp8_e4m3"), "format of the divisor b", samples=tuple(map(parse, ("uint4",)))
    )

    @property
    def arithmetic(self) -> str:
        return "divide"

    def operands(self) -> dict[str, Format]:
        return {"a": self.a, "b": self.b}

    def top_place(self) -> int:
        return span(self.a)[1] - span(self.b)[0]

    def derive(self) -> dict[str, Any]:
        if not self.is_fixed:
            return {"result": self.widest_float()}
        low, high, a_fraction = fixed_range(self.a)
        b_low, b_high, b_fraction = fixed_range(self.b)
        units = [1] * (b_high > 0) + [-1] * (b_low < 0)
        corners = [x * unit for x in (low, high) for unit in units]
        shape = range_shape(min(corners), max(corners))
        return {"result": FixedFormat(shape.width, shape.signed, a_fraction - b_fraction)}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        if not self.of_binary_fractions:
            return codes
        # Uniform codes hardly ever have short quotients: most a are nearly products of b.
        codes |= mostly_plain(rng, {"b": self.b}, codes)
        factors = self.a.unpack(codes["a"])
        product = self.a.project(golden.multiply(self.b.unpack(codes["b"]), factors))
        return codes | {"a": mostly_near(rng, self.a, codes["a"], product)}

    def exact_result(self, plan: Plan, wanted: Wanted, **codes: Wire) -> tuple[Unpacked, Carried]:
        x, y = unpack(plan, self.a, codes["a"], "a"), unpack(plan, self.b, codes["b"], "b")
        return divide_unpacked(plan, x, y, wanted)
