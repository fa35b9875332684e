"""The mean of a whole image: its pixels are weights, and the vector says which of them count."""

from collections.abc import Callable

import numpy as np

from holigrail_hw.soc.descriptors.kinds import Matmul
from holigrail_hw.soc.machine import Machine

from .buffers import Buffer, Geometry
from .layers import Product

__all__ = ["is_turned", "turned_descriptor"]

_MOST_STEP = (1 << 16) - 1


def is_turned(machine: Machine, layer: Product, a: Geometry) -> bool:
    """Whether a layer is the mean of one window, whose pixels can be weights.

    Then a tile of K is as many pixels as the array has rows, instead of one.
    """
    if not layer.is_diagonal or (layer.weights != layer.weights.flat[0]).any():
        return False
    sizes = layer.window.outputs(*a.image[:2])
    plain = layer.window.dilations == (1, 1) and not any(layer.window.pads)
    tiles = -(-_reach(layer, a) // machine.rows)
    fits = tiles <= machine.activation_depth and not a.pitch % machine.columns
    return plain and sizes == (1, 1) and fits and machine.rows * a.pitch <= _MOST_STEP


def _reach(layer: Product, a: Geometry) -> int:
    """Pixels in memory from the first one of a window to the last one."""
    high, wide = layer.window.kernel
    return (high - 1) * (a.row_step // a.pitch) + wide


def turned_descriptor(
    machine: Machine,
    layer: Product,
    buffers: tuple[Buffer, Buffer],
    parameters: bytes,
    constant: Callable[[bytes], int],
    *,
    wide: bool,
) -> Matmul:
    """A mean with pixels as weights: the vector has the weight for pixels of the window, else 0.

    ``parameters`` are 8 bytes per channel, or 16 if they are ``wide``; ``constant`` gives bytes an
    address. What is read beyond the window lies before it, unless the scratchpad begins there.
    """
    a, y = buffers
    tiles = -(-len(layer.bias) // machine.columns)
    lines, pixels = layer.window.kernel
    pitch, row = a.geometry.pitch, a.geometry.row_step // a.geometry.pitch
    reach, rescaling = _reach(layer, a.geometry), layer.rescaling
    nc = -(-reach // machine.rows)
    spare = nc * machine.rows - reach
    first = a.first - spare * pitch
    ahead = spare if first >= 0 else 0
    vector = np.zeros(nc * machine.rows, np.int8)
    for place in range(lines):
        start = ahead + place * row
        vector[start : start + pixels] = layer.weights.flat[0]
    return Matmul(
        nc=nc,
        a_base=constant(vector.tobytes()),
        a_step_c=machine.rows if nc > 1 else 0,
        column_tiles=tiles,
        w_base=a.first - ahead * pitch,
        w_step_row=pitch,
        w_step_k=machine.rows * pitch if nc > 1 else 0,
        w_step_n=machine.columns if tiles > 1 else 0,
        p_base=constant(parameters),
        p_wide=int(wide),
        y_base=y.first,
        y_step_column=machine.columns if tiles > 1 else 0,
        valid=len(layer.bias) % machine.columns,
        once=int(rescaling.once),
        zero_point=rescaling.zero_point,
        low=rescaling.low,
        high=rescaling.high,
    )
