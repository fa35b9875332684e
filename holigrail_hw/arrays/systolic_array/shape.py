"""The parameters of a systolic array, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.arith.rounded import without_hardware
from holigrail_hw.core import Engine, Stream, Timing, parameter
from holigrail_hw.formats import FixedFormat, Format, Rounding, parse
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS

from ..shared.tiling import SETTLED, Tiling, incomplete_sizes
from .accumulating import check_pace, pair_ends
from .guarded_element import guardless
from .pace import Pace
from .partial_sums import ACCUMULATIONS, PartialSums
from .stationary import tile_starts

__all__ = ["ArrayShape"]

DATAFLOWS = ("weight-stationary", "input-stationary", "output-stationary")
_BIT = parse("uint1")


@dataclass(frozen=True, kw_only=True)
class ArrayShape(Engine):
    """Sizes, formats and dataflow of an array, and what follows from them."""

    rows: int = parameter(4, "rows of the array", low=1, high=256, samples=(1, 3))
    columns: int = parameter(4, "columns of the array", low=1, high=256, samples=(1, 5))
    dataflow: str = parameter(
        "weight-stationary",
        "what stays in the array",
        choices=DATAFLOWS,
    )
    activation: Format = parameter(
        parse("int8"), "format of an activation", samples=("uint3", "binary")
    )
    weight: Format = parameter(parse("int8"), "format of a weight", samples=("int1", "ternary"))
    accumulator: Format | None = parameter(
        None, "format of a finished sum; fixed point: as wide as it must be; else fp32"
    )
    accumulation: str = parameter(
        "fused", "where a floating-point sum is rounded", choices=ACCUMULATIONS
    )
    product: Format | None = parameter(None, "format of the rounded products of a cascade")
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode of sums")
    multiplier: str = parameter(
        "dsp",
        MULTIPLIER_MEANING,
        choices=MULTIPLIERS,
    )

    products: int = parameter(
        1024,
        "longest sum an output-stationary array must hold",
        low=1,
        high=1 << 32,
        samples=(3,),
    )
    guard: bool = parameter(
        False, "whether elements rest where a factor is zero; stationary, of integers"
    )
    m: int | None = parameter(
        None,
        "a product to ask about, M x K times K x N: its M",
        low=1,
        high=1 << 20,
        hardware=False,
    )
    k: int | None = parameter(None, "its K", low=1, high=1 << 20, hardware=False)
    n: int | None = parameter(None, "its N", low=1, high=1 << 20, hardware=False)

    renamed: ClassVar[Mapping[str, str]] = {"multiplier=logic": "multiplier=rows"}

    def derive(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if not self.is_fixed:
            values["accumulator"] = parse("fp32")
            if self.accumulation == "cascade":
                values["product"] = self.accumulator or parse("fp32")
        return values

    def check(self) -> list[str]:
        wrong = incomplete_sizes(self)
        for name in ("activation", "weight", "accumulator", "product"):
            format = getattr(self, name)
            if format is not None:
                wrong += without_hardware(**{name: format})
        if self.rounding.is_stochastic:
            wrong.append("rounding must not be stochastic in an array, which has no random words")
        if self.guard:
            wrong += self._wrong_guard()
        if wrong or self.accumulator is None:
            return wrong
        if not self.accumulator.holds_sums:
            return [f"accumulator must be a format that holds sums, not {self.accumulator}"]
        if self.is_fixed:
            return self._too_narrow()
        if self.accumulation != "exact" and self.accumulator.is_fixed_like:
            return [
                f"accumulator must be a float for {self.accumulation} sums, not"
                f" {self.accumulator}; with accumulation exact it can be fixed"
            ]
        return []

    def _wrong_guard(self) -> list[str]:
        if not self.is_stationary:
            return [
                f"guard must be false in an {self.dataflow} array, whose elements hold no factor;"
                " a stationary one can have it"
            ]
        return guardless(activation=self.activation, weight=self.weight)

    def _too_narrow(self) -> list[str]:
        exact = self._sums_of(None).final
        assert isinstance(exact, FixedFormat)
        given = self.accumulator
        fits = (
            isinstance(given, FixedFormat)
            and given.fraction_width == exact.fraction_width
            and given.minimum <= exact.minimum
            and given.maximum >= exact.maximum
        )
        if fits:
            return []
        return [
            f"accumulator must hold every sum of {self._products} products, as {exact} does,"
            f" not be {given}"
        ]

    def streams(self) -> dict[str, Stream]:
        """Fields are numbered; the mark ``last`` is with what streams through."""
        rows, columns = range(self.rows), range(self.columns)
        last = {"last": _BIT}
        if self.dataflow == "input-stationary":
            activation = {f"a{j}": self.activation for j in columns}
            weight = {f"w{i}": self.weight for i in rows} | last
        else:
            activation = {f"a{i}": self.activation for i in rows} | last
            weight = {f"w{j}": self.weight for j in columns}
        result = {f"sum{j}": self._final for j in columns} | last
        return {
            "activation": Stream("in", activation),
            "weight": Stream("in", weight),
            "result": Stream("out", result),
        }

    @property
    def is_fixed(self) -> bool:
        """Whether sums are integers that never round."""
        return self.activation.is_fixed_like and self.weight.is_fixed_like

    @property
    def is_stationary(self) -> bool:
        """Whether a factor stays in the array, and not the sums."""
        return self.dataflow != "output-stationary"

    @property
    def _products(self) -> int:
        return self.rows if self.is_stationary else self.products

    @property
    def _final(self) -> Format:
        return self.sums.final

    def _sums_of(self, result: Format | None) -> PartialSums:
        swapped = self.dataflow == "input-stationary"
        return PartialSums(
            a=self.weight if swapped else self.activation,
            b=self.activation if swapped else self.weight,
            products=self._products,
            result=result,
            accumulation=self.accumulation,
            product=self.product,
            rounding=self.rounding,
            structure=self.multiplier,
            guard=self.guard,
        )

    @property
    def sums(self) -> PartialSums:
        """The sums of a stationary array; factor ``a`` is the one that moves."""
        return self._sums_of(self.accumulator)

    @property
    def mac(self) -> Mac:
        """What an element of an output-stationary array computes."""
        sums: dict[str, Any] = {"accumulation": self.accumulation}
        if self.accumulation == "exact":
            sums["products"] = self.products
        return Mac(
            a=self.activation,
            b=self.weight,
            accumulator=self._final,
            product=self.product,
            rounding=self.rounding,
            multiplier=self.multiplier,
            **sums,
        )

    def tile_cycles(self, timing: Timing, counts: list[int]) -> int:
        """Cycles from reset to the last result of tiles of so many vectors or pairs."""
        if not counts:
            return 0
        if self.is_stationary:
            pace = self.pace(timing)
            start = tile_starts(counts, self.rows, pace.step)[-1]
            depth = pace.late + self.rows * pace.step + self.columns - 1 + pace.finish
            return start + counts[-1] + depth + 1
        plan = self.mac.plan(timing)
        check_pace(plan)
        latency = plan.latency
        return pair_ends(counts, self.rows)[-1] + 2 * self.rows + self.columns + latency - 1

    def product_cycles(self, timing: Timing, tiling: Tiling) -> int:
        """Cycles from reset to the last result of a whole product, tile after tile."""
        tiles, length = tiling.tiles, tiling.length
        counted = min(tiles, SETTLED)
        cycles = self.tile_cycles(timing, [length] * counted)
        if tiles == counted:
            return cycles
        # From then on every tile takes as long as the one before.
        period = cycles - self.tile_cycles(timing, [length] * (counted - 1))
        return cycles + (tiles - counted) * period

    def pace(self, timing: Timing) -> Pace:
        """How deeply a stationary array is pipelined."""
        return Pace(self.sums, timing)

    def promise_ns(self, timing: Timing | None = None) -> float:
        timing = timing or Timing()
        if self.is_stationary:
            return self.pace(timing).promise_ns
        return self.mac.plan(timing).promise_ns
