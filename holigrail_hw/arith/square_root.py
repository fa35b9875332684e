"""The square root of a number of any format, rounded once.

The root of a negative number is NaN, that of -0 is -0 (IEEE 754-2019, section 5.4.1). NaN in fixed
point is 0.
"""

from abc import abstractmethod
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.core import operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.number.digit_places import Carried, Wanted
from holigrail_hw.hdl.number.fixed import fixed_range
from holigrail_hw.hdl.number.roots import inverse_root_unpacked, root_unpacked, unpack_radicand
from holigrail_hw.hdl.number.unpacked import Unpacked
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.reference import span

from .quotient import QuotientOperator
from .telling import mostly_near

__all__ = ["ReciprocalSquareRoot", "SquareRoot"]

_REFERENCES = (
    "IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019",
    "Ercegovac and Lang, Digital Arithmetic, 2004",
)


@dataclass(frozen=True, kw_only=True)
class _Root(QuotientOperator):
    """An operation on one operand x that negative numbers do not have."""

    x: Format = parameter(
        parse("fp8_e4m3"), "format of x", samples=tuple(map(parse, ("fp16", "uint8", "int8")))
    )

    def operands(self) -> dict[str, Format]:
        return {"x": self.x}

    def derive(self) -> dict[str, Any]:
        if not self.is_fixed:
            return {"result": self.widest_float()}
        high, fraction_width = self.largest()
        return {"result": FixedFormat(max(high.bit_length(), 1), False, fraction_width)}

    @abstractmethod
    def largest(self) -> tuple[int, int]:
        """The largest result of a fixed-like operand, rounded up, in units of 2^-(the other)."""


@operator(
    "square-root",
    summary="square root of a number of any format, rounded once",
    references=_REFERENCES,
)
@dataclass(frozen=True, kw_only=True)
class SquareRoot(_Root):
    """result = sqrt(x); latency 0 without a clock request, one root per cycle.

    With ``bits_per_cycle`` one root at a time, behind valid and ready. The root of a negative
    number is NaN, in fixed point 0.
    """

    @property
    def arithmetic(self) -> str:
        return "square-root"

    def top_place(self) -> int:
        return (span(self.x)[1] + 1) // 2

    def largest(self) -> tuple[int, int]:
        _, high, fraction_width = fixed_range(self.x)
        places = -(-fraction_width // 2)
        return _root_above(high << (2 * places - fraction_width)), places

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        if not self.of_binary_fractions:
            return codes
        # Uniform codes hardly ever have exact roots: most x are nearly squares.
        roots = self.target.unpack(super().stimulus(rng, count)["x"] % (1 << self.target.width))
        square = self.x.project(golden.multiply(roots, roots))
        return codes | {"x": mostly_near(rng, self.x, codes["x"], square)}

    def exact_result(self, plan: Plan, wanted: Wanted, **codes: Wire) -> tuple[Unpacked, Carried]:
        return root_unpacked(plan, unpack_radicand(plan, self.x, codes["x"]), wanted)


@operator(
    "reciprocal-square-root",
    summary="1/sqrt(x) of a number of any format, rounded once",
    references=_REFERENCES,
)
@dataclass(frozen=True, kw_only=True)
class ReciprocalSquareRoot(_Root):
    """result = 1 / sqrt(x); latency 0 without a clock request, one result per cycle.

    With ``bits_per_cycle`` one result at a time, behind valid and ready.

    Zero gives an infinity of its sign (IEEE 754-2019, rSqrt in section 9.2). Without a result
    format, a fixed-point result has as many digits as x has bits, below its largest one.
    """

    @property
    def arithmetic(self) -> str:
        return "reciprocal-square-root"

    def top_place(self) -> int:
        return 1 - span(self.x)[0] // 2

    def largest(self) -> tuple[int, int]:
        _, _, fraction_width = fixed_range(self.x)
        places = self.x.width - fraction_width // 2
        return _root_above(1 << (fraction_width + 2 * places)), places

    def exact_result(self, plan: Plan, wanted: Wanted, **codes: Wire) -> tuple[Unpacked, Carried]:
        return inverse_root_unpacked(plan, unpack_radicand(plan, self.x, codes["x"]), wanted)


def _root_above(number: int) -> int:
    """The square root, rounded up."""
    return isqrt(number - 1) + 1 if number > 0 else 0
