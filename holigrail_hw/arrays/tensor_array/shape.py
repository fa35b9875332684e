"""The parameters of an array of dot-product elements, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.core import Engine, RequestError, Stream, Timing, parameter
from holigrail_hw.formats import Format, parse
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS

from ..shared.tiling import incomplete_sizes
from ..systolic_array.accumulating import pair_ends
from .bundle import BundledElement
from .element import TensorElement

__all__ = ["TensorShape"]

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


@dataclass(frozen=True, kw_only=True)
class TensorShape(Engine):
    """Sizes and formats of an array of dot products, and what follows from them."""

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
        f"{MULTIPLIER_MEANING}; fused: one bit heap for all of a dot product",
        choices=(*MULTIPLIERS, "fused"),
        samples=("rows",),
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

    def tile_cycles(self, timing: Timing, counts: list[int]) -> int:
        """Cycles from reset to the last result of tiles of so many pairs."""
        if not counts:
            return 0
        latency = self._bundle.plan(timing).latency
        return pair_ends(counts, self.rows)[-1] + 2 * self.rows + self.columns + latency - 1

    def product_cycles(self, timing: Timing, tiles: int, length: int) -> int:
        """Cycles from reset to the last result of so many tiles of ``length`` pairs."""
        return self.tile_cycles(timing, [length]) + (tiles - 1) * max(length, self.rows)

    def promise_ns(self, timing: Timing | None = None) -> float:
        return self._bundle.plan(timing).promise_ns
