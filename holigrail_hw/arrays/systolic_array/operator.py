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

from holigrail_hw.core import RequestError, Target, Timing, operator
from holigrail_hw.core.accesses import Accesses
from holigrail_hw.core.trials import random_codes
from holigrail_hw.core.views import View

from ..shared.item_orders import item_orders
from ..shared.tiling import Tiling
from ..shared.traffic import border_accesses
from .accumulating import AccumulatingArray, check_pace
from .cost import array_cost
from .shape import ArrayShape
from .stationary import StationaryArray

__all__ = ["SystolicArray"]

_ORDERS = {
    "weight-stationary": item_orders(
        "vectors (M); an item has a tile's K",
        "rows (K); an item has a tile's N",
        "vectors (M); an item has a tile's N",
    ),
    "input-stationary": item_orders(
        "rows (K); an item has a tile's M",
        "vectors (N); an item has a tile's K",
        "vectors (N); an item has a tile's M",
    ),
    "output-stationary": item_orders(
        "steps (K); an item has a tile's M",
        "steps (K); an item has a tile's N",
        "rows (M); an item has a tile's N",
    ),
}
DATAFLOWS = tuple(_ORDERS)


@operator(
    "systolic-array",
    summary="matrix products by a grid of multiply-accumulate elements",
    references=(
        "H. T. Kung, Why systolic architectures?, Computer 15(1), 1982",
        "N. Jouppi et al., In-datacenter performance analysis of a tensor processing unit, 2017",
    ),
)
@dataclass(frozen=True, kw_only=True)
class SystolicArray(ArrayShape):
    """A tile of a matrix product at a time; tiles follow each other without a gap.

    The stationary factor comes one row of the array per item; the moving factor one vector per
    item, the last of the tile marked; each vector gives one item of results. Output-stationary:
    pairs of items, the last of the tile marked, then one item of results per row of the array; a
    sum of integers of more than ``products`` pairs wraps where it does not fit.
    """

    def golden(
        self, activation: Mapping[str, Any], weight: Mapping[str, Any]
    ) -> dict[str, dict[str, Any]]:
        sums = self.sums
        if self.is_stationary:
            tiles = self._stationary_tiles(activation, weight)
        else:
            tiles = self._pairs(activation, weight)
        products = [sums.computed(a, b) for a, b in tiles]
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

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """Cycles, use and traffic of the product asked about, and which dataflow suits it best."""
        timing = timing or Timing()
        sums = {"sums": self.sums.limit(self.rows if self.is_stationary else None)}
        sums |= _ORDERS[self.dataflow]
        if self.m is None or self.k is None or self.n is None:
            return sums
        tiling = self._tiling
        assert tiling is not None
        sizes = {name: getattr(tiling, name) for name in ("rows", "columns", "m", "k", "n")}
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

    @property
    def _tiling(self) -> Tiling | None:
        """The product asked about, in tiles."""
        if self.m is None or self.k is None or self.n is None:
            return None
        return Tiling(self.dataflow, self.rows, self.columns, self.m, self.k, self.n)

    def accesses(self, timing: Timing | None = None) -> Accesses | None:
        tiling = self._tiling
        if tiling is None:
            return None
        widths = {"activation": self.activation.width, "weight": self.weight.width}
        bits = widths | {"result": self.sums.final.width}
        cycles = self.product_cycles(timing or Timing(), tiling)
        return border_accesses(tiling, cycles, self.mac, bits=bits)

    def views(self, target: Target | None = None) -> list[View]:
        from .views import array_views

        return array_views(self, target or Target())

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return array_cost(self, timing or Timing())


def _matrix(fields: Mapping[str, Any]) -> Any:
    """Items x fields, without the mark."""
    return np.stack([np.asarray(v) for name, v in fields.items() if name != "last"], axis=1)
