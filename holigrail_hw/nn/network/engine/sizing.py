"""The matrix engine of a network: the narrowest formats, and buffers for its largest layer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.formats import FixedFormat
from holigrail_hw.models.graph.graph import IntegerGraph

from .layers import Layer
from .products import Product, ends_of
from .rescale import Lane

__all__ = ["Ends", "Sizes", "depth_of", "engine_of", "integers_of_limits"]

Ends = tuple[int, int]
"""The least and the greatest of some integers."""

_DEPTH, _MOST_DEPTH, _SUMS = 1024, 1 << 16, 256


@dataclass(frozen=True)
class Sizes:
    """What a user may ask of the engine; the depth of its buffer is computed if none is given.

    ``lane_multiplier`` *host* leaves the lanes out; ``windows`` and ``sums`` say who makes windows,
    and who adds up sums too long for a command.
    """

    rows: int = 4
    columns: int = 4
    activation_depth: int | None = None
    buffer: str = "block"
    multiplier: str = "dsp"
    lane_multiplier: str = "dsp"
    windows: str = "host"
    sums: str = "host"
    batch: int = 1


def integers_of_limits(limits: Iterable[Ends]) -> FixedFormat:
    """The narrowest integers for such limits and 0."""
    least, most = zip(*limits, strict=True)
    low, high = min(0, *least), max(0, *most)
    width = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + (low < 0)
    return FixedFormat(max(width, 1), signed=low < 0)


def depth_of(sizes: Sizes, layers: Iterable[tuple[int, int]]) -> int:
    """Vectors of the buffer: the largest layer in one command, if these are not too many.

    ``layers`` are pairs of vectors of a frame and products of a sum.
    """
    if sizes.activation_depth is not None:
        return sizes.activation_depth
    tiles = [(vectors * sizes.batch, -(-length // sizes.rows)) for vectors, length in layers]
    whole = max(vectors * count for vectors, count in tiles)
    longest = max(count for _, count in tiles)
    wanted = max(min(whole, _DEPTH), min(longest, _MOST_DEPTH), 2)
    return 1 << (wanted - 1).bit_length()


def engine_of(
    graph: IntegerGraph,
    layers: Sequence[Layer],
    lane: Lane | None,
    sums: FixedFormat,
    depth: int,
    sizes: Sizes,
) -> Gemm:
    """The engine for some layers, whose sums fit in a format."""
    operands = (ends_of(graph.tensors[layer.node.inputs[0]], layer.node) for layer in layers)
    weights = (layer.weights(product) for layer in layers for product in layer.products)
    common: Mapping[str, Any] = {
        "rows": sizes.rows,
        "columns": sizes.columns,
        "buffer": sizes.buffer,
        "multiplier": sizes.multiplier,
        "resumable": sizes.sums == "engine",
        "windows": sizes.windows == "engine",
        "activation": integers_of_limits((int(a.min()), int(b.max())) for a, b in operands),
        "weight": integers_of_limits((int(w.min()), int(w.max())) for w in weights),
    }
    # The engine's own rule: every sum of a tile fits.
    tile = Gemm(**common, requantiser=None, activation_depth=2).sums.final
    assert isinstance(tile, FixedFormat)
    lanes: dict[str, Any] = {"requantiser": None}
    if lane is not None:
        lanes["result"] = integers_of_limits([(lane.low, lane.high)])
        lanes["requantiser"] = lane.parameters | {"multiplier": sizes.lane_multiplier}
    tallest = max(
        _vectors(layer, product, depth, sizes) for layer in layers for product in layer.products
    )
    return Gemm(
        **common,
        **lanes,
        accumulator=integers_of_limits((int(f.minimum), int(f.maximum)) for f in (tile, sums)),
        activation_depth=depth,
        accumulator_depth=1 << (min(tallest, _SUMS) - 1).bit_length(),
    )


def _vectors(layer: Layer, product: Product, depth: int, sizes: Sizes) -> int:
    """The most vectors that a command of a product may have."""
    vectors, tiles = layer.positions * sizes.batch, -(-len(product.taps) // sizes.rows)
    if sizes.sums == "engine":
        # In parts along K, so that weights come less often; each tile of N has rows of its own.
        return min(vectors * -(-len(product.channels) // sizes.columns), depth)
    if sizes.windows == "engine" and layer.node.window is not None:
        return max(layer.positions, min(vectors, depth // tiles))
    return min(vectors, depth // tiles)
