"""The geometry of every tensor: what its readers need of pixels and borders."""

from dataclasses import dataclass

from holigrail_hw.core.errors import RequestError
from holigrail_hw.models.source.windows import Window
from holigrail_hw.soc.machine import Machine

from .buffers import Geometry
from .layers import Image, Layer, Maximum, Network, Product
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


def geometries_of(machine: Machine, network: Network) -> dict[str, Geometry]:
    """Geometries by tensor.

    Raises
    ------
    RequestError
        If two readers of a tensor need different values around it, or a window is too large.
    """
    borders: dict[str, tuple[int, int, int, int]] = {}
    values: dict[str, set[int]] = {}
    wrong = []
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
        raise RequestError(wrong)
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
    of a row; ``layer`` is the layer over that.
    """

    packed: Geometry
    windows: Geometry
    layer: Product


def stage_of(machine: Machine, network: Network, geometry: Geometry) -> Stage | None:
    """How the first layer reads the input by way of copied windows, if that takes fewer cycles."""
    readers = [layer for layer in network.layers if network.input in layer.operands]
    layer = readers[0]
    if len(readers) > 1 or not isinstance(layer, Product) or layer.is_diagonal:
        return None
    if layer.weights.shape[2] >= machine.rows or layer.window.dilations[1] != 1:
        return None
    rows, columns, channels = geometry.image
    wide = layer.window.kernel[1]
    packed = Geometry(geometry.image, channels, geometry.border, geometry.value)
    across = layer.window.outputs(rows, columns)[1]
    image: Image = (packed.size // packed.row_step, across, wide * channels)
    windows = Geometry(image, rounded_up(image[2], machine.grain))
    weights = layer.weights.reshape(len(layer.weights), 1, image[2], -1)
    window = Window(
        (layer.window.kernel[0], 1),
        (layer.window.strides[0], 1),
        (layer.window.dilations[0], 1),
    )
    tiles = [
        depth_of(machine, *given).k_tiles
        for given in ((layer.weights, layer.window, geometry), (weights, window, windows))
    ]
    pixels = int(across * network.images[layer.result][0])
    columns_of_tiles = -(-layer.weights.shape[3] // machine.columns)
    if (tiles[0] - tiles[1]) * pixels * columns_of_tiles <= image[0] * across * image[2]:
        return None
    staged = Product(
        operands=layer.operands,
        result=layer.result,
        source=layer.source,
        weights=weights,
        bias=layer.bias,
        window=window,
        border=layer.border,
        rescaling=layer.rescaling,
    )
    return Stage(packed, windows, staged)
