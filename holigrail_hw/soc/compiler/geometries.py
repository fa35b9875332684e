"""The geometry of every tensor: what its readers need of pixels and borders."""

from dataclasses import dataclass

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.models.source.windows import Window
from holigrail_hw.soc.machine import Machine

from .buffers import Geometry
from .layers import Image, Layer, Lookup, Maximum, Network, Product, Sum
from .tiles import depth_of

__all__ = ["Stage", "geometries_of", "rounded_up", "stage_of"]

_LEAST = -128
_MOST_SIDE = 255


def rounded_up(number: int, unit: int) -> int:
    """The next multiple of a unit."""
    return -(-number // unit) * unit


def _border(layer: Layer) -> tuple[tuple[int, int, int, int], int]:
    """What a layer's windows need around its operand."""
    if isinstance(layer, Product | Maximum) and any(layer.window.pads):
        return layer.window.pads, layer.border if isinstance(layer, Product) else _LEAST
    return (0, 0, 0, 0), 0


def _left_out(machine: Machine, network: Network, layer: Layer) -> list[str]:
    """Why a machine cannot do a layer whose unit it has not."""
    needs = None
    if isinstance(layer, Maximum) and not machine.maximum:
        needs = "maximum"
    if isinstance(layer, Sum | Lookup) and not machine.addition:
        needs = "addition"
    if needs is None:
        return []
    return [
        f"{network.name}: node {layer.result}, {layer.source}: the machine must have the unit"
        f" `{needs}` for a layer of the kind {layer.kind}, not leave it out"
    ]


def geometries_of(machine: Machine, network: Network) -> dict[str, Geometry]:
    """Geometries by tensor.

    Raises
    ------
    RequestError
        If two readers of a tensor need different values around it, a window is too large, or the
        machine has not what a layer needs.
    """
    borders: dict[str, tuple[int, int, int, int]] = {}
    values: dict[str, set[int]] = {}
    wrong = [line for layer in network.layers for line in _left_out(machine, network, layer)]
    hint = "leave --addition and --maximum out, or give true" if wrong else None
    for layer in network.layers:
        border, value = _border(layer)
        for name in layer.operands:
            before = borders.get(name, (0, 0, 0, 0))
            borders[name] = tuple(map(max, before, border))  # type: ignore[assignment]
            if any(border):
                values.setdefault(name, set()).add(value)
        if isinstance(layer, Product | Maximum) and max(layer.window.kernel) > _MOST_SIDE:
            wrong.append(
                f"{network.name}: node {layer.result}, {layer.source}: windows must be at most"
                f" {_MOST_SIDE} pixels wide and high, not {layer.window.kernel}"
            )
    for name, found in values.items():
        if len(found) > 1:
            wrong.append(
                f"{network.name}: tensor {name}: all its readers must have one value around the"
                f" image, not {sorted(found)}"
            )
    if wrong:
        raise RequestError(wrong, hint=hint)
    return {
        name: Geometry(
            image,
            rounded_up(image[2], machine.grain),
            borders.get(name, (0, 0, 0, 0)),
            min(values.get(name, {0})),
        )
        for name, image in network.images.items()
    }


@dataclass(frozen=True, eq=False)
class Stage:
    """A first layer over windows that are copied one by one, so that few channels fill tiles.

    ``packed`` is the input with its border and no gaps, ``windows`` has a pixel for every window
    of a row, or for those of ``folded`` rows together; ``layer`` is the layer over that.
    """

    packed: Geometry
    windows: Geometry
    layer: Product
    folded: int

    @property
    def copied(self) -> int:
        """Bytes that are copied."""
        rows, across, length = self.windows.image
        return rows * across * length


def stage_of(machine: Machine, network: Network, geometry: Geometry) -> Stage | None:
    """How the first layer reads the input by way of copied windows, if that takes fewer cycles."""
    readers = [layer for layer in network.layers if network.input in layer.operands]
    layer = readers[0]
    if len(readers) > 1 or not isinstance(layer, Product) or layer.is_diagonal:
        return None
    if layer.weights.shape[2] >= machine.rows or layer.window.dilations[1] != 1:
        return None
    rows, across, _ = network.images[layer.result]
    vectors = rows * across * -(-layer.weights.shape[3] // machine.columns)

    def cycles(stage: Stage | None) -> int:
        if stage is None:
            return vectors * depth_of(machine, layer.weights, layer.window, geometry).k_tiles
        staged = stage.layer
        depth = depth_of(machine, staged.weights, staged.window, stage.windows)
        return vectors * depth.k_tiles + stage.copied

    folds = {1, layer.window.strides[0] if layer.window.dilations[0] == 1 else 1}
    ways = [None, *(_staged(machine, layer, geometry, (rows, across), n) for n in sorted(folds))]
    return min(ways, key=cycles)


def _staged(
    machine: Machine, layer: Product, geometry: Geometry, outputs: tuple[int, int], folded: int
) -> Stage:
    """Windows of ``folded`` rows as one pixel, where that is 1 or the vertical stride."""
    channels = geometry.image[2]
    high, wide = layer.window.kernel
    packed = Geometry(geometry.image, channels, geometry.border, geometry.value)
    tall = -(-high // folded)
    weights = np.zeros((tall * folded, *layer.weights.shape[1:]), np.int64)
    weights[:high] = layer.weights
    length = folded * wide * channels
    stride = layer.window.strides[0] // folded
    rows = packed.size // packed.row_step
    if folded > 1:
        rows = outputs[0] - 1 + tall
    image: Image = (rows, outputs[1], length)
    staged = Product(
        operands=layer.operands,
        result=layer.result,
        source=layer.source,
        weights=weights.reshape(tall, 1, length, -1),
        bias=layer.bias,
        window=Window((tall, 1), (stride, 1), (layer.window.dilations[0], 1)),
        border=layer.border,
        rescaling=layer.rescaling,
    )
    return Stage(packed, Geometry(image, rounded_up(length, machine.grain)), staged, folded)
