"""Softmax of several numbers at once, in integers, with a stated error.

With m the largest of N numbers, e_i = round(2^p exp(x_i - m)) from a table and S the sum of all
e_i, which is at least 2^p since the largest number contributes that:

    r = floor(2^(p+q) / S),    y_i = floor(e_i r 2^-(p+q) 2^f + 1/2) 2^-f,

f being the fraction bits of the result. The table is off by 1/2 unit at most, so e_i / S is off by
(1 + N y_i) / 2^(p+1); cutting r off costs 2^-q, rounding half a unit. A result of 1 that does not
fit becomes the largest one. r comes from a restoring division, one digit per step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.core import ExactOutputs, OperatorSpec, Timing, clamped, operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.functions.exact.catalogue import KNOWN
from holigrail_hw.hdl.integer.balanced_tree import sum_of
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .datapath import exponential, largest, reciprocal, scaled
from .exponentials import exponentials, last_exponential

__all__ = ["Softmax"]

_MOST_ENTRIES = 1 << 12
_MORE = 64


@operator(
    "softmax",
    summary="exp(x_i) over the sum of all exp(x_j), in integers, error stated",
    references=("ONNX operator Softmax, opset 13",),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class Softmax(OperatorSpec):
    """result0, result1, ... of x0, x1, ...; latency 0 without a clock request."""

    length: int = parameter(2, "how many numbers", low=2, high=64, samples=(3,))
    input: Format = parameter(
        parse("sfix5_en1"), "format of the numbers", samples=(parse("sfix5_en1"),)
    )
    result: Format = parameter(
        parse("ufix5_en5"), "format of the results", samples=(parse("ufix5_en5"),)
    )
    exponential_bits: int | None = parameter(
        None, "fraction bits of exponentials; enough for a quarter unit if none", low=1, high=28
    )
    reciprocal_bits: int | None = parameter(
        None,
        "fraction bits of the reciprocal of the sum; 2 more than of results if none",
        low=1,
        high=28,
    )
    multiplier: str = parameter("rows", MULTIPLIER_MEANING, choices=MULTIPLIERS, samples=("rows",))

    def derive(self) -> dict[str, Any]:
        if not isinstance(self.result, FixedFormat):
            return {}
        fraction = max(self.result.fraction_width, 0)
        found = {}
        if self.exponential_bits is None:
            found["exponential_bits"] = fraction + 1 + self.length.bit_length()
        if self.reciprocal_bits is None:
            found["reciprocal_bits"] = fraction + 2
        return {name: min(max(bits, 1), 28) for name, bits in found.items()}

    def check(self) -> list[str]:
        wrong = []
        for name in ("input", "result"):
            if not isinstance(getattr(self, name), FixedFormat):
                wrong.append(f"{name} must be an integer or fixed point, not {getattr(self, name)}")
        if wrong:
            return wrong
        if not 1 <= self._fraction <= 20:
            wrong.append(f"result must have 1 to 20 fraction bits, not {self._fraction}")
        last = last_exponential(self.input.least_place, self.input.width, self._bits[0])
        if last >= _MOST_ENTRIES:
            wrong.append(
                f"input must have so few fraction bits that {_MOST_ENTRIES} exponentials do,"
                f" not {last + 1}"
            )
        if sum(self._bits) <= self._fraction:
            wrong.append(
                "exponential_bits and reciprocal_bits must be more than the result's fraction bits"
                f" together, not {self._bits[0]} and {self._bits[1]}"
            )
        return wrong

    @property
    def _fraction(self) -> int:
        return -self.result.least_place

    @property
    def _bits(self) -> tuple[int, int]:
        assert self.exponential_bits is not None and self.reciprocal_bits is not None
        return self.exponential_bits, self.reciprocal_bits

    @property
    def _table(self) -> tuple[int, ...]:
        return exponentials(self.input.least_place, self.input.width, self._bits[0])

    @property
    def bound(self) -> Fraction:
        """What a result may be off by."""
        p, q = self._bits
        unit = Fraction(2) ** self.result.least_place
        table = Fraction(1 + self.length, 2 << p)
        return table + Fraction(1, 1 << q) + unit / 2

    def inputs(self) -> dict[str, Format]:
        return {f"x{number}": self.input for number in range(self.length)}

    def outputs(self) -> dict[str, Format]:
        return {f"result{number}": self.result for number in range(self.length)}

    def _distances(self, codes: Mapping[str, Any]) -> Any:
        """How far each number is below the largest, along a new first axis."""
        values = np.stack(
            [
                golden.integers(codes[name], self.input.width, signed=self.input.signed)
                for name in self.inputs()
            ]
        )
        return values.max(axis=0) - values

    def golden(self, **codes: Any) -> dict[str, Any]:
        (p, q), table = self._bits, np.array([*self._table, 0], np.int64)
        e = table[np.minimum(self._distances(codes), len(table) - 1)]
        r = (1 << (p + q)) // e.sum(axis=0)
        shift = p + q - self._fraction
        products, half = e.astype(object) * r, 1 << shift >> 1
        y = np.minimum((products + half) >> shift, self.result.integer_range[1])
        return {name: y[n].astype(np.uint64) for n, name in enumerate(self.outputs())}

    def exact(self, **codes: Any) -> ExactOutputs:
        assert isinstance(self.result, FixedFormat)
        distances = self._distances(codes)
        known = np.unique(distances)
        floors, _ = KNOWN["exp"].floors(-known.astype(object), self.input.least_place, _MORE)
        exponential = dict(zip(known.tolist(), map(int, floors), strict=True))
        found: dict[str, Sequence[Fraction]] = {}
        for number, name in enumerate(self.outputs()):
            values = [
                Fraction(exponential[column[number]], sum(exponential[d] for d in column))
                for column in distances.T.tolist()
            ]
            found[name] = clamped(values, self.result)
        # The exponentials here are cut off as well, far below anything else.
        slack = Fraction(1, 1 << (_MORE - 10))
        return ExactOutputs(found, dict.fromkeys(found, self.bound + slack))

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        unit = Fraction(2) ** self.result.least_place
        return {
            "exponentials": f"{len(self._table)} of {self._bits[0]} fraction bits, then 0",
            "error bound (ulp)": round(float(self.bound / unit), 4),
            "error proof": "a sum of bounds: table, reciprocal cut off, rounding",
        }

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        (p, q), numbers, result = self._bits, list(wires.values()), self.result
        assert isinstance(result, FixedFormat)
        most = largest(plan, numbers)
        e = [exponential(plan, self._table, x, most, n) for n, x in enumerate(numbers)]
        factor, shift = reciprocal(plan, sum_of(plan, e), p, q), p + q - self._fraction
        return {
            name: scaled(plan, e[n], factor, shift, result, self.multiplier, n)
            for n, name in enumerate(self.outputs())
        }
