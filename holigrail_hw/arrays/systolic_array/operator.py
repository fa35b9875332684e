"""Systolic arrays for matrix products, weight-, input- or output-stationary.

The array multiplies tiles: a product C = A * B of M x K and K x N is cut into tiles that fit, by
whoever feeds the array. What is held in the array is the difference:

weight-stationary
    rows x columns weights B; activations stream through, one row of A per cycle.
input-stationary
    rows x columns activations A (transposed); weights stream through, one column of B per cycle.
output-stationary
    rows x columns sums; one column of A and one row of B enter per cycle, for any K.

References: H. T. Kung, "Why systolic architectures?", Computer 15(1), 1982; Jouppi et al.,
"In-datacenter performance analysis of a tensor processing unit", ISCA 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holigrail_hw.arith.mac import Mac
from holigrail_hw.core import Engine, RequestError, Stream, Target, Timing, operator, parameter
from holigrail_hw.core.spec import random_codes
from holigrail_hw.core.views import View
from holigrail_hw.formats import FixedFormat, Format, Rounding, parse
from holigrail_hw.hdl.number.fixed import FIXED_KINDS

from ..shared.tiling import SETTLED, Tiling, incomplete_sizes
from .accumulating import AccumulatingArray, check_pace, pair_ends
from .cost import array_cost
from .guarded_element import guardless
from .pace import Pace
from .partial_sums import ACCUMULATIONS, PartialSums
from .stationary import StationaryArray, tile_starts

__all__ = ["DATAFLOWS", "SystolicArray"]

DATAFLOWS = ("weight-stationary", "input-stationary", "output-stationary")

_BIT = parse("uint1")


@operator(
    "systolic-array",
    summary="matrix products by a grid of multiply-accumulate elements",
    references=(
        "H. T. Kung, Why systolic architectures?, Computer 15(1), 1982",
        "N. Jouppi et al., In-datacenter performance analysis of a tensor processing unit, 2017",
    ),
)
@dataclass(frozen=True, kw_only=True)
class SystolicArray(Engine):
    """A tile of a matrix product at a time; tiles follow each other without a gap.

    The stationary factor comes one row of the array per item; the moving factor one vector per
    item, the last of the tile marked; each vector gives one item of results. Output-stationary:
    pairs of items, the last of the tile marked, then one item of results per row of the array; a
    sum of integers of more than ``products`` pairs wraps where it does not fit.
    """

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
        "who makes integer products: DSP blocks as synthesis sees fit, or rows of adders",
        choices=("dsp", "logic"),
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
            if format is not None and format.kind not in (*FIXED_KINDS, "float"):
                wrong.append(
                    f"{name} must be a float, fixed-point, binary or ternary format, not {format}"
                )
        if self.rounding is Rounding.STOCHASTIC:
            wrong.append("rounding must not be stochastic in an array, which has no random words")
        if self.guard:
            wrong += self._wrong_guard()
        if wrong or self.accumulator is None:
            return wrong
        if self.accumulator.kind not in ("fixed", "float"):
            return [f"accumulator must be fixed-point or float, not {self.accumulator}"]
        if self.is_fixed:
            return self._too_narrow()
        if self.accumulation != "exact" and self.accumulator.kind != "float":
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
        return self.activation.kind in FIXED_KINDS and self.weight.kind in FIXED_KINDS

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
            structure="dsp" if self.multiplier == "dsp" else "rows",
            guard=self.guard,
        )

    @property
    def sums(self) -> PartialSums:
        """The sums of a stationary array; factor ``a`` is the one that moves."""
        return self._sums_of(self.accumulator)

    @property
    def mac(self) -> Mac:
        """What an element of an output-stationary array computes."""
        exact = {"accumulation": "exact", "products": self.products}
        return Mac(
            a=self.activation,
            b=self.weight,
            accumulator=self._final,
            product=self.product,
            rounding=self.rounding,
            multiplier=self.multiplier,
            **(exact if self.accumulation == "exact" else {"accumulation": self.accumulation}),
        )

    def golden(
        self, activation: Mapping[str, Any], weight: Mapping[str, Any]
    ) -> dict[str, dict[str, Any]]:
        sums = self.sums
        if self.is_stationary:
            tiles = self._stationary_tiles(activation, weight)
        else:
            tiles = self._pairs(activation, weight)
        products = [sums.golden(a, b) for a, b in tiles]
        dtype = np.uint64 if sums.final.width <= 64 else object
        empty = np.zeros((0, self.columns), dtype)
        codes = np.concatenate([empty, *products]).astype(dtype)
        last = np.zeros(len(codes), np.uint64)
        ends = np.cumsum([len(product) for product in products], dtype=np.int64)
        last[ends[ends > 0] - 1] = 1
        result = {f"sum{j}": codes[:, j] for j in range(self.columns)}
        return {"result": result | {"last": last}}

    def _stationary_tiles(self, activation: Mapping[str, Any], weight: Mapping[str, Any]) -> Any:
        """What moves (vectors x rows) and what stays (rows x columns), tile by tile."""
        moving, staying = activation, weight
        if self.dataflow == "input-stationary":
            moving, staying = weight, activation
        vectors, held = _matrix(moving), _matrix(staying)
        ends = np.flatnonzero(np.asarray(moving["last"])) + 1
        for tile, part in enumerate(np.split(vectors, ends)[: len(ends)]):
            yield part, held[tile * self.rows : (tile + 1) * self.rows]

    def _pairs(self, activation: Mapping[str, Any], weight: Mapping[str, Any]) -> Any:
        left, top = _matrix(activation), _matrix(weight)
        ends = np.flatnonzero(np.asarray(activation["last"])) + 1
        start = 0
        for end in ends:
            yield left[start:end].T, top[start:end]
            start = end

    def job(self, rng: np.random.Generator, size: int) -> dict[str, dict[str, Any]]:
        counts = [int(rng.integers(1, 1 + max(size // tiles, 1))) for tiles in (1, 2, 3)]
        return self._job(
            counts[: int(rng.integers(1, 4))], lambda f, n: random_codes(rng, f.width, n)
        )

    def corner_jobs(self) -> list[dict[str, dict[str, Any]]]:
        def extreme(pick: int) -> Any:
            return lambda format, count: np.full(
                count, format.corner_codes()[pick % len(format.corner_codes())], np.uint64
            )

        counts = [[1], [1, 1, 1], [self.rows], [self.rows, self.rows], [2 * self.rows + 1, 2]]
        return [self._job(tiles, extreme(pick)) for pick, tiles in enumerate(counts)]

    def _job(self, counts: list[int], codes: Any) -> dict[str, dict[str, Any]]:
        """Tiles of so many vectors or pairs."""
        streams, total = self.streams(), sum(counts)
        last = np.zeros(total, np.uint64)
        last[np.cumsum(counts) - 1] = 1
        job: dict[str, dict[str, Any]] = {}
        for name in ("activation", "weight"):
            fields = dict(streams[name].fields)
            count = total
            if "last" not in fields and self.is_stationary:
                count = self.rows * len(counts)
            job[name] = {n: codes(f, count) for n, f in fields.items() if n != "last"}
            if "last" in fields:
                job[name]["last"] = last
        return job

    def architecture(self, timing: Timing) -> Any:
        names, fields = ("activation", "weight", "result"), ("a", "w", "sum")
        if not self.is_stationary:
            # Before the array is made: a component that is made must be used.
            check_pace(self.mac.plan(timing))
            return AccumulatingArray(self.mac, self.rows, self.columns, timing, names, fields)
        if self.dataflow == "weight-stationary":
            names, fields = ("weight", "activation", "result"), ("w", "a", "sum")
        return StationaryArray(self.sums, self.columns, timing, names, fields)

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact, for any tiles, if items are always there and results always accepted."""
        marked = items["weight" if self.dataflow == "input-stationary" else "activation"]
        counts = np.diff(np.flatnonzero(np.asarray(marked["last"])), prepend=-1)
        return self.tile_cycles(timing, [int(count) for count in counts])

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

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """Cycles, use and traffic of the product asked about, and which dataflow suits it best."""
        timing = timing or Timing()
        sums = {"sums": self.sums.limit(self.rows if self.is_stationary else None)}
        if self.m is None or self.k is None or self.n is None:
            return sums
        sizes = {"rows": self.rows, "columns": self.columns, "m": self.m, "k": self.k, "n": self.n}
        tiling = Tiling(self.dataflow, **sizes)
        cycles = self.product_cycles(timing, tiling)
        found: dict[str, Any] = sums | {
            "multipliers": self.rows * self.columns,
            "tiles": f"{tiling.shape[0]} x {tiling.shape[1]} of {tiling.length}",
            "cycles": cycles,
            "utilisation (%)": round(100 * tiling.utilisation(cycles), 2),
        }
        for name, words in tiling.words.items():
            found[f"{name} words"] = words
            found[f"{name} words per cycle"] = round(words / cycles, 4)
        per_flow: dict[str, int] = {}
        for flow in DATAFLOWS:
            try:
                other = replace(self, dataflow=flow, products=max(self.products, self.k))
                per_flow[flow] = other.product_cycles(timing, Tiling(flow, **sizes))
            except RequestError:
                # A sum that takes several cycles to add to cannot stay in an element.
                continue
        for flow, count in per_flow.items():
            found[f"cycles {flow}"] = count
        return found | {"best dataflow": min(per_flow, key=lambda flow: per_flow[flow])}

    def pace(self, timing: Timing) -> Pace:
        """How deeply a stationary array is pipelined."""
        return Pace(self.sums, timing)

    def promise_ns(self, timing: Timing | None = None) -> float:
        timing = timing or Timing()
        if self.is_stationary:
            return self.pace(timing).promise_ns
        return self.mac.plan(timing).promise_ns

    def views(self, target: Target | None = None) -> list[View]:
        from .views import array_views

        return array_views(self, target or Target())

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return array_cost(self, timing or Timing())


def _matrix(fields: Mapping[str, Any]) -> Any:
    """Items x fields, without the mark."""
    return np.stack([np.asarray(v) for name, v in fields.items() if name != "last"], axis=1)
