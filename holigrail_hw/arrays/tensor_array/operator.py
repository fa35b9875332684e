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

from holigrail_hw.core import Engine, RequestError, Stream, Timing, operator, parameter
from holigrail_hw.core.spec import random_codes
from holigrail_hw.formats import Format, parse
from holigrail_hw.golden import sum_limit
from holigrail_hw.golden.structured import random_metadata
from holigrail_hw.hdl.number.fixed import product_range

from ..shared.tiling import incomplete_sizes
from ..systolic_array.accumulating import check_pace, pair_ends
from .bundle import BundledElement
from .cost import product_facts, tensor_cost
from .element import TensorElement
from .streams import TensorStreams

__all__ = ["TensorArray"]

_BIT = parse("uint1")
# Parameters of the array that are those of its elements.
_SHARED = (
    "depth",
    "activation",
    "weight",
    "accumulator",
    "products",
    "group",
    "kept",
    "multiplier",
)


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
class TensorArray(Engine):
    """A tile of a matrix product at a time; tiles follow each other without a gap.

    Pairs of items, one of activations and one of weights, each ``depth`` steps of K; the last pair
    of a tile is marked. Then one item of results per row of elements: all columns of ``block_rows``
    rows. A sum of more than ``products`` products wraps where it does not fit.
    """

    rows: int = parameter(2, "rows of elements", low=1, high=64, samples=(1,))
    columns: int = parameter(2, "columns of elements", low=1, high=64)
    block_rows: int = parameter(1, "rows of an element, A", low=1, high=16, samples=(2,))
    depth: int = parameter(2, "products of a dot product, B", low=1, high=64)
    block_columns: int = parameter(1, "columns of an element, C", low=1, high=16, samples=(2,))
    activation: Format = parameter(parse("int8"), "format of an activation", samples=("binary",))
    weight: Format = parameter(parse("int8"), "format of a weight")
    accumulator: Format | None = parameter(None, "format of a sum; as wide as it must be")
    products: int = parameter(1024, "longest sum an element must hold", low=1, high=1 << 32)
    group: int = parameter(
        1, "weights of a group along K; 1 for dense weights", low=1, high=16, samples=(2,)
    )
    kept: int = parameter(1, "weights of a group that may differ from 0", low=1, high=16)
    multiplier: str = parameter(
        "dsp",
        "who makes products: DSP blocks as synthesis sees fit, rows of adders,"
        " or one bit heap for all of a dot product",
        choices=("dsp", "logic", "fused"),
        samples=("logic",),
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
        return {} if self._wrong() else {"accumulator": self.element.accumulator}

    def check(self) -> list[str]:
        return incomplete_sizes(self) + self._wrong()

    def _wrong(self) -> list[str]:
        try:
            return self.element.check()
        except RequestError as error:
            return [text.removeprefix(f"{TensorElement.name}: ") for text in error.violations]

    @property
    def element(self) -> TensorElement:
        """What one element computes."""
        return TensorElement(
            rows=self.block_rows,
            columns=self.block_columns,
            **{name: getattr(self, name) for name in _SHARED},
        )

    @property
    def _bundle(self) -> BundledElement:
        return BundledElement(self.element)

    def streams(self) -> dict[str, Stream]:
        """Fields of activations and weights as an element has them, numbered over the array."""
        element = self.element
        activation: dict[str, Format] = {}
        weight: dict[str, Format] = {}
        for i in range(self.rows * self.block_rows):
            activation |= element.vector(i)
        for j in range(self.columns * self.block_columns):
            weight |= element.weights(j)
        assert self.accumulator is not None
        result = dict.fromkeys((name for name, _, _ in self._results), self.accumulator)
        last = {"last": _BIT}
        return {
            "activation": Stream("in", activation | last),
            "weight": Stream("in", weight),
            "result": Stream("out", result | last),
        }

    @property
    def _results(self) -> list[tuple[str, int, int]]:
        """Fields of a result with their row in the element and their column in the array, in the
        order in which the elements of a row give them."""
        return [
            (f"sum{i}_{column * self.block_columns + j}", i, column * self.block_columns + j)
            for column in range(self.columns)
            for i in range(self.block_rows)
            for j in range(self.block_columns)
        ]

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

    def _job(self, counts: list[int], codes: Any) -> dict[str, dict[str, Any]]:
        """Tiles of so many pairs."""
        total = sum(counts)
        last = np.zeros(total, np.uint64)
        last[np.cumsum(counts) - 1] = 1
        return {
            stream: {
                name: last if name == "last" else codes(name, format, total)
                for name, format in self.streams()[stream].fields.items()
            }
            for stream in ("activation", "weight")
        }

    def architecture(self, timing: Timing) -> Any:
        element = self._bundle
        # Before the array is made: a component that is made must be used.
        check_pace(element.plan(timing))
        return TensorStreams(element, self.rows, self.columns, timing, self.streams())

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact, for any tiles, if items are always there and results always accepted."""
        ends = np.flatnonzero(np.asarray(items["activation"]["last"]))
        return self.tile_cycles(timing, [int(count) for count in np.diff(ends, prepend=-1)])

    def tile_cycles(self, timing: Timing, counts: list[int]) -> int:
        """Cycles from reset to the last result of tiles of so many pairs."""
        if not counts:
            return 0
        latency = self._bundle.plan(timing).latency
        return pair_ends(counts, self.rows)[-1] + 2 * self.rows + self.columns + latency - 1

    def product_cycles(self, timing: Timing, tiles: int, length: int) -> int:
        """Cycles from reset to the last result of so many tiles of ``length`` pairs."""
        return self.tile_cycles(timing, [length]) + (tiles - 1) * max(length, self.rows)

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """Cycles, use and traffic of the product asked about."""
        timing = timing or Timing()
        assert self.accumulator is not None
        products = product_range(self.activation, self.weight)
        sums = {"sums": sum_limit(self.accumulator, products)}
        if self.m is None or self.k is None or self.n is None:
            return sums
        return sums | product_facts(self, timing, self.m, self.k, self.n)

    def promise_ns(self, timing: Timing | None = None) -> float:
        return self._bundle.plan(timing).promise_ns

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return tensor_cost(self, timing or Timing())
