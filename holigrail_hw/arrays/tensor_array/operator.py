"""Systolic arrays of tensor elements: every element makes A x C dot products of length B per cycle.

An array of M x N such elements is one of (A M) x (C N) sums that takes B steps of K at once. The
operands of an element are stored once, and skewed once, for all of its products (Liu, Whatmough and
Mattina, "Systolic tensor array", 2020). It is output-stationary: an element's sums stay where they
are, so what it stores is shared by as many products as possible, and K may be as long as it likes
without a memory for partial sums.

With structured sparsity a group of ``group`` weights along K comes as its ``kept`` values and their
places: 2 of 4 as in NVIDIA's Ampere (Mishra et al., 2021), k of 8 as density-bound blocks. A dense
model runs as well, in ceil(group / kept) passes over each step of K.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core import Timing, operator
from holigrail_hw.core.accesses import Accesses
from holigrail_hw.core.trials import random_codes
from holigrail_hw.formats import Format
from holigrail_hw.golden import sum_limit
from holigrail_hw.golden.structured import random_metadata
from holigrail_hw.hdl.number.fixed import product_range

from ..shared.item_orders import item_orders
from ..shared.traffic import border_accesses
from ..systolic_array.accumulating import check_pace
from .cost import product_facts, product_tiling, product_words, tensor_cost
from .shape import TensorShape
from .streams import TensorStreams

__all__ = ["TensorArray"]


@operator(
    "tensor-array",
    summary="matrix products by a grid of dot-product elements, dense or structured sparse",
    references=(
        "Z. Liu, P. Whatmough and M. Mattina, Systolic tensor array: an efficient"
        " structured-sparse GEMM accelerator for mobile CNN inference, 2020",
        "A. Mishra et al., Accelerating sparse deep neural networks, 2021 (2:4)",
    ),
)
@dataclass(frozen=True, kw_only=True)
class TensorArray(TensorShape):
    """A tile of a matrix product at a time; tiles follow each other without a gap.

    Pairs of items, one of activations and one of weights, each ``depth`` steps of K; the last pair
    of a tile is marked. Then one item of results per row of elements: all columns of ``block_rows``
    rows. A sum of more than ``products`` products wraps where it does not fit.
    """

    def golden(
        self, activation: Mapping[str, Any], weight: Mapping[str, Any]
    ) -> dict[str, dict[str, Any]]:
        element, height = self.element, self.rows * self.block_rows
        left = element.activations_of(activation, height)
        right = element.weights_of(weight, self.columns * self.block_columns)
        ends = np.flatnonzero(np.asarray(activation["last"])) + 1
        assert self.accumulator is not None
        width = self.accumulator.width
        dtype = np.uint64 if width <= 64 else object
        items = [np.zeros((0, self.block_rows, right.shape[-1]), dtype)]
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            rows = left[start:end].transpose(1, 0, 2).reshape(height, -1)
            product = rows @ right[start:end].reshape(rows.shape[1], -1)
            codes = (product & ((1 << width) - 1)).astype(dtype)
            items.append(codes.reshape(self.rows, self.block_rows, -1))
        found = np.concatenate(items)
        last = np.tile(np.arange(self.rows) == self.rows - 1, len(ends)).astype(np.uint64)
        return {"result": {name: found[:, i, j] for name, i, j in self._results} | {"last": last}}

    def job(self, rng: np.random.Generator, size: int) -> dict[str, dict[str, Any]]:
        counts = [int(rng.integers(1, 1 + max(size // tiles, 1))) for tiles in (1, 2, 3)]

        def codes(name: str, format: Format, count: int) -> Any:
            if name.startswith("index") and rng.random() < 0.8:
                return random_metadata(rng, count, self.kept, self.group)
            values = random_codes(rng, format.width, count)
            return np.where(rng.random(count) < rng.random(), values, values & np.uint64(0))

        return self._job(counts[: int(rng.integers(1, 4))], codes)

    def corner_jobs(self) -> list[dict[str, dict[str, Any]]]:
        def extreme(pick: int) -> Any:
            return lambda name, format, count: np.full(
                count, format.corner_codes()[pick % len(format.corner_codes())], np.uint64
            )

        counts = [[1], [1, 1, 1], [self.rows], [self.rows, self.rows], [2 * self.rows + 1, 2]]
        return [self._job(tiles, extreme(pick)) for pick, tiles in enumerate(counts)]

    def architecture(self, timing: Timing) -> Any:
        element = self._bundle
        # Before the array is made: a component that is made must be used.
        check_pace(element.plan(timing))
        return TensorStreams(element, self.rows, self.columns, timing, self.streams())

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact, for any tiles, if items are always there and results always accepted."""
        ends = np.flatnonzero(np.asarray(items["activation"]["last"]))
        return self.tile_cycles(timing, [int(count) for count in np.diff(ends, prepend=-1)])

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """Cycles, use and traffic of the product asked about."""
        timing = timing or Timing()
        assert self.accumulator is not None
        products = product_range(self.activation, self.weight)
        sums = {"sums": sum_limit(self.accumulator, products)}
        sums |= item_orders(
            f"steps (K), {self.depth} in an item; an item has a tile's M",
            f"steps (K), {self.depth} in an item; an item has a tile's N",
            f"rows (M), {self.block_rows} in an item; an item has a tile's N",
        )
        if self.m is None or self.k is None or self.n is None:
            return sums
        return sums | product_facts(self, timing, self.m, self.k, self.n)

    def accesses(self, timing: Timing | None = None) -> Accesses | None:
        if self.m is None or self.k is None or self.n is None:
            return None
        tiling, element = product_tiling(self, self.m, self.k, self.n), self.element
        length = -(-self.k // self.depth)
        assert self.accumulator is not None
        return border_accesses(
            tiling,
            self.product_cycles(timing or Timing(), tiling.tiles, length),
            element,
            bits={
                "activation": self.activation.width,
                "weight": self.weight.width,
                "result": self.accumulator.width,
            },
            words=product_words(self, tiling),
            each=element.rows * element.columns * element.depth,
        )

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return tensor_cost(self, timing or Timing())
