"""From an integer graph to a matrix engine of its own, and who does what.

A layer is finished by the engine's lanes where they can compute its requantisation. The sums of the
others come back to the host, in parts where they would not fit in a result.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Node

from .layers import Layer, Sums, for_lanes, offset_of, sums_of
from .plan import Plan
from .products import Block, Product, blocks_of, ends_of, grouped, parts_of
from .rescale import Rescale, has_lane, lane_of, plain, rescale_of, unscaled_width
from .sizing import Ends, Sizes, depth_of, engine_of, integers_of_limits

__all__ = ["plan_of"]

# Results that come through a lane have at most 16 bits.
_MOST_RESULT = 1 << 15


def plan_of(network: Any) -> Plan:
    """The plan of an operator ``network`` in style ``engine``; computed once."""
    names = Sizes.__dataclass_fields__
    given = {name: getattr(network, name) for name in names}
    sizes = Sizes(**{name: value for name, value in given.items() if value is not None})
    return _planned(network.graph, sizes)


@lru_cache(maxsize=16)
def _planned(graph: IntegerGraph, sizes: Sizes) -> Plan:
    return _Planner(for_lanes(graph), sizes).plan()


class _Planner:
    """What is known of the sums of a graph before the engine is."""

    def __init__(self, graph: IntegerGraph, sizes: Sizes):
        self._graph, self._sizes = graph, sizes
        self._sums = {one.node.name: one for one in sums_of(graph)}
        self._blocks = {name: self._cut(one) for name, one in self._sums.items()}
        self._ends = {
            name: ends_of(graph.tensors[one.node.inputs[0]], one.node)
            for name, one in self._sums.items()
        }
        # Whatever the signs of weights become.
        ends = [
            _ends(block, *self._ends[name])
            for name, blocks in self._blocks.items()
            for block in blocks
        ]
        self._format = integers_of_limits([*ends, *((-high, -low) for low, high in ends)])
        self._depth = depth_of(
            sizes,
            [
                (one.positions, max(len(block.taps) for block in self._blocks[name]))
                for name, one in self._sums.items()
            ],
        )

    @property
    def _longest(self) -> int:
        """The most products of a sum that the engine adds up."""
        if self._sizes.sums == "engine":
            return max(len(block.taps) for blocks in self._blocks.values() for block in blocks)
        return self._depth * self._sizes.rows

    def plan(self) -> Plan:
        """The engine and its steps."""
        rescales = self._rescales()
        raw = [name for name in self._sums if name not in rescales]
        limits = self._limits(rescales, raw) if rescales else None
        layers = {name: self._coded(name, rescale) for name, rescale in rescales.items()}
        for name in raw:
            made = self._plain(name, limits, [*rescales.values()])
            if made is not None:
                layers[name] = made
        lane, sums = None, self._format
        if limits is not None:
            given = [layer.rescale for layer in layers.values()]
            sums = replace(sums, width=max(sums.width, unscaled_width(given)))
            lane = lane_of(given, limits, sums.width)
        used = [*layers.values()]
        return Plan(
            self._graph,
            engine_of(self._graph, used, lane, sums, self._depth, self._sizes),
            self._steps(layers),
            lane,
            self._sizes.batch,
        )

    def _cut(self, sums: Sums) -> list[Block]:
        sizes = self._sizes
        vectors = sums.positions * sizes.batch
        return [*blocks_of(sums.node, grouped(sums.node, sizes.rows, sizes.columns, vectors))]

    def _rescales(self) -> dict[str, Rescale]:
        """Of the layers that lanes finish."""
        found: dict[str, Rescale] = {}
        if self._sizes.lane_multiplier == "host":
            return found
        for name, sums in self._sums.items():
            longest = max(len(block.taps) for block in self._blocks[name])
            if sums.code is None or longest > self._longest:
                continue
            rescale = rescale_of(sums.code.form, offset_of(sums.node))
            if (
                rescale is not None
                and has_lane(rescale, self._format.width)
                and -_MOST_RESULT <= rescale.low <= rescale.high < _MOST_RESULT
            ):
                found[name] = rescale
        return found

    def _limits(self, rescales: dict[str, Rescale], raw: list[str]) -> Ends:
        """Of results: those of codes, and of sums that come back whole or in parts."""
        ends = [(one.low, one.high) for one in rescales.values()]
        for name in raw:
            tensor = self._graph.tensors[name]
            low, high = int(tensor.low.min()), int(tensor.high.max())
            ends.append((max(low, -_MOST_RESULT), min(high, _MOST_RESULT - 1)))
        format = integers_of_limits(ends)
        return int(format.minimum), int(format.maximum)

    def _coded(self, name: str, rescale: Rescale) -> Layer:
        """A layer that lanes finish."""
        sums = self._sums[name]
        products = [Product(b.taps, b.weights, b.channels) for b in self._blocks[name]]
        return Layer(sums.node, sums.code, sums.positions, tuple(products), rescale)

    def _plain(self, name: str, limits: Ends | None, others: list[Rescale]) -> Layer | None:
        """A layer whose sums come back to the host; None if not even single products fit."""
        sums, rows = self._sums[name], self._sizes.rows
        offset, ends = offset_of(sums.node), self._ends[name]

        def fits(product: Product) -> bool:
            if limits is None:
                return True
            added = offset[product.channels] if product.first else np.zeros(1, np.int64)
            least, most = _ends(product, *ends, added)
            return limits[0] <= least and most <= limits[1]

        products: list[Product] = []
        for block in self._blocks[name]:
            parts = parts_of(block, rows, self._longest, fits)
            if parts is None:
                return None
            products += parts
        return Layer(sums.node, None, sums.positions, tuple(products), plain(offset, others))

    def _steps(self, layers: dict[str, Layer]) -> tuple[Layer | Node, ...]:
        done = {layer.code.name for layer in layers.values() if layer.code is not None}
        return tuple(
            layers.get(node.name, node) for node in self._graph.nodes if node.name not in done
        )


def _ends(block: Block, low: np.ndarray, high: np.ndarray, added: Any = 0) -> Ends:
    """Limits of all sums of a block, for elements of a window between ``low`` and ``high``."""
    low, high = low[block.taps], high[block.taps]
    plus, minus = np.maximum(block.weights, 0), np.minimum(block.weights, 0)
    least, most = low @ plus + high @ minus + added, high @ plus + low @ minus + added
    return int(least.min()), int(most.max())
