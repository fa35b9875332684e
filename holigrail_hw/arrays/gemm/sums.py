"""How a matrix engine sums over all of K, where its array holds only ``rows`` products at a time.

tiles
    A column adds the products of a tile; the engine adds the sums of tiles to one that begins with
    zero (+0). Inner sums of ``rows`` products, as :func:`holigrail_hw.golden.gemm` calls them.
sequential
    A column goes on from the sum of the tiles before: one addition after the other along K.

Integers and exact sums never round on the way, so their order does not matter. An exact sum is kept
as a wide integer, with three bits beside it for what was infinite or no number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from amaranth import Cat, Value, unsigned

from holigrail_hw.arith.add import Add
from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.primitives import device_model
from holigrail_hw.formats import FixedFormat, Format, Rounding, parse
from holigrail_hw.golden import accumulate, gemm
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.hdl.shapes import shape_of
from holigrail_hw.kernels import is_compiled

from ..systolic_array.partial_sums import MANY, PartialSums

__all__ = ["ORDERS", "ExactResult", "RawSums", "Totals"]

ORDERS = ("tiles", "sequential")


@dataclass(frozen=True)
class RawSums(PartialSums):
    """Sums as they are at the end of a column: an exact one is not rounded yet."""

    @property
    def final(self) -> Format:
        if not self.is_exact:
            return super().final
        return FixedFormat(self.width(self.products), signed=False)

    def finish(self, plan: Plan, state: Any) -> Any:
        return state if self.is_exact else super().finish(plan, state)


@dataclass(frozen=True)
class Totals:
    """Sums over all of K.

    Attributes
    ----------
    column : RawSums
        What a column of the array adds.
    format : Format
        Of a sum over all of K; of an exact one the register.
    longest : int
        The most products of a sum; of one that goes on in other commands, those of a command.
    """

    column: RawSums
    format: Format
    longest: int

    @property
    def flags(self) -> int:
        """Bits beside an exact sum."""
        return self.column.final.width - self.column.register.width if self.column.is_exact else 0

    @property
    def width(self) -> int:
        """Bits of a sum in memory."""
        return self.format.width + self.flags

    def whole(self, result: Format) -> PartialSums:
        """The same exact sums without tiles, rounded once at their end."""
        return PartialSums(
            a=self.column.a,
            b=self.column.b,
            products=self.longest,
            result=result,
            accumulation="exact",
            rounding=self.column.rounding,
        )

    def plan(self, timing: Timing) -> Plan:
        """The addition of a tile's sum ``part`` to the sum ``old`` of those before."""
        device = device_model(timing.device)
        inputs = {"old": unsigned(self.width), "part": unsigned(self.column.final.width)}
        adder = None if self.column.is_fixed or self.column.is_exact else self._adder

        def datapath(plan: Plan, old: Any, part: Any) -> dict[str, Any]:
            if adder is None:
                total = plan.step("total", unsigned(self.width), self._integers, old, part)
            else:
                total = adder.datapath(plan, a=old, b=part)["result"]
                total = plan.step("bits", unsigned(self.width), _bits, total)
            return {"total": total}

        return Plan(
            inputs,
            {"total": unsigned(self.width)},
            datapath,
            device=device,
            period_ns=None if adder is None else timing.period_ns,
        )

    def limit(self, *, goes_on: bool = False) -> str:
        """How sums of up to ``longest`` products differ from exact ones, or those that go on."""
        column = self.column if self.column.is_exact else replace(self.column, result=self.format)
        return replace(column, products=self.longest).limit(None if goes_on else self.longest)

    def computed(self, a: Any, b: Any) -> Any:
        """What :meth:`golden` gives, by compiled kernels where products are many."""
        column = replace(self.column, result=self.format)
        gemm = column.kernel()
        if gemm is None or np.size(a) * np.shape(b)[1] < MANY or not is_compiled():
            return self.golden(a, b)
        if column.continues:
            return replace(gemm, start="zero").codes(a, b)
        codes = replace(gemm, chunk=column.products).codes(a, b)
        # The sums of tiles are added to +0, and a sum of two numbers is no -0 then.
        if self.format.has_negative_zero and column.rounding is not Rounding.DOWN:
            codes[codes == int(self.format.encode(-0.0))] = int(self.format.encode(0))
        return codes

    def golden(self, a: Any, b: Any) -> Any:
        """Codes of sums, M x columns, of codes; not of exact ones.

        Sums of integers that the format does not hold wrap, those of floats become infinite, NaN or
        the largest number, as it says.
        """
        column, format = self.column, self.format
        if column.is_fixed:
            return replace(column, products=len(b), result=format).golden(a, b)
        product = column.product if column.accumulation == "cascade" else None
        rounding = column.rounding
        if column.continues:
            x, y = column.a.unpack(a), column.b.unpack(b)
            return gemm(x, y, format, product=product, rounding=rounding)
        rows = column.products
        starts = range(0, len(b), rows)
        parts = np.stack([column.golden(a[:, k : k + rows], b[k : k + rows]) for k in starts])
        one, zero = parse("uint1").unpack(1), int(format.encode(0))
        return accumulate(format.unpack(parts), one, format, rounding=rounding, initial=zero)[-1]

    @property
    def _adder(self) -> Add:
        format = self.format
        return Add(a=format, b=format, result=format, rounding=self.column.rounding)

    def _integers(self, old: Any, part: Any) -> Any:
        """The sum of integers, and of the flags either."""
        low, part_low = self.format.width, self.column.final.width - self.flags
        is_signed = self.format.codes_are_integers and self.format.signed
        term = part[:part_low]
        if self.column.is_exact or shape_of(self.column.final).signed:
            term = term.as_signed()
        first = old[:low].as_signed() if is_signed else old[:low]
        total = (first + term)[:low]
        return Cat(total, old[low:] | part[part_low:]) if self.flags else total


@dataclass(frozen=True)
class ExactResult:
    """What makes a result ``y`` of an exact sum ``x``, as an operator would."""

    sums: PartialSums

    def inputs(self) -> Mapping[str, Format]:
        """The sum with its flags."""
        return {"x": FixedFormat(self.sums.width(self.sums.products), signed=False)}

    def plan(self, timing: Timing) -> Plan:
        """The hardware."""
        sums = self.sums
        return Plan(
            {"x": unsigned(sums.width(sums.products))},
            {"y": unsigned(sums.final.width)},
            lambda plan, x: {"y": sums.finish(plan, x)},
            device=device_model(timing.device),
            period_ns=timing.period_ns,
        )


def _bits(value: Any) -> Any:
    return Value.cast(value).as_unsigned()
